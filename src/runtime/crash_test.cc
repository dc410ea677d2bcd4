// What becomes of pods whose VM, monitor or files are lost.

#include <unistd.h>

#include <fstream>

#include "monitor/launch.h"
#include "os/marked_process.h"
#include "os/subprocess.h"
#include "runtime/test_runtime.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

using Crash = RuntimeTest;

TEST_F(Crash, Vm_Killed_StopsPodWithReason) {
  CreateAndStart(Pod("web", {Container("a")}));
  const auto process = runtime_.EnterContainer("web", "a", Command({"cat"}), Soon());
  ASSERT_OK(process);
  const pid_t monitor = StatusOf("web").monitor_pid;
  const ProcessIdentity monitor_identity = *IdentifyProcess(monitor);
  ASSERT_EQ(::kill(StatusOf("web").vm_pid, SIGKILL), 0);
  EXPECT_CODE((*process)->Wait(Soon()), Code::kUnavailable);
  ASSERT_TRUE(Eventually([&] { return StatusOf("web").reason == "vm exited: killed by signal 9"; }));
  const PodStatus pod = StatusOf("web");
  EXPECT_EQ(pod.state, PodState::kStopped);
  EXPECT_EQ(pod.vm_pid, 0);
  EXPECT_EQ(pod.containers[0].state, ContainerState::kStopped);
  EXPECT_EQ(pod.containers[0].reason, "vm exited: killed by signal 9");
  EXPECT_FALSE(pod.containers[0].exit);

  EXPECT_OK(runtime_.StopPod("web", milliseconds(0), Soon()));
  EXPECT_EQ(StatusOf("web").reason, "vm exited: killed by signal 9") << "it stays";
  ASSERT_OK(runtime_.StartPod("web", Soon()));
  EXPECT_EQ(StatusOf("web").state, PodState::kRunning);
  EXPECT_EQ(StatusOf("web").reason, "");
  EXPECT_FALSE(IsAlive(monitor_identity));
}

// The agent of these pods lives in their monitor: of its containers the next one knows that they are gone.
TEST_F(Crash, Monitor_Killed_IsReplaced) {
  CreateAndStart(Pod("web", {Container("a"), Container("b")}));
  const auto process = runtime_.EnterContainer("web", "a", Command({"cat"}), Soon());
  ASSERT_OK(process);
  const PodStatus before = StatusOf("web");
  KillMonitor("web");

  PodStatus pod = StatusOf("web");
  EXPECT_EQ(pod.state, PodState::kRunning) << "its VM runs";
  EXPECT_EQ(pod.vm_pid, before.vm_pid);
  EXPECT_EQ(pod.reason, "its monitor has died: the next call on the pod starts another");
  EXPECT_CODE(runtime_.StartPod("web", Soon()), Code::kFailedPrecondition);
  EXPECT_CODE(runtime_.DeletePod("web", Soon()), Code::kFailedPrecondition);
  EXPECT_CODE((*process)->Wait(Soon()), Code::kNotFound);
  EXPECT_OK(runtime_.EnterPod("web", Command({"true"}), Soon()));
  pod = StatusOf("web");
  EXPECT_EQ(pod.vm_pid, before.vm_pid);
  EXPECT_NE(pod.monitor_pid, before.monitor_pid);
  EXPECT_EQ(pod.containers[0].state, ContainerState::kStopped);
  EXPECT_EQ(pod.containers[0].reason, "its end was not seen");
  EXPECT_OK(runtime_.StartContainer("web", "a", Soon()));
  KillMonitor("web");
  EXPECT_EQ(runtime_.RestoreMonitor("web", Soon()).value(), true);
  EXPECT_EQ(runtime_.RestoreMonitor("web", Soon()).value(), false);
  KillMonitor("web");

  const ProcessIdentity vm = *IdentifyProcess(before.vm_pid);
  ASSERT_OK(runtime_.StopPod("web", milliseconds(0), Soon()));
  EXPECT_FALSE(IsAlive(vm)) << "a VM is left";
  EXPECT_FALSE(FileExists(Paths("web").run_dir));
  pod = StatusOf("web");
  EXPECT_EQ(pod.state, PodState::kStopped);
  EXPECT_EQ(pod.containers[0].state, ContainerState::kStopped);
  ASSERT_OK(runtime_.StartPod("web", Soon()));
  EXPECT_EQ(StatusOf("web").state, PodState::kRunning);
  EXPECT_EQ(runtime_.RestoreMonitor("web", Soon()).value(), false);
}

TEST_F(Crash, Monitor_KilledWhilePodIsPaused_PodStaysPaused) {
  CreateAndStart(Pod("web"));
  ASSERT_OK(runtime_.PausePod("web", Soon()));
  KillMonitor("web");
  EXPECT_EQ(runtime_.RestoreMonitor("web", Soon()).value(), true);
  EXPECT_EQ(StatusOf("web").state, PodState::kPaused);
  KillMonitor("web");
  ASSERT_OK(runtime_.ResumePod("web", Soon()));
  EXPECT_OK(runtime_.EnterPod("web", Command({"true"}), Soon()));
}

