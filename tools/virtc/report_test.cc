#include "report.h"

#include <fcntl.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "status_report.h"

namespace virtc {
namespace {

using testing::HasSubstr;
using testing::Not;
using virtcontainers::Bytes;
using virtcontainers::Code;
using virtcontainers::ContainerState;
using virtcontainers::ContainerStatus;
using virtcontainers::Error;
using virtcontainers::ExitStatus;
using virtcontainers::Json;
using virtcontainers::PodState;
using virtcontainers::PodStatus;
using virtcontainers::Time;

PodStatus StoppedPod() {
  PodStatus pod;
  pod.id = "web";
  pod.state = PodState::kStopped;
  pod.reason = "vm exited: killed by signal 9";
  pod.hypervisor = "qemu";
  pod.machine = "q35";
  pod.accelerator = "tcg";
  pod.accelerator_reason = "no svm";
  pod.sandbox = "none: not root";
  pod.agent = "kata";
  pod.vcpus = 1;
  pod.memory = Bytes::MiB(256);
  pod.created = Time(std::chrono::milliseconds(1'500'000'000'042));
  ContainerStatus container;
  container.id = "main";
  container.state = ContainerState::kStopped;
  container.exit = ExitStatus{137};
  container.args = {"sh", "-c", "sleep 1000 && echo this is a very long command line"};
  pod.containers.push_back(container);
  return pod;
}

TEST(Table, Render_Table_ColumnsFitWidestCell) {
  const Report report{Json(),
                      {Table{{"ID", "STATE", "X"}, {{"a-long-id", "up", "1"}, {"ü", "running", ""}}}}};
  EXPECT_EQ(Render(report, Format::kTable),
            "ID         STATE    X\n"
            "a-long-id  up       1\n"
            "ü          running  -\n");
}

TEST(Table, Render_NoRows_HasHeader) {
  EXPECT_EQ(Render(PodListReport({}, false), Format::kTable),
            "POD ID  STATE  HYPERVISOR  ACCEL  CONTAINERS  CREATED\n");
  EXPECT_EQ(Render(PodListReport({}, false), Format::kJson), "[]\n");
  EXPECT_EQ(Render(PodListReport({}, true), Format::kTable), "");
}

TEST(Table, Render_ControlCharacters_AreReplaced) {
  const Report report{Json(), {Table{{}, {{"a\x1b[2Jb\nc", "d"}}}, "x\x07\ty"}};
  EXPECT_EQ(Render(report, Format::kTable), "a\\x1b[2Jb\\nc  d\nx\\x07\ty\n");
  EXPECT_EQ(Printable("a\xc2\x9b"
                      "2J\r\n",
                      true),
            "a\\x9b2J\n");
}

TEST(Report, Render_Empty_IsEmpty) {
  EXPECT_EQ(Render({}, Format::kTable), "");
  EXPECT_EQ(Render({}, Format::kJson), "");
}

TEST(Report, Render_PodAsTable_HasLines) {
  const std::string text = Render(PodReport(StoppedPod()), Format::kTable);
  EXPECT_THAT(text, HasSubstr("state        stopped (vm exited: killed by signal 9)\n"));
  EXPECT_THAT(text, HasSubstr("accelerator  tcg (no svm)\n"));
  EXPECT_THAT(text, HasSubstr("sandbox      none: not root\n"));
  EXPECT_THAT(text, HasSubstr("size         1 vCPU, 256 MiB\n"));
  EXPECT_THAT(text, Not(HasSubstr("vm pid")));
  EXPECT_THAT(text,
              HasSubstr("main          stopped  137   -        sh -c 'sleep 1000 && echo this is a v...\n"));
}

TEST(Report, Render_PodAsJson_HasFields) {
  EXPECT_EQ(Render(PodReport(StoppedPod()), Format::kJson), R"({
  "id": "web",
  "state": "stopped",
  "reason": "vm exited: killed by signal 9",
  "hypervisor": "qemu",
  "hypervisor_version": null,
  "machine": "q35",
  "accelerator": "tcg",
  "accelerator_reason": "no svm",
  "sandbox": "none: not root",
  "agent": "kata",
  "agent_version": null,
  "transport": null,
  "vcpus": 1,
  "memory_bytes": 268435456,
  "vm_pid": null,
  "monitor_pid": null,
  "console": null,
  "created": "2017-07-14T02:40:00.042Z",
  "started": null,
  "finished": null,
  "networks": [],
  "containers": [
    {
      "id": "main",
      "state": "stopped",
      "reason": null,
      "exit_code": 137,
      "created": null,
      "started": null,
      "finished": null,
      "rootfs": "",
      "args": [
        "sh",
        "-c",
        "sleep 1000 && echo this is a very long command line"
      ],
      "log": null,
      "annotations": {}
    }
  ],
  "annotations": {}
}
)");
}

TEST(Report, ContainersOfAllPods_AreShownWithTheirPods) {
  PodStatus empty;
  empty.id = "empty";
  const std::vector<PodStatus> pods = {empty, StoppedPod()};
  EXPECT_EQ(Render(ContainerListReport(pods, false), Format::kTable),
            "POD ID  CONTAINER ID  STATE    EXIT  STARTED  COMMAND\n"
            "web     main          stopped  137   -        sh -c 'sleep 1000 && echo this is a v...\n");
  EXPECT_EQ(Render(ContainerListReport(pods, true), Format::kTable), "web/main\n");
  EXPECT_EQ(Render(ContainerListReport(pods, true), Format::kJson), "[\n  \"web/main\"\n]\n");
  EXPECT_THAT(Render(ContainerListReport(pods, false), Format::kJson), HasSubstr("\"pod\": \"web\""));
  EXPECT_EQ(Render(ContainerListReport(StoppedPod(), true), Format::kTable), "main\n");
  EXPECT_THAT(Render(ContainerListReport(StoppedPod(), false), Format::kTable), Not(HasSubstr("POD ID")));
}

TEST(Report, Render_Changed_IsIdOrStatus) {
  EXPECT_EQ(Render(Changed(StoppedPod()), Format::kTable), "web\n");
  EXPECT_THAT(Render(Changed(StoppedPod()), Format::kJson), HasSubstr("\"state\": \"stopped\""));
  EXPECT_EQ(Render(Deleted("web"), Format::kJson), "{\n  \"id\": \"web\"\n}\n");
}

TEST(Report, RenderError_TableOrJson_HasCodeAndText) {
  Error error(Code::kNotFound, "pod 'web' is not there");
  EXPECT_EQ(RenderError(error, Format::kTable), "virtc: pod 'web' is not there\n");
  EXPECT_EQ(RenderError(error, Format::kJson),
            "{\n  \"error\": {\n    \"code\": \"NOT_FOUND\",\n    \"message\": \"pod 'web' is not there\"\n  "
            "}\n}\n");
}

TEST(Report, Hint_StandsBehindTheMessage) {
  const Error error = Error(Code::kFailedPrecondition, "it runs").AddContext("delete pod 'web'");
  EXPECT_EQ(WithHint(error, "stop it").ToString(), "delete pod 'web': it runs: stop it");
  EXPECT_EQ(WithHint(error, "stop it").code(), Code::kFailedPrecondition);
}

TEST(Report, Render_InvalidUtf8_IsReplaced) {
  EXPECT_THAT(Render(Deleted("a\xff"), Format::kJson), HasSubstr("a\xef\xbf\xbd"));
}

TEST(WriteAll, WriteAll_FullDevice_Fails) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  const auto written = WriteAll(full, "x");
  ::close(full);
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message(), HasSubstr("No space left"));
}

}  // namespace
}  // namespace virtc
