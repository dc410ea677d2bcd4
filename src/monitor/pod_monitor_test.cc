#include "monitor/pod_monitor.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "monitor/test_pod.h"
#include "pod/event_log.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;

TEST_F(PodMonitorTest, Pod_WholeLife_HasEachState) {
  Start({Container("a"), Container("b", {"exit", "4"})});
  EXPECT_EQ(Record().state, PodState::kRunning);
  EXPECT_EQ(Record().monitor.pid, ::getpid());
  ASSERT_TRUE(pod_->StopContainer("a", milliseconds(1000), Soon()));
  EXPECT_EQ(Record().Find("a")->exit, ExitStatus{128 + SIGTERM});
  ASSERT_TRUE(pod_->StopContainer("b", milliseconds(1000), Soon())) << "it ended by itself";
  EXPECT_EQ(Record().Find("b")->exit, ExitStatus{4});
  ASSERT_TRUE(pod_->StartContainer("b", Soon()));
  ASSERT_TRUE(pod_->CreateContainer(Container("c"), Soon()));
  ASSERT_TRUE(pod_->StartContainer("c", Soon()));
  ASSERT_TRUE(pod_->Exec("c", "e", Command({"true"}), Soon()));
  ASSERT_TRUE(pod_->StopPod(milliseconds(1000), Soon()));
  pod_->WaitUntilStopped();
  EXPECT_EQ(Record().state, PodState::kStopped);
  EXPECT_EQ(Record().vm, std::nullopt);
  EXPECT_FALSE(FileExists(files_.paths().run_dir));
  EXPECT_TRUE(pod_->StopPod(milliseconds(0), Soon())) << "who comes late finds it done";
  EXPECT_EQ(pod_->Exec("", "e", Command({"true"}), Soon()).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(pod_->CreateContainer(Container("d"), Soon()).error().code(), Code::kUnavailable);
}

TEST_F(PodMonitorTest, StartAndExec_BeforeWaitIsRegistered_EmitNoStartedEvent) {
  Start({});
  const auto told = [&](EventType type) {
    const std::vector<Event> events = EventsOf(EventLogPaths(store_.root()), "web");
    return std::any_of(events.begin(), events.end(), [&](const Event& event) { return event.type == type; });
  };
  // Events are written by a thread of their own.
  const auto becomes_told = [&](EventType type) {
    for (const Deadline deadline = Soon(); !told(type) && !deadline.passed();)
      std::this_thread::sleep_for(milliseconds(1));
    return told(type);
  };
  ASSERT_TRUE(pod_->CreateContainer(Container("a"), Soon()));
  int waits = 0;
  faults_.before_wait = [&] {
    ++waits;
    EXPECT_FALSE(told(EventType::kContainerStarted)) << "nobody could attach to it yet";
    EXPECT_EQ(Record().Find("a")->state, ContainerState::kReady);
  };
  ASSERT_TRUE(pod_->StartContainer("a", Soon()));
  EXPECT_TRUE(becomes_told(EventType::kContainerStarted));
  faults_.before_wait = [&] {
    ++waits;
    EXPECT_FALSE(told(EventType::kProcessStarted)) << "nobody could open it yet";
  };
  ASSERT_TRUE(pod_->Exec("a", "e", Command({"true"}), Soon()));
  EXPECT_TRUE(becomes_told(EventType::kProcessStarted));
  EXPECT_EQ(waits, 2);
  faults_.before_wait = nullptr;
  ASSERT_TRUE(pod_->StopPod(milliseconds(0), Soon()));
}

TEST_F(PodMonitorTest, Start_ServeCallback_RunsBeforeRecordIsRunning) {
  Create({Container("a")});
  PodState seen = PodState::kPaused;
  ContainerState container = ContainerState::kPaused;
  ASSERT_TRUE(pod_->Start(Soon(), [&]() -> Status {
    seen = Record().state;
    container = Record().Find("a")->state;
    return {};
  }));
  EXPECT_EQ(seen, PodState::kReady);
  EXPECT_EQ(container, ContainerState::kReady) << "no part of a start is seen";
  EXPECT_EQ(Record().state, PodState::kRunning);
}

TEST_F(PodMonitorTest, Start_ContainerFails_IsUndone) {
  faults_.start_of_b = true;
  Create({Container("a", {"true"}), Container("b")});
  const Status started = pod_->Start(Soon());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().ToString(), "start container 'b': no such command");
  EXPECT_EQ(started.error().code(), Code::kNotFound);
  pod_.reset();
  const PodRecord record = Record();
  EXPECT_EQ(record.state, PodState::kReady);
  EXPECT_EQ(record.vm, std::nullopt);
  for (const ContainerRecord& container : record.containers) {
    EXPECT_EQ(container.state, ContainerState::kReady) << container.id;
    EXPECT_FALSE(container.exit);
  }
  EXPECT_FALSE(FileExists(files_.paths().run_dir));
}

TEST_F(PodMonitorTest, Start_ServeCallbackFails_FailsAndRecordStaysReady) {
  Create({Container("a")});
  EXPECT_EQ(pod_->Start(Soon(), [] { return Status(Fail(Code::kAlreadyExists, "taken")); }).error().message(),
            "taken");
  pod_.reset();
  EXPECT_EQ(Record().state, PodState::kReady);
}

