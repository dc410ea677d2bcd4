// What a monitor makes of a guest and a record that another one left.

#include <signal.h>
#include <sys/wait.h>

#include <gmock/gmock.h>
#include <optional>
#include <string>
#include <vector>

#include "base/time_format.h"
#include "monitor/test_pod.h"
#include "os/process_identity.h"
#include "os/subprocess.h"
#include "pod/event_log.h"

namespace virtcontainers {
namespace {

using testing::ElementsAre;

class PodMonitorTakeoverTest : public PodMonitorTest {
 protected:
  ~PodMonitorTakeoverTest() override {
    if (!vm_) return;
    ::kill(vm_->pid(), SIGKILL);
    ::waitpid(vm_->pid(), nullptr, 0);
  }

  // A pod that runs, by its record, with a container "a".
  void Leave(const ContainerRecord& container) {
    Create({Container("a")});
    auto vm = Subprocess::Spawn({.argv = {"sleep", "infinity"}, .env = {}, .fds = {}});
    ASSERT_TRUE(vm) << vm.error().ToString();
    vm_.emplace(std::move(*vm));
    PodRecord record = Record();
    record.state = PodState::kRunning;
    VmRecord& running = record.vm.emplace();
    running.info.process = IdentifyProcess(vm_->pid()).value();
    record.containers = {container};
    ASSERT_TRUE(files_.SaveRecord(record));
    Told(EventType::kPodCreated, "");
  }

  // As the monitor before has written it.
  void Told(EventType type, const std::string& container, std::optional<int> exit = {}) {
    Event event;
    event.type = type;
    event.pod = "web";
    event.container = container;
    event.time = Now();
    if (exit) event.exit = ExitStatus{*exit};
    ASSERT_TRUE(EventLog(directory_ / "root").Append(event));
  }

  // In the guest "a" has been made, and if it is given a command has run that and ended, or runs.
  void HaveInGuest(std::optional<std::vector<std::string>> command) {
    faults_.guest = [this, command = std::move(command)](Agent& guest) {
      ASSERT_TRUE(guest.CreateSandbox({.id = "web+pod", .hostname = "web"}, Soon()));
      ASSERT_TRUE(guest.CreateContainer(
          {Container("a", command.value_or(std::vector<std::string>{"true"})), directory_ / "rootfs"},
          Soon()));
      if (command) {
        ASSERT_TRUE(guest.StartContainer("a", Soon()));
      }
    };
  }

  // Takes over, waits until what has ended is written down, and ends. What was told of the container then.
  std::vector<std::string> TakeOver() {
    size_t before = EventsOf(EventLogPaths(directory_ / "root"), "web").size();
    const Status taken = pod_->TakeOver(Soon());
    EXPECT_TRUE(taken) << taken.error().ToString();
    if (!taken) return {};
    (void)pod_->DeleteContainer("a", Soon());
    after_ = Record();
    pod_.reset();
    std::vector<std::string> told;
    for (const Event& event : EventsOf(EventLogPaths(directory_ / "root"), "web")) {
      if (before > 0) {
        --before;
      } else if (event.container == "a" && event.type != EventType::kContainerDeleted) {
        told.push_back(std::string(EventTypeName(event.type)) +
                       (event.exit ? " " + std::to_string(event.exit->code) : ""));
      }
    }
    return told;
  }

  static ContainerRecord Stopped(int code) {
    ContainerRecord record;
    record.id = "a";
    record.state = ContainerState::kStopped;
    record.exit = ExitStatus{code};
    record.created = record.started = record.finished = Now();
    return record;
  }

