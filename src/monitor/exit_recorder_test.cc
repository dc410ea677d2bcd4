// How ends are recorded: with a guest that is played by the test.

#include "monitor/exit_recorder.h"

#include <signal.h>

#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/noop/noop_agent.h"
#include "base/test_deadline.h"
#include "base/time_format.h"
#include "monitor/reported_events.h"
#include "os/file.h"
#include "os/test_directory.h"
#include "pod/event_log.h"
#include "pod/store.h"

namespace virtcontainers {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ExitRecorderTest : public testing::Test {
 protected:
  void SetUp() override {
    PodConfig pod;
    pod.id = "web";
    pod.hypervisor.type = "mock";
    ASSERT_TRUE(store_.CreatePod(pod));
    ASSERT_TRUE(keeper_.Load());
    events_ = std::make_unique<EventOutbox>(store_.root(), "web");
    processes_ = std::make_unique<ProcessTable>(agent_);
    exits_ = std::make_unique<ExitRecorder>(keeper_, *events_, *agent_, *processes_);
    SandboxConfig sandbox;
    sandbox.id = "sandbox";
    ASSERT_TRUE(agent_->Connect({}, Soon()));
    ASSERT_TRUE(agent_->CreateSandbox(sandbox, Soon()));
  }
  void TearDown() override {
    agent_->Close();
    exits_.reset();
    events_.reset();
  }

  // A container in the guest and in the record.
  void Make(const std::string& id, ContainerState state = ContainerState::kReady) {
    GuestContainer container;
    container.config.id = id;
    container.config.process.args = {"sleep"};
    ASSERT_TRUE(agent_->CreateContainer(container, Soon()));
    ASSERT_TRUE(keeper_.Change([&](LivePod& pod) {
      pod.record.state = PodState::kRunning;
      ContainerRecord& record = pod.record.containers.emplace_back();
      record.id = id;
      record.state = state;
    }));
  }

  void Run(const std::string& id) {
    Make(id, ContainerState::kRunning);
    ASSERT_TRUE(agent_->StartContainer(id, Soon()));
    exits_->Expect(id, nullptr);
    exits_->Follow(id, nullptr);
  }

  void Kill(const std::string& id) { ASSERT_TRUE(agent_->SignalProcess({id, ""}, SIGKILL, false, Soon())); }

  ContainerRecord OnDisk(const std::string& id) const { return *files_.LoadRecord()->Find(id); }

  // What is in the log of events when all is written.
  std::vector<std::string> Reported() {
    agent_->Close();
    exits_.reset();
    events_.reset();
    std::vector<std::string> ends;
    for (const Event& event : EventsOf(EventLogPaths(store_.root()), "web")) {
      if (event.type == EventType::kContainerExited) ends.push_back(event.container);
      if (event.type == EventType::kProcessExited) ends.push_back(event.container + "/" + event.process);
    }
    return ends;
  }