// The pod was deleted while its monitor came up: a VM that nobody knows of would be left.
TEST_F(PodMonitorTest, Start_RecordCannotBeWritten_Fails) {
  Create({Container("a")});
  parts_.agents["noop"] = [&]() -> std::unique_ptr<Agent> {
    EXPECT_TRUE(RemoveTree(files_.paths().dir));
    return std::make_unique<FaultyAgent>(faults_);
  };
  const Status started = pod_->Start(Soon());
  ASSERT_FALSE(started);
  pod_.reset();
  siginfo_t info{};
  EXPECT_NE(::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), 0) << "the VM runs";
  EXPECT_FALSE(FileExists(files_.paths().dir)) << "nothing of it comes back";
}

TEST_F(PodMonitorTest, StartContainer_StartFails_ContainerIsStoppedWithReasonAndExitCode) {
  faults_.start_of_b = true;
  Start({Container("a")});
  ASSERT_TRUE(pod_->CreateContainer(Container("b", {"exit", "3"}), Soon()));
  EXPECT_EQ(pod_->StartContainer("b", Soon()).error().code(), Code::kNotFound);
  const auto failed = [&] {
    const ContainerRecord b = *Record().Find("b");
    EXPECT_EQ(b.state, ContainerState::kStopped);
    EXPECT_EQ(b.reason, "start failed: no such command");
    EXPECT_EQ(b.exit, ExitStatus{127});
    EXPECT_FALSE(b.started);
    EXPECT_TRUE(b.finished);
    EXPECT_FALSE(b.restarting);
  };
  failed();
  EXPECT_TRUE(pod_->StopContainer("b", milliseconds(0), Soon())) << "it is stopped already";

  faults_.start_of_b = false;
  ASSERT_TRUE(pod_->StartContainer("b", Soon()));
  EXPECT_TRUE(Record().Find("b")->started);
  ASSERT_TRUE(pod_->StopContainer("b", milliseconds(1000), Soon()));
  EXPECT_EQ(Record().Find("b")->exit, ExitStatus{3});
  EXPECT_EQ(Record().Find("b")->reason, "");
  faults_.start_of_b = true;
  EXPECT_FALSE(pod_->StartContainer("b", Soon())) << "one that ran before";
  failed();
  EXPECT_TRUE(pod_->DeleteContainer("b", Soon()));
}

TEST_F(PodMonitorTest, StartContainer_RootfsMissing_ExitCodeIs128) {
  Start({});
  ContainerConfig config = Container("b");
  config.rootfs = directory_ / "other";
  ASSERT_EQ(::mkdir(config.rootfs.c_str(), 0755), 0);
  ASSERT_TRUE(pod_->CreateContainer(config, Soon()));
  ASSERT_EQ(::rmdir(config.rootfs.c_str()), 0);
  faults_.start_of_b = true;
  ASSERT_FALSE(pod_->StartContainer("b", Soon()));
  EXPECT_EQ(Record().Find("b")->state, ContainerState::kStopped);
  EXPECT_EQ(Record().Find("b")->exit, ExitStatus{128});
}

TEST_F(PodMonitorTest, Vm_Killed_StopsPod) {
  Start({Container("a"), Container("b", {"true"})});
  ASSERT_TRUE(pod_->StopContainer("b", milliseconds(1000), Soon()));
  ASSERT_EQ(::kill(Record().vm->info.process.pid, SIGKILL), 0);
  pod_->WaitUntilStopped();
  const PodRecord record = Record();
  EXPECT_EQ(record.state, PodState::kStopped);
  EXPECT_EQ(record.reason, "vm exited: killed by signal 9");
  EXPECT_EQ(record.containers[0].reason, "vm exited: killed by signal 9");
  EXPECT_EQ(record.containers[1].reason, "");
  EXPECT_EQ(record.containers[1].exit, ExitStatus{0});
}

TEST_F(PodMonitorTest, StopPod_VmDoesNotEnd_FailsAndStaysRunning) {
  Start({Container("a")});
  faults_.stuck_vm = true;
  EXPECT_EQ(pod_->StopPod(milliseconds(100), Soon()).error().message(), "the vm does not die");
  EXPECT_EQ(Record().state, PodState::kRunning);
  faults_.stuck_vm = false;
  EXPECT_TRUE(pod_->StopPod(milliseconds(100), Soon())) << "again";
  EXPECT_EQ(Record().state, PodState::kStopped);
}

TEST_F(PodMonitorTest, StopPod_GuestHangs_EndsInBoundedTime) {
  Start({Container("a"), Container("b"), Container("c")});
  faults_.deaf = true;
  const auto before = std::chrono::steady_clock::now();
  EXPECT_TRUE(pod_->StopPod(milliseconds(100), Soon()));
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(10));
  EXPECT_EQ(Record().state, PodState::kStopped);
}

TEST_F(PodMonitorTest, Operations_DeadlineHasPassed_ChangeNothing) {
  Start({Container("a")});
  const Deadline passed = Deadline::After(std::chrono::seconds(-1));
  for (const Status& status :
       {pod_->StopPod(milliseconds(0), passed), pod_->StopContainer("a", milliseconds(0), passed),
        pod_->StartContainer("a", passed), pod_->DeleteContainer("a", passed),
        pod_->CreateContainer(Container("b"), passed)}) {
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code(), Code::kDeadlineExceeded);
  }
  EXPECT_EQ(Record().Find("a")->state, ContainerState::kRunning);
  EXPECT_EQ(Record().containers.size(), 1u);
}

TEST_F(PodMonitorTest, Destructor_PodRuns_EndsVm) {
  Start({Container("a"), Container("b")});
  const pid_t vm = Record().vm->info.process.pid;
  ASSERT_TRUE(pod_->Exec("a", "e", Command({"cat"}), Soon()));
  pod_.reset();
  EXPECT_NE(::kill(vm, 0), 0);
}

}  // namespace
}  // namespace virtcontainers