  std::optional<Subprocess> vm_;
  PodRecord after_;
};

// Its monitor started it again, it ended at once, and the monitor was killed before it had noted the start.
TEST_F(PodMonitorTakeoverTest, TakeOver_RestartedContainerEnded_LogsNewExitCode) {
  ContainerRecord record = Stopped(7);
  record.restarting = true;
  Leave(record);
  Told(EventType::kContainerStarted, "a");
  Told(EventType::kContainerExited, "a", 7);
  HaveInGuest(std::vector<std::string>{"exit", "4"});
  EXPECT_THAT(TakeOver(), ElementsAre("container-started", "container-exited 4"));
}

TEST_F(PodMonitorTakeoverTest, TakeOver_ExitEventLogged_IsNotRepeated) {
  Leave(Stopped(7));
  Told(EventType::kContainerStarted, "a");
  Told(EventType::kContainerExited, "a", 7);
  HaveInGuest(std::vector<std::string>{"exit", "7"});
  EXPECT_THAT(TakeOver(), ElementsAre());
}

TEST_F(PodMonitorTakeoverTest, TakeOver_ExitEventMissing_IsLoggedBeforeNextStart) {
  ContainerRecord record = Stopped(7);
  record.restarting = true;
  Leave(record);
  Told(EventType::kContainerStarted, "a");
  HaveInGuest(std::vector<std::string>{"exit", "4"});
  EXPECT_THAT(TakeOver(), ElementsAre("container-exited 7", "container-started", "container-exited 4"));
}

TEST_F(PodMonitorTakeoverTest, TakeOver_RestartDidNotHappen_LogsNoEvent) {
  ContainerRecord record = Stopped(7);
  record.restarting = true;
  Leave(record);
  Told(EventType::kContainerStarted, "a");
  Told(EventType::kContainerExited, "a", 7);
  HaveInGuest(std::nullopt);
  EXPECT_THAT(TakeOver(), ElementsAre());
}

TEST_F(PodMonitorTakeoverTest, TakeOver_StartEventMissing_IsLoggedOnce) {
  ContainerRecord record = Stopped(0);
  record.state = ContainerState::kRunning;
  record.exit.reset();
  record.finished.reset();
  Leave(record);
  HaveInGuest(std::vector<std::string>{"exit", "4"});
  EXPECT_THAT(TakeOver(), ElementsAre("container-started", "container-exited 4"));
}

TEST_F(PodMonitorTakeoverTest, TakeOver_StartEventLogged_IsNotRepeated) {
  ContainerRecord record = Stopped(0);
  record.state = ContainerState::kRunning;
  record.exit.reset();
  record.finished.reset();
  Leave(record);
  Told(EventType::kContainerStarted, "a");
  HaveInGuest(std::vector<std::string>{"exit", "4"});
  EXPECT_THAT(TakeOver(), ElementsAre("container-exited 4"));
}

// A log of events that no longer goes back so far.
TEST_F(PodMonitorTakeoverTest, TakeOver_EventsOlderThanLog_AreNotRepeated) {
  Leave(Stopped(7));
  EventLogPaths paths(directory_ / "root");
  ASSERT_EQ(::unlink(paths.current().c_str()), 0);
  Told(EventType::kPodPaused, "");
  HaveInGuest(std::vector<std::string>{"exit", "7"});
  EXPECT_THAT(TakeOver(), ElementsAre());
}

// What a start writes down before it happens.
TEST_F(PodMonitorTest, StartContainer_Again_RecordsRestartingBeforeStart) {
  Start({Container("b")});
  ASSERT_TRUE(pod_->StopContainer("b", std::chrono::milliseconds(1000), Soon()));
  std::optional<ContainerRecord> seen;
  faults_.before_start = [&] { seen = *Record().Find("b"); };
  ASSERT_TRUE(pod_->StartContainer("b", Soon()));
  ASSERT_TRUE(seen);
  EXPECT_TRUE(seen->restarting);
  EXPECT_EQ(seen->state, ContainerState::kStopped) << "as all who read it know it";
  EXPECT_EQ(seen->exit, ExitStatus{128 + SIGTERM});
  EXPECT_FALSE(Record().Find("b")->restarting);
  // Nor after one that failed.
  ASSERT_TRUE(pod_->StopContainer("b", std::chrono::milliseconds(1000), Soon()));
  faults_.start_of_b = true;
  EXPECT_FALSE(pod_->StartContainer("b", Soon()));
  EXPECT_FALSE(Record().Find("b")->restarting);
  EXPECT_EQ(Record().Find("b")->exit, ExitStatus{127});
}

}  // namespace
}  // namespace virtcontainers