  const TestDirectory directory_;
  const Store store_ = *Store::Open(directory_ / "root", directory_ / "run");
  const PodFiles files_ = store_.Pod("web");
  RecordKeeper keeper_{files_};
  std::shared_ptr<NoopAgent> agent_ = std::make_shared<NoopAgent>();
  std::unique_ptr<EventOutbox> events_;
  std::unique_ptr<ProcessTable> processes_;
  std::unique_ptr<ExitRecorder> exits_;
};

TEST_F(ExitRecorderTest, Follow_ContainerEnds_IsRecordedAndReportedOnce) {
  Run("a");
  Kill("a");
  ASSERT_TRUE(exits_->WaitForState("a", ContainerState::kStopped, Soon()));
  EXPECT_EQ(OnDisk("a").state, ContainerState::kStopped);
  EXPECT_EQ(OnDisk("a").exit->code, 128 + SIGKILL);
  EXPECT_TRUE(OnDisk("a").finished);
  EXPECT_TRUE(keeper_.Read([](const LivePod& pod) { return pod.endings.empty(); }));
  EXPECT_THAT(Reported(), ElementsAre("a"));
}

TEST_F(ExitRecorderTest, WaitForState_ContainerRuns_FailsAtDeadline) {
  Run("a");
  EXPECT_FALSE(
      exits_->WaitForState("a", ContainerState::kStopped, Deadline::After(std::chrono::milliseconds(1))));
  exits_->AwaitEnding("a");
  EXPECT_EQ(OnDisk("a").state, ContainerState::kRunning);
}

TEST_F(ExitRecorderTest, WaitForState_UnknownContainerOrStoppedPod_Returns) {
  EXPECT_TRUE(exits_->WaitForState("nobody", ContainerState::kStopped, Soon()));
  Run("a");
  keeper_.Update([](LivePod& pod) { pod.stopped = true; });
  EXPECT_TRUE(exits_->WaitForState("a", ContainerState::kStopped, Soon()));
}

TEST_F(ExitRecorderTest, WatchUnstarted_ContainerIsKilled_IsRecordedWithReason) {
  Make("a");
  exits_->WatchUnstarted("a");
  Kill("a");
  ASSERT_TRUE(exits_->WaitForState("a", ContainerState::kStopped, Soon()));
  EXPECT_EQ(OnDisk("a").reason, "it ended before it was started");
  EXPECT_THAT(Reported(), ElementsAre("a"));
}

TEST_F(ExitRecorderTest, WatchUnstarted_Forgotten_RecordsNothing) {
  Make("a");
  exits_->WatchUnstarted("a");
  exits_->ForgetUnstarted("a");
  Kill("a");
  EXPECT_THAT(Reported(), IsEmpty());
  EXPECT_EQ(OnDisk("a").state, ContainerState::kReady);
}

TEST_F(ExitRecorderTest, WatchUnstarted_PodIsStopping_RecordsNothing) {
  Make("a");
  exits_->WatchUnstarted("a");
  keeper_.Update([](LivePod& pod) { pod.stopping = true; });
  Kill("a");
  EXPECT_THAT(Reported(), IsEmpty());
  EXPECT_EQ(OnDisk("a").state, ContainerState::kReady);
}

TEST_F(ExitRecorderTest, Follow_AgentIsLost_RecordsNoExit) {
  Run("a");
  agent_->Close();
  exits_->AwaitEnding("a");
  EXPECT_EQ(OnDisk("a").state, ContainerState::kRunning) << "the VM's end says what became of it";
  EXPECT_THAT(Reported(), IsEmpty());
}

TEST_F(ExitRecorderTest, FollowExec_ProcessEnds_ReportsStartBeforeEnd) {
  Run("a");
  ProcessConfig config;
  config.args = {"exit", "3"};
  ASSERT_TRUE(agent_->ExecProcess({"a", "p"}, config, Soon()));
  bool started = false;
  exits_->FollowExec("a", {"a", "p"}, true, [&started] { started = true; });
  std::promise<ExitStatus> exit;
  processes_->Wait({"a", "p"}, Soon(),
                   [&exit](const Result<ExitStatus>& status) { exit.set_value(*status); });
  EXPECT_EQ(exit.get_future().get().code, 3);
  EXPECT_TRUE(started);
  EXPECT_THAT(Reported(), ElementsAre("a/p"));
}

TEST_F(ExitRecorderTest, Record_CannotBeWritten_IsWrittenWhenItCan) {
  Run("a");
  ASSERT_TRUE(RemoveTree(files_.paths().state()));
  ASSERT_TRUE(MakeDirectories(files_.paths().state() + "/in-the-way"));
  Kill("a");
  ASSERT_TRUE(exits_->WaitForState("a", ContainerState::kStopped, Soon()));
  ASSERT_TRUE(RemoveTree(files_.paths().state()));
  for (const Deadline deadline = Soon(); !files_.LoadRecord() && !deadline.passed();) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(OnDisk("a").state, ContainerState::kStopped);
}

TEST_F(ExitRecorderTest, ReportedEvents_OfTheLog_KnowLastStartAndEnd) {
  events_->Emit(EventType::kPodCreated);
  events_->Emit(EventType::kContainerStarted, "a");
  events_->Emit(EventType::kContainerStarted, "b");
  events_->Emit(EventType::kContainerExited, "b");
  events_->Emit(EventType::kProcessStarted, "a", "p");
  (void)Reported();
  const ReportedEvents reported(store_.root(), "web");
  EXPECT_FALSE(reported.HasEnd("a", ""));
  EXPECT_TRUE(reported.HasEnd("b", ""));
  EXPECT_TRUE(reported.HasStart("a", "p"));
  EXPECT_FALSE(reported.HasStart("a", "q"));
  ContainerRecord record;
  record.id = "a";
  EXPECT_TRUE(reported.HasStart(record));
  EXPECT_FALSE(reported.HasEnd(record));
  record.id = "b";
  EXPECT_FALSE(reported.HasStart(record)) << "its start has been followed by an end";
}

}  // namespace
}  // namespace virtcontainers
