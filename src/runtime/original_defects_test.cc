// What went wrong in the library that this one takes the place of, through the API: each with its letter,
// which other tests of the same names have for the parts below.

#include "os/marked_process.h"
#include "pod/pod_mark.h"
#include "runtime/test_runtime.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;

class OriginalDefect : public RuntimeTest {
 protected:
  PodState OnDisk(const std::string& pod) { return PodFiles(Paths(pod)).LoadRecord()->state; }
};

// State was written before the work that it told of.
TEST_F(OriginalDefect, A_AStartThatFailsDoesNotLeaveRunningOnDisk) {
  CreateAndStart(Pod("web", {Container("a")}));
  ASSERT_OK(runtime_.PausePod("web", Soon()));
  EXPECT_CODE(runtime_.StartPod("web", Soon()), Code::kFailedPrecondition);
  EXPECT_EQ(OnDisk("web"), PodState::kPaused);

  PodConfig broken = Pod("broken", {Container("a")});
  broken.hypervisor.accelerator = Accelerator::kKvm;  // which a mock VM has not
  ASSERT_OK(runtime_.CreatePod(broken));
  EXPECT_FALSE(runtime_.StartPod("broken", Soon()));
  EXPECT_EQ(OnDisk("broken"), PodState::kReady);
}

// A pod whose VM was killed was running for ever, and could be neither stopped nor deleted.
TEST_F(OriginalDefect, B_APodWhoseVmIsKilledIsStoppedAndCanGoOn) {
  CreateAndStart(Pod("web", {Container("a")}));
  Kill(StatusOf("web").vm_pid);
  ASSERT_TRUE(Eventually([&] { return OnDisk("web") == PodState::kStopped; }));
  EXPECT_OK(runtime_.StopPod("web", milliseconds(0), Soon()));
  ASSERT_OK(runtime_.StartPod("web", Soon()));
  Kill(StatusOf("web").vm_pid);
  EXPECT_OK(runtime_.DeletePod("web", Soon()));
}

TEST_F(OriginalDefect, F_APausedPodWithAContainerCanBeStoppedAndDeleted) {
  CreateAndStart(Pod("web", {Container("a")}));
  ASSERT_OK(runtime_.PausePod("web", Soon()));
  EXPECT_OK(runtime_.StopPod("web", milliseconds(0), Soon()));
  EXPECT_OK(runtime_.DeletePod("web", Soon()));
}

TEST_F(OriginalDefect, G_APodThatWasNeverStartedDoesNotRunAfterAResume) {
  ASSERT_OK(runtime_.CreatePod(Pod("web", {Container("a")})));
  EXPECT_CODE(runtime_.PausePod("web", Soon()), Code::kFailedPrecondition);
  EXPECT_CODE(runtime_.ResumePod("web", Soon()), Code::kFailedPrecondition);
  EXPECT_EQ(StatusOf("web").state, PodState::kReady);
  EXPECT_EQ(OnDisk("web"), PodState::kReady);
}

// A pod whose creation failed had left its state, its sockets and a VM that no list showed.
TEST_F(OriginalDefect, K_APodThatCouldNotBeCreatedOrStartedLeavesNothing) {
  ContainerConfig nowhere = Container("a");
  nowhere.rootfs = directory_ / "nowhere";
  EXPECT_FALSE(runtime_.CreatePod(Pod("web", {nowhere})));
  EXPECT_EQ(runtime_.ListPod()->size(), 0u);
  EXPECT_EQ(directory_.Entries("root/pods"), 0u);

  // And one whose VM runs by the time that it fails.
  PodConfig late = Pod("late", {Container("a"), Container("a2")});
  ASSERT_OK(runtime_.CreatePod(late));
  ASSERT_TRUE(WriteFileAtomically(Paths("late").container("a2"), "nonsense"));
  EXPECT_FALSE(runtime_.StartPod("late", Soon()));
  EXPECT_EQ(OnDisk("late"), PodState::kReady);
  EXPECT_TRUE(Eventually([&] { return FindMarkedProcesses(ProcessesOfPod(Paths("late").mark))->empty(); }))
      << "its monitor is on its way out, and nothing else";
  EXPECT_FALSE(FileExists(Paths("late").run_dir));
}

}  // namespace
}  // namespace virtcontainers
