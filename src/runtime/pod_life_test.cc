// The life of a pod, from its creation to its end, by the calls of a runtime.

#include "runtime/test_runtime.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

using PodLife = RuntimeTest;

TEST_F(PodLife, FromCreateToDelete) {
  PodConfig config = Pod("web", {Container("a"), Container("b", {"echo", "hello"})});
  config.annotations = {{"owner", "me"}};
  ASSERT_OK(runtime_.CreatePod(config));

  PodStatus pod = StatusOf("web");
  EXPECT_EQ(pod.state, PodState::kReady);
  EXPECT_EQ(pod.hypervisor, "mock");
  EXPECT_EQ(pod.agent, "noop");
  EXPECT_EQ(pod.vm_pid, 0);
  EXPECT_TRUE(pod.created);
  EXPECT_FALSE(pod.started);
  EXPECT_EQ(pod.annotations, config.annotations);
  ASSERT_EQ(pod.containers.size(), 2u);
  EXPECT_EQ(pod.containers[0].state, ContainerState::kReady);
  EXPECT_EQ(pod.containers[1].args, (std::vector<std::string>{"echo", "hello"}));

  ASSERT_OK(runtime_.StartPod("web", Soon()));
  pod = StatusOf("web");
  EXPECT_EQ(pod.state, PodState::kRunning);
  EXPECT_EQ(pod.hypervisor_version, "mock");
  EXPECT_GT(pod.vm_pid, 0);
  EXPECT_GT(pod.monitor_pid, 0);
  EXPECT_TRUE(pod.started);
  EXPECT_EQ(pod.containers[0].state, ContainerState::kRunning);

  // What a container says is in its log, and its end is known, without anybody's asking.
  ASSERT_TRUE(Eventually([&] { return StatusOf("web").containers[1].state == ContainerState::kStopped; }));
  const ContainerStatus echo = *runtime_.ContainerStatus("web", "b");
  EXPECT_EQ(echo.exit, ExitStatus{0});
  EXPECT_TRUE(echo.finished);
  EXPECT_EQ(echo.reason, "");
  EXPECT_THAT(TestDirectory::Read(echo.log), HasSubstr(" stdout F hello\n"));

  ASSERT_OK(runtime_.StopPod("web", milliseconds(2000), Soon()));
  pod = StatusOf("web");
  EXPECT_EQ(pod.state, PodState::kStopped);
  EXPECT_EQ(pod.reason, "");
  EXPECT_EQ(pod.vm_pid, 0);
  EXPECT_EQ(pod.monitor_pid, 0);
  EXPECT_TRUE(pod.finished);
  EXPECT_EQ(pod.containers[0].state, ContainerState::kStopped);
  EXPECT_EQ(pod.containers[0].exit, ExitStatus{128 + SIGTERM});

  ASSERT_OK(runtime_.DeletePod("web", Soon()));
  EXPECT_CODE(runtime_.PodStatus("web"), Code::kNotFound);
}

}  // namespace
}  // namespace virtcontainers