TEST_F(Crash, MonitorAndVm_Killed_StopPod) {
  CreateAndStart(Pod("web", {Container("a")}));
  const PodStatus before = StatusOf("web");
  KillMonitor("web");
  Kill(before.vm_pid);
  const PodStatus pod = StatusOf("web");
  EXPECT_EQ(pod.state, PodState::kStopped);
  EXPECT_EQ(pod.reason, "the VM is gone, and so is its monitor");
  EXPECT_EQ(pod.containers[0].state, ContainerState::kStopped);
  EXPECT_OK(runtime_.StopPod("web", milliseconds(0), Soon()));
  ASSERT_OK(runtime_.StartPod("web", Soon()));
  KillMonitor("web");
  Kill(StatusOf("web").vm_pid);
  EXPECT_OK(runtime_.DeletePod("web", Soon()));
}

TEST_F(Crash, StartPod_MonitorIsKilled_LeavesNothing) {
  ASSERT_OK(runtime_.CreatePod(Pod("web", {Container("a")})));
  // A VM that was noted, by a monitor that got no further.
  Result<Subprocess> vm =
      Subprocess::Spawn({.argv = {"sleep", "1000"}, .env = MarkedEnvironment(Paths("web").mark)});
  ASSERT_OK(vm);
  const PodFiles files(Paths("web"));
  PodRecord record = *files.LoadRecord();
  record.vm.emplace().info.process = *IdentifyProcess(vm->pid());
  ASSERT_OK(files.SaveRecord(record));
  EXPECT_EQ(StatusOf("web").state, PodState::kReady);
  ASSERT_OK(runtime_.StartPod("web", Soon()));
  EXPECT_OK(vm->Wait(Deadline::After(milliseconds(0)))) << "the VM of the start that failed";
  EXPECT_EQ(StatusOf("web").state, PodState::kRunning);
}

TEST_F(Crash, Host_Restarts_PodsAreStopped) {
  CreateAndStart(Pod("web", {Container("a")}));
  KillMonitor("web");
  Kill(StatusOf("web").vm_pid);
  const PodFiles files(Paths("web"));
  PodRecord record = *files.LoadRecord();
  ASSERT_EQ(record.state, PodState::kRunning);
  // The numbers are another's since.
  record.vm->info.process = *IdentifyProcess(::getpid());
  record.vm->info.process.boot_id = "another";
  ASSERT_OK(files.SaveRecord(record));
  EXPECT_EQ(StatusOf("web").state, PodState::kStopped);
  EXPECT_EQ(StatusOf("web").reason, "the host was restarted");
  EXPECT_OK(runtime_.StartPod("web", Soon())) << "and this process lives";
}

TEST_F(Crash, State_Damaged_HurtsNoOtherPod) {
  ASSERT_OK(runtime_.CreatePod(Pod("broken", {Container("a")})));
  CreateAndStart(Pod("web", {Container("a")}));
  for (const char* text : {"", "{", "[]", "{\"version\": 1, \"state\": \"flying\"}", "\xff\xfe"}) {
    SCOPED_TRACE(text);
    std::ofstream(Paths("broken").state()) << text;
    const auto pods = runtime_.ListPod();
    ASSERT_OK(pods);
    ASSERT_EQ(pods->size(), 2u);
    EXPECT_EQ((*pods)[0].id, "broken");
    EXPECT_EQ((*pods)[0].state, PodState::kStopped);
    EXPECT_THAT((*pods)[0].reason, HasSubstr("state.json' cannot be read"));
    EXPECT_EQ((*pods)[1].state, PodState::kRunning);
    EXPECT_THAT(StatusOf("broken").reason, HasSubstr("state.json' cannot be read"));
    EXPECT_CODE(runtime_.ContainerStatus("broken", "a"), Code::kDataLoss);
    EXPECT_CODE(runtime_.StartPod("broken", Soon()), Code::kDataLoss);
    EXPECT_OK(runtime_.StopPod("broken", milliseconds(0), Soon()));
  }
  EXPECT_OK(runtime_.DeletePod("broken", Soon()));
  EXPECT_EQ(runtime_.ListPod()->size(), 1u);
}

