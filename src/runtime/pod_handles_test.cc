// Handles: the calls of Runtime by another name.

#include <chrono>
#include <future>
#include <string>

#include "runtime/test_runtime.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::StartsWith;

class PodHandles : public RuntimeTest {
 protected:
  const virtcontainers::Pod web_ = runtime_.pod("web");
  const virtcontainers::Container a_ = web_.container("a");
};

TEST_F(PodHandles, Handles_HoldIds_AndCompareByThem) {
  EXPECT_EQ(web_.id(), "web");
  EXPECT_EQ(a_.id(), "a");
  EXPECT_EQ(a_.pod_id(), "web");
  EXPECT_EQ(a_.pod(), web_);
  EXPECT_EQ(runtime_.pod("web"), web_);
  EXPECT_NE(runtime_.pod("db"), web_);
  EXPECT_NE(web_.container("b"), a_);
  EXPECT_NE(runtime_.pod("db").container("a"), a_);
  virtcontainers::Container assigned = web_.container("b");
  assigned = a_;
  EXPECT_EQ(assigned, a_);
}

TEST_F(PodHandles, Pod_WholeLife_ForwardsEveryCall) {
  ASSERT_OK(runtime_.CreatePod(Pod("web")));
  ASSERT_OK(web_.CreateContainer(Container("a"), Soon()));
  EXPECT_EQ(web_.Fetch()->containers.size(), 1u);
  ASSERT_OK(web_.Start(Soon()));
  EXPECT_EQ(web_.GetStatus()->state, PodState::kRunning);
  EXPECT_OK(web_.GetStats(Soon()));
  ASSERT_OK(web_.Pause(Soon()));
  EXPECT_EQ(web_.GetStatus()->state, PodState::kPaused);
  ASSERT_OK(web_.Resume(Soon()));
  EXPECT_EQ(web_.RestoreMonitor(Soon()).value_or(true), false);
  const auto process = web_.Enter(Command({"cat"}), Soon());
  ASSERT_OK(process);
  EXPECT_OK(web_.OpenProcess((*process)->id(), Soon()));
  EXPECT_CODE(a_.OpenProcess((*process)->id(), Soon()), Code::kNotFound) << "it is the pod's";
  EXPECT_EQ(web_.RunCommand(Command({"echo", "in the pod"}), {}, Soon())->stdout_data, "in the pod\n");
  ASSERT_OK(web_.Stop(milliseconds(0), Soon()));
  EXPECT_EQ(web_.GetStatus()->state, PodState::kStopped);
  ASSERT_OK(web_.Delete(Soon()));
  EXPECT_CODE(web_.GetStatus(), Code::kNotFound);
}

TEST_F(PodHandles, Container_WholeLife_ForwardsEveryCall) {
  ContainerConfig attached = Container("a", {"cat"});
  attached.output = ContainerOutput::kAttach;
  CreateAndStart(Pod("web", {attached}));
  EXPECT_EQ(a_.GetStatus()->state, ContainerState::kRunning);
  EXPECT_OK(a_.GetStats(Soon()));
  EXPECT_OK(a_.ListProcesses(Soon()));
  ASSERT_OK(a_.Pause(Soon()));
  EXPECT_EQ(a_.GetStatus()->state, ContainerState::kPaused);
  ASSERT_OK(a_.Resume(Soon()));
  ContainerResources resources;
  resources.pids_limit = 10;
  ASSERT_OK(a_.Update(resources, Soon()));
  EXPECT_EQ(web_.Fetch()->containers[0].resources.pids_limit, 10);
  const auto entered = a_.Enter(Command({"cat"}), Soon());
  ASSERT_OK(entered);
  EXPECT_OK(a_.OpenProcess((*entered)->id(), Soon()));
  EXPECT_CODE(web_.OpenProcess((*entered)->id(), Soon()), Code::kNotFound) << "it is the container's";
  EXPECT_EQ(a_.RunCommand(Command({"echo", "in it"}), {}, Soon())->stdout_data, "in it\n");
  const auto first = a_.Attach(Soon());
  ASSERT_OK(first);
  ASSERT_OK((*first)->WriteStdin("hello", Soon()));
  ASSERT_OK((*first)->CloseStdin(Soon()));
  EXPECT_EQ(ReadToEnd(**first), "hello");
  EXPECT_EQ(a_.Wait(Soon())->code, 0);
  ASSERT_OK(a_.Start(Soon()));
  ASSERT_OK(a_.Kill(SIGKILL, Soon()));
  EXPECT_EQ(a_.Wait(Soon())->code, 128 + SIGKILL);
  ASSERT_OK(a_.Start(Soon()));
  ASSERT_OK(a_.Stop(milliseconds(0), Soon()));
  ASSERT_OK(a_.Delete(Soon()));
  EXPECT_CODE(a_.GetStatus(), Code::kNotFound);
}

TEST_F(PodHandles, Calls_Fail_NameTheCallAndBothIds) {
  CreateAndStart(Pod("web", {Container("b")}));
  const auto text = [](const auto& result) { return result ? "" : result.error().ToString(); };
  EXPECT_EQ(text(runtime_.pod("db").Start(Soon())),
            "start pod 'db': no pod 'db' in '" + Options().root + "'");
  EXPECT_EQ(text(a_.Start(Soon())), "start container 'a' of pod 'web': no container 'a' in pod 'web'");
  EXPECT_THAT(text(a_.CopyTo("/nonexistent", "/x", {}, Soon())),
              StartsWith("copy into container 'a' of pod 'web': "));
  EXPECT_THAT(text(a_.CopyFrom("/x", directory_ / "x", {}, Soon())),
              StartsWith("copy out of container 'a' of pod 'web': "));
  EXPECT_THAT(text(a_.Attach(Soon())), HasSubstr("container 'a'"));
  EXPECT_THAT(text(a_.Dial({.port = 80}, Soon())), HasSubstr("container 'a'"));
  EXPECT_THAT(text(runtime_.pod("db").Dial({.port = 80}, Soon())), HasSubstr("pod 'db'"));
}

// With an empty id the string calls mean the pod's own root file system.
TEST_F(PodHandles, Container_EmptyId_IsNotThePod) {
  CreateAndStart(Pod("web"));
  const auto process = web_.Enter(Command({"cat"}), Soon());
  ASSERT_OK(process);
  const virtcontainers::Container nobody = web_.container("");
  EXPECT_CODE(nobody.RunCommand(Command({"true"}), {}, Soon()), Code::kInvalidArgument);
  EXPECT_CODE(nobody.OpenProcess((*process)->id(), Soon()), Code::kInvalidArgument);
  EXPECT_CODE(nobody.Enter(Command({"true"}), Soon()), Code::kInvalidArgument);
  EXPECT_CODE(nobody.Dial({.port = 80}, Soon()), Code::kInvalidArgument);
}

TEST_F(PodHandles, Handle_PodCreatedAgain_WorksOnNewPod) {
  CreateAndStart(Pod("web", {Container("a")}));
  ASSERT_OK(web_.Stop(milliseconds(0), Soon()));
  ASSERT_OK(web_.Delete(Soon()));
  EXPECT_CODE(a_.GetStatus(), Code::kNotFound);
  ASSERT_OK(runtime_.CreatePod(Pod("web", {Container("a")})));
  EXPECT_EQ(a_.GetStatus()->state, ContainerState::kReady);
}

}  // namespace
}  // namespace virtcontainers
