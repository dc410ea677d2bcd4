// The same life on QEMU's smallest machine.

#include "integration/fixture.h"

namespace virtcontainers::test {
namespace {

class Microvm : public PodTest {};

TEST_F(Microvm, Pod_OnMicrovm_RunsStopsAndIsDeleted) {
  PodConfig config = Pod("small", {Container("a"), Container("b", {"sh", "-c", "echo from b; exit 3"})});
  config.hypervisor.machine = "microvm";
  config.resources.vcpus = 2;
  ASSERT_OK(runtime().CreatePod(config));
  EXPECT_EQ(StatusOf("small").machine, "microvm");
  ASSERT_OK(runtime().StartPod("small"));
  const PodStatus pod = StatusOf("small");
  EXPECT_EQ(pod.state, PodState::kRunning);
  EXPECT_EQ(pod.machine, "microvm");
  EXPECT_EQ(WaitUntilStopped("small", "b").exit, ExitStatus{3});
  EXPECT_THAT(FileContent(StatusOf("small", "b").log), testing::HasSubstr(" stdout F from b\n"));

  const Finished entered =
      Finish(runtime().EnterContainer("small", "a", Shell("nproc; cat >/in; echo err >&2; exit 4")),
             "written inside");
  EXPECT_EQ(entered.out, "2\n");
  EXPECT_EQ(entered.err, "err\n");
  EXPECT_EQ(entered.code, 4);
  EXPECT_EQ(FileContent(config.containers[0].rootfs + "/in"), "written inside");
  EXPECT_EQ(Finish(runtime().EnterPod("small", Command({"echo", "guest"}))).out, "guest\n");

  const ContainerConfig later = Container("later", {"sh", "-c", "exit 8"});
  ASSERT_OK(runtime().CreateContainer("small", later));
  ASSERT_OK(runtime().StartContainer("small", "later"));
  EXPECT_EQ(WaitUntilStopped("small", "later").exit, ExitStatus{8});
  ASSERT_OK(runtime().DeleteContainer("small", "later"));

  ASSERT_OK(runtime().StopPod("small", std::chrono::milliseconds(0)));
  EXPECT_EQ(StatusOf("small").state, PodState::kStopped);
  ASSERT_OK(runtime().DeletePod("small"));
}

}  // namespace
}  // namespace virtcontainers::test