// Files as a disk may give them back: cut at any byte, or with any byte another. An answer, and no other pod
// is touched by it.
TEST_F(Crash, Files_Torn_AreNamed) {
  ASSERT_OK(runtime_.CreatePod(Pod("torn", {Container("a")})));
  ASSERT_OK(runtime_.CreatePod(Pod("whole", {Container("a")})));
  for (const std::string& path :
       {Paths("torn").state(), Paths("torn").config(), Paths("torn").container("a")}) {
    const std::string whole = TestDirectory::Read(path);
    ASSERT_GT(whole.size(), 50u) << path;
    const auto look = [&](const std::string& text) {
      std::ofstream(path, std::ios::trunc) << text;
      const PodStatus torn = StatusOf("torn");
      std::string reasons = torn.reason;
      for (const ContainerStatus& container : torn.containers) reasons += container.reason;
      const auto pods = runtime_.ListPod();
      EXPECT_OK(pods);
      EXPECT_EQ(pods->size(), 2u);
      EXPECT_EQ(StatusOf("whole").state, PodState::kReady);
      EXPECT_EQ(reasons.empty(), reasons.find(path) == reasons.npos) << "it names the file: " << reasons;
      return reasons.empty();
    };
    // What ends a file are a brace and an end of line.
    for (size_t size = 0; size < whole.size() - 2; ++size) {
      EXPECT_FALSE(look(whole.substr(0, size))) << path << " cut after " << size;
    }
    for (size_t at = 0; at < whole.size(); ++at) {
      std::string flipped = whole;
      flipped[at] = static_cast<char>(flipped[at] ^ 0x80);
      EXPECT_FALSE(look(flipped)) << path << " with another byte at " << at << ": no text has such a byte";
    }
    EXPECT_TRUE(look(whole));
  }
}

// A VM that lives, and whose files no monitor can bring back.
TEST_F(Crash, Vm_WithoutHelperAndMonitor_IsEnded) {
  CreateAndStart(Pod("web", {Container("a")}));
  const ProcessIdentity vm = *IdentifyProcess(StatusOf("web").vm_pid);
  KillMonitor("web");
  EXPECT_EQ(StatusOf("web").state, PodState::kRunning) << "another monitor can take it over";
  const PodFiles files = Store::Open(Options().root, Options().run)->Pod("web");
  PodRecord record = *files.LoadRecord();
  record.attachments = {{"share", {{"virtiofsd", record.monitor}}, {}, {}}};  // one that is dead
  ASSERT_OK(files.SaveRecord(record));
  EXPECT_EQ(StatusOf("web").state, PodState::kStopped);
  EXPECT_EQ(StatusOf("web").reason, "virtiofsd is gone, and so is the pod's monitor");
  EXPECT_TRUE(IsAlive(vm)) << "who only looks changes nothing";
  ASSERT_OK(runtime_.StartPod("web", Soon()));
  EXPECT_FALSE(IsAlive(vm));
  EXPECT_EQ(StatusOf("web").state, PodState::kRunning);
}

TEST_F(Crash, StopPod_StateIsLost_MonitorStopsPod) {
  CreateAndStart(Pod("web", {Container("a")}));
  const ProcessIdentity vm = *IdentifyProcess(StatusOf("web").vm_pid);
  std::ofstream(Paths("web").state()) << "{";
  EXPECT_EQ(runtime_.DeletePod("web", Soon()).error().ToString(),
            "delete pod 'web': pod 'web' is running: stop it first");
  ASSERT_OK(runtime_.StopPod("web", milliseconds(2000), Soon()));
  EXPECT_FALSE(IsAlive(vm));
  EXPECT_EQ(StatusOf("web").state, PodState::kStopped) << "it is written anew";
}

TEST_F(Crash, Configuration_Damaged_IsNamed) {
  ASSERT_OK(runtime_.CreatePod(Pod("web", {Container("a")})));
  std::ofstream(Paths("web").container("a")) << "nonsense";
  const Status started = runtime_.StartPod("web", Soon());
  EXPECT_CODE(started, Code::kDataLoss);
  EXPECT_THAT(started.error().ToString(), HasSubstr("containers/a.json' cannot be read"));
  EXPECT_OK(runtime_.DeleteContainer("web", "a", Soon()));
  EXPECT_OK(runtime_.StartPod("web", Soon()));
}

// The caller of StartPod dies just after it has started a monitor, and somebody else starts the pod: there is
// one VM, and none comes up later.
TEST_F(Crash, Monitor_SecondOne_Ends) {
  ASSERT_OK(runtime_.CreatePod(Pod("web", {Container("a")})));
  ASSERT_OK(runtime_.StartPod("web", Soon()));
  const pid_t vm = StatusOf("web").vm_pid;
  const Status second =
      LaunchMonitor(MonitorProgram(), Paths("web"), Options().guest, MonitorTask::kStart, Soon());
  EXPECT_CODE(second, Code::kAborted);
  EXPECT_EQ(second.error().ToString(), "the pod has been started by somebody else");
  EXPECT_EQ(StatusOf("web").vm_pid, vm);
  EXPECT_OK(runtime_.EnterPod("web", Command({"true"}), Soon())) << "its socket is still there";
}

}  // namespace
}  // namespace virtcontainers
