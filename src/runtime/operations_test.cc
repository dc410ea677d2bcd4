// The calls beside making, starting and stopping, on VMs that do nothing.

#include <fcntl.h>
#include <poll.h>

#include <thread>

#include "runtime/test_runtime.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class OperationsTest : public RuntimeTest {
 protected:
  std::unique_ptr<EventStream> Watch(std::optional<uint64_t> after = {}) {
    auto stream = runtime_.Events(after);
    EXPECT_OK(stream);
    return std::move(*stream);
  }

  // "type container exit", of the events up to the one that is wanted.
  static std::vector<std::string> EventsUntil(EventStream& stream, EventType last) {
    std::vector<std::string> seen;
    while (true) {
      const auto event = stream.Next(Deadline::After(seconds(10)));
      if (!event || !*event) return seen;
      std::string line(EventTypeName((*event)->type));
      if (!(*event)->container.empty()) line += " " + (*event)->container;
      if ((*event)->exit) line += " " + std::to_string((*event)->exit->code);
      if (!(*event)->reason.empty()) line += ": " + (*event)->reason;
      seen.push_back(line);
      if ((*event)->type == last) return seen;
    }
  }

  ContainerState StateOf(const std::string& container) {
    const auto status = runtime_.ContainerStatus("web", container);
    EXPECT_OK(status);
    return status ? status->state : ContainerState::kReady;
  }
};

TEST_F(OperationsTest, PausePod_Running_IsPausedUntilResumed) {
  EXPECT_CODE(runtime_.PausePod("web"), Code::kNotFound);
  CreateAndStart(Pod("web", {Container("db")}));
  ASSERT_OK(runtime_.PausePod("web"));
  EXPECT_EQ(StatusOf("web").state, PodState::kPaused);
  EXPECT_OK(runtime_.PausePod("web")) << "it is so already";
  EXPECT_CODE(runtime_.EnterPod("web", Command({"true"})), Code::kFailedPrecondition);
  EXPECT_CODE(runtime_.StartContainer("web", "db"), Code::kFailedPrecondition);
  EXPECT_CODE(runtime_.DeletePod("web"), Code::kFailedPrecondition);
  // What it costs the host can be asked.
  const auto stats = runtime_.StatsPod("web");
  ASSERT_OK(stats);
  EXPECT_TRUE(stats->containers.empty());
  EXPECT_GE(stats->host.size(), 2u);
  ASSERT_OK(runtime_.ResumePod("web"));
  EXPECT_OK(runtime_.ResumePod("web")) << "it is so already";
  EXPECT_EQ(StatusOf("web").state, PodState::kRunning);
  EXPECT_OK(runtime_.EnterPod("web", Command({"true"})));
}

// The original could neither stop nor delete it.
TEST_F(OperationsTest, StopPod_Paused_Succeeds) {
  CreateAndStart(Pod("web", {Container("db")}));
  ASSERT_OK(runtime_.PausePod("web"));
  ASSERT_OK(runtime_.StopPod("web", milliseconds(100)));
  EXPECT_EQ(StatusOf("web").state, PodState::kStopped);
  EXPECT_OK(runtime_.StartPod("web", Soon()));
}

TEST_F(OperationsTest, PauseContainer_Running_IsPausedUntilResumed) {
  CreateAndStart(Pod("web", {Container("db"), Container("other")}));
  ASSERT_OK(runtime_.PauseContainer("web", "db"));
  EXPECT_EQ(StateOf("db"), ContainerState::kPaused);
  EXPECT_EQ(StateOf("other"), ContainerState::kRunning);
  EXPECT_OK(runtime_.PauseContainer("web", "db"));
  EXPECT_CODE(runtime_.EnterContainer("web", "db", Command({"true"})), Code::kFailedPrecondition);
  EXPECT_CODE(runtime_.StopContainer("web", "db"), Code::kFailedPrecondition);
  ASSERT_OK(runtime_.ResumeContainer("web", "db"));
  EXPECT_EQ(StateOf("db"), ContainerState::kRunning);
  EXPECT_OK(runtime_.EnterContainer("web", "db", Command({"true"})));
  EXPECT_CODE(runtime_.PauseContainer("web", "nobody"), Code::kNotFound);
}

TEST_F(OperationsTest, KillContainer_Paused_EndsIt) {
  CreateAndStart(Pod("web", {Container("db"), Container("other")}));
  ASSERT_OK(runtime_.PauseContainer("web", "db"));
  ASSERT_OK(runtime_.KillContainer("web", "db", SIGKILL));
  EXPECT_EQ(runtime_.WaitContainer("web", "db", Soon())->code, 137);
  EXPECT_EQ(StateOf("db"), ContainerState::kStopped);
  ASSERT_OK(runtime_.PauseContainer("web", "other"));
  ASSERT_OK(runtime_.StopPod("web", milliseconds(1000)));
  EXPECT_EQ(runtime_.WaitContainer("web", "other")->code, 143) << "asked to end, and not made to";
}

TEST_F(OperationsTest, KillContainer_Running_ReachesFirstProcess) {
  EXPECT_CODE(runtime_.KillContainer("web", "db", SIGTERM), Code::kNotFound);
  ASSERT_OK(runtime_.CreatePod(Pod("web", {Container("db")})));
  EXPECT_CODE(runtime_.KillContainer("web", "db", SIGTERM), Code::kFailedPrecondition);
  ASSERT_OK(runtime_.StartPod("web", Soon()));
  EXPECT_OK(runtime_.KillContainer("web", "db", 0));
  for (const int signal : {-1, 65}) {
    EXPECT_CODE(runtime_.KillContainer("web", "db", signal), Code::kInvalidArgument);
  }
  ASSERT_OK(runtime_.KillContainer("web", "db", SIGINT));
  EXPECT_EQ(runtime_.WaitContainer("web", "db", Soon())->code, 130);
  EXPECT_OK(runtime_.KillContainer("web", "db", SIGINT)) << "it has ended already";
  EXPECT_CODE(runtime_.KillContainer("web", "db", 0), Code::kFailedPrecondition);
}

TEST_F(OperationsTest, KillContainer_OfCreatedContainer_StopsItWithItsExitCode) {
  CreateAndStart(Pod("web", {Container("db")}));
  ASSERT_OK(runtime_.CreateContainer("web", Container("next")));
  EXPECT_OK(runtime_.KillContainer("web", "next", 0));
  ASSERT_OK(runtime_.KillContainer("web", "next", SIGKILL));
  for (int i = 0; i < 500 && StateOf("next") == ContainerState::kReady; ++i)
    std::this_thread::sleep_for(milliseconds(10));
  const auto status = runtime_.ContainerStatus("web", "next");
  ASSERT_OK(status);
  EXPECT_EQ(status->state, ContainerState::kStopped);
  EXPECT_EQ(status->reason, "it ended before it was started");
  EXPECT_EQ(runtime_.WaitContainer("web", "next", Soon())->code, 137);
  ASSERT_OK(runtime_.StartContainer("web", "next")) << "what has stopped is started anew";
  EXPECT_EQ(StateOf("next"), ContainerState::kRunning);
  ASSERT_OK(runtime_.StopPod("web", milliseconds(1000)));
}

TEST_F(OperationsTest, EnterContainer_OfCreatedContainer_LeavesItReadyToStart) {
  CreateAndStart(Pod("web", {Container("db")}));
  ASSERT_OK(runtime_.CreateContainer("web", Container("next")));
  const auto process = runtime_.EnterContainer("web", "next", Command({"true"}));
  ASSERT_OK(process);
  EXPECT_EQ((*process)->Wait(Soon())->code, 0);
  EXPECT_EQ(StateOf("next"), ContainerState::kReady);
  ASSERT_OK(runtime_.StartContainer("web", "next"));
  EXPECT_EQ(StateOf("next"), ContainerState::kRunning);
}

TEST_F(OperationsTest, StopPod_WithCreatedContainer_LeavesThatReady) {
  CreateAndStart(Pod("web", {Container("db")}));
  ASSERT_OK(runtime_.CreateContainer("web", Container("next")));
  ASSERT_OK(runtime_.StopPod("web", milliseconds(1000)));
  EXPECT_EQ(StateOf("next"), ContainerState::kReady);
}

TEST_F(OperationsTest, WaitContainer_ManyCallers_AllAreAnswered) {
  ASSERT_OK(runtime_.CreatePod(Pod("web", {Container("db")})));
  EXPECT_CODE(runtime_.WaitContainer("web", "db", Soon()), Code::kFailedPrecondition);
  ASSERT_OK(runtime_.StartPod("web", Soon()));
  EXPECT_CODE(runtime_.WaitContainer("web", "db", Deadline::After(milliseconds(30))),
              Code::kDeadlineExceeded);
  std::vector<std::thread> waiters;
  std::atomic<int> right{0};
  for (int i = 0; i < 8; ++i) {
    waiters.emplace_back([&] {
      const auto exit = runtime_.WaitContainer("web", "db", Soon());
      if (exit && exit->code == 143) ++right;
    });
  }
  std::this_thread::sleep_for(milliseconds(50));
  ASSERT_OK(runtime_.KillContainer("web", "db", SIGTERM));
  for (std::thread& waiter : waiters) waiter.join();
  EXPECT_EQ(right, 8);
  // From what is written down, also without a VM.
  ASSERT_OK(runtime_.StopPod("web"));
  EXPECT_EQ(runtime_.WaitContainer("web", "db")->code, 143);
}

TEST_F(OperationsTest, WaitContainer_VmDies_FailsWithReason) {
  CreateAndStart(Pod("web", {Container("db")}));
  std::thread waiter([&] {
    const auto exit = runtime_.WaitContainer("web", "db", Soon());
    EXPECT_CODE(exit, Code::kAborted);
    EXPECT_NE(exit.error().ToString().find("signal 9"), std::string::npos) << exit.error().ToString();
  });
  std::this_thread::sleep_for(milliseconds(50));
  Kill(StatusOf("web").vm_pid);
  waiter.join();
}

TEST_F(OperationsTest, UpdateContainer_Limits_AreKept) {
  ContainerConfig db = Container("db");
  db.resources.memory_limit = 64 << 20;
  db.resources.pids_limit = 100;
  ASSERT_OK(runtime_.CreatePod(Pod("web", {db})));
  ContainerResources changes;
  changes.pids_limit = 50;
  ASSERT_OK(runtime_.UpdateContainer("web", "db", changes)) << "without a VM";
  ASSERT_OK(runtime_.StartPod("web", Soon()));
  changes = {};
  changes.cpu_shares = 512;
  ASSERT_OK(runtime_.UpdateContainer("web", "db", changes));
  const auto config = runtime_.FetchPod("web");
  ASSERT_OK(config);
  ASSERT_EQ(config->containers.size(), 1u);
  const ContainerResources& resources = config->containers[0].resources;
  EXPECT_EQ(resources.memory_limit, 64 << 20);
  EXPECT_EQ(resources.pids_limit, 50);
  EXPECT_EQ(resources.cpu_shares, 512u);
}

TEST_F(OperationsTest, UpdateContainer_Invalid_ChangesNothing) {
  ContainerConfig db = Container("db");
  db.resources.memory_limit = 64 << 20;
  CreateAndStart(Pod("web", {db}));
  ContainerResources changes;
  changes.memory_swap = 32 << 20;
  EXPECT_CODE(runtime_.UpdateContainer("web", "db", changes), Code::kInvalidArgument);
  changes = {};
  changes.cpu_shares = 1;
  EXPECT_CODE(runtime_.UpdateContainer("web", "db", changes), Code::kInvalidArgument);
  changes = {};
  changes.devices.push_back({});
  EXPECT_CODE(runtime_.UpdateContainer("web", "db", changes), Code::kInvalidArgument);
  EXPECT_FALSE(runtime_.FetchPod("web")->containers[0].resources.memory_swap);
}

TEST_F(OperationsTest, Stats_RunningPod_AreReturned) {
  ASSERT_OK(runtime_.CreatePod(Pod("web", {Container("db", {"sleep", "1"})})));
  EXPECT_CODE(runtime_.StatsPod("web"), Code::kFailedPrecondition);
  EXPECT_CODE(runtime_.StatsContainer("web", "db"), Code::kFailedPrecondition);
  EXPECT_CODE(runtime_.ProcessListContainer("web", "db"), Code::kFailedPrecondition);
  ASSERT_OK(runtime_.StartPod("web", Soon()));
  const auto stats = runtime_.StatsContainer("web", "db");
  ASSERT_OK(stats);
  EXPECT_EQ(stats->id, "db");
  EXPECT_EQ(stats->pids.current, 1u);
  const auto processes = runtime_.ProcessListContainer("web", "db");
  ASSERT_OK(processes);
  ASSERT_EQ(processes->size(), 1u);
  EXPECT_EQ((*processes)[0].args, (std::vector<std::string>{"sleep", "1"}));
  const auto pod = runtime_.StatsPod("web");
  ASSERT_OK(pod);
  ASSERT_EQ(pod->containers.size(), 1u);
  ASSERT_EQ(pod->host.size(), 2u);
  EXPECT_EQ(pod->host[0].name, "mock");
  EXPECT_EQ(pod->host[1].name, "monitor");
  EXPECT_EQ(pod->host[1].pid, StatusOf("web").monitor_pid);
  EXPECT_GT(pod->host[1].proportional.count, 100u << 10);
}

TEST_F(OperationsTest, FetchPod_AfterCreate_IsTheConfig) {
  PodConfig pod = Pod("web", {Container("db", {"echo", "hello"}), Container("cache")});
  pod.annotations["key"] = "value";
  ASSERT_OK(runtime_.CreatePod(pod));
  const auto fetched = runtime_.FetchPod("web");
  ASSERT_OK(fetched);
  EXPECT_EQ(fetched->id, "web");
  EXPECT_EQ(fetched->annotations, pod.annotations);
  ASSERT_EQ(fetched->containers.size(), 2u);
  EXPECT_EQ(fetched->containers[0].process.args, pod.containers[0].process.args);
  EXPECT_CODE(runtime_.FetchPod("nobody"), Code::kNotFound);
}

TEST_F(OperationsTest, RunPod_Fails_LeavesNoPod) {
  ASSERT_OK(runtime_.RunPod(Pod("web", {Container("db")}), Soon()));
  EXPECT_EQ(StatusOf("web").state, PodState::kRunning);
  EXPECT_CODE(runtime_.RunPod(Pod("web"), Soon()), Code::kAlreadyExists);
  EXPECT_EQ(StatusOf("web").state, PodState::kRunning) << "the one that is there stays";
  PodConfig broken = Pod("broken");
  broken.hypervisor.type = "no-such";
  EXPECT_CODE(runtime_.RunPod(broken, Soon()), Code::kInvalidArgument);
  EXPECT_CODE(runtime_.PodStatus("broken"), Code::kNotFound);
}

TEST_F(OperationsTest, CopyTo_File_IsSentInParts) {
  CreateAndStart(Pod("web", {Container("db")}));
  const std::string source = directory_ / "source";
  ASSERT_OK(WriteNewFile(source, std::string((1 << 20) + 17, 'x')));
  EXPECT_OK(runtime_.CopyTo("web", "db", source, "/etc/file"));
  const std::string empty = directory_ / "empty";
  ASSERT_OK(WriteNewFile(empty, ""));
  EXPECT_OK(runtime_.CopyTo("web", "db", empty, "/etc/file"));

  EXPECT_CODE(runtime_.CopyTo("web", "db", directory_ / "nowhere", "/file"), Code::kNotFound);
  EXPECT_CODE(runtime_.CopyTo("web", "db", "/dev/null", "/file"), Code::kInvalidArgument);
  for (const char* destination : {"", "file", "/file/", "/", "/a/../file"}) {
    EXPECT_CODE(runtime_.CopyTo("web", "db", source, destination), Code::kInvalidArgument);
  }
  EXPECT_CODE(runtime_.CopyTo("web", "nobody", source, "/file"), Code::kNotFound);
  CopyOptions options;
  options.mode = 0100644;
  EXPECT_CODE(runtime_.CopyTo("web", "db", source, "/file", options), Code::kInvalidArgument);
}

TEST_F(OperationsTest, Events_WholeLife_AreInOrder) {
  const auto events = Watch();
  CreateAndStart(Pod("web", {Container("db")}));
  ASSERT_OK(runtime_.CreateContainer("web", Container("late")));
  ASSERT_OK(runtime_.StartContainer("web", "late"));
  const auto process = runtime_.EnterContainer("web", "late", Command({"exit", "7"}));
  ASSERT_OK(process);
  ASSERT_OK((*process)->Wait(Soon()));
  ASSERT_OK(runtime_.PauseContainer("web", "late"));
  ASSERT_OK(runtime_.ResumeContainer("web", "late"));
  ASSERT_OK(runtime_.StopContainer("web", "late"));
  ASSERT_OK(runtime_.DeleteContainer("web", "late"));
  ASSERT_OK(runtime_.PausePod("web"));
  ASSERT_OK(runtime_.ResumePod("web"));
  ASSERT_OK(runtime_.StopPod("web"));
  ASSERT_OK(runtime_.DeletePod("web"));
  EXPECT_EQ(
      EventsUntil(*events, EventType::kPodDeleted),
      (std::vector<std::string>{"pod-created", "pod-started", "container-started db",
                                "container-created late", "container-started late", "process-started late",
                                "process-exited late 7", "container-paused late", "container-resumed late",
                                "container-exited late 143", "container-deleted late", "pod-paused",
                                "pod-resumed", "container-exited db 143", "pod-stopped", "pod-deleted"}));
}

TEST_F(OperationsTest, Events_VmDies_HaveReason) {
  const auto events = Watch();
  CreateAndStart(Pod("web", {Container("db")}));
  EXPECT_EQ(EventsUntil(*events, EventType::kContainerStarted).size(), 3u);
  Kill(StatusOf("web").vm_pid);
  pollfd poll{events->fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&poll, 1, 10000), 1) << "the descriptor says that there is something";
  EXPECT_EQ(EventsUntil(*events, EventType::kPodStopped),
            (std::vector<std::string>{"container-exited db: vm exited: killed by signal 9",
                                      "pod-stopped: vm exited: killed by signal 9"}));
}

TEST_F(OperationsTest, Events_StartFails_HaveNone) {
  PodConfig broken = Pod("broken");
  broken.hypervisor.type = "no-such";
  ASSERT_OK(runtime_.CreatePod(broken));
  const auto events = Watch();
  EXPECT_FALSE(runtime_.StartPod("broken", Soon()));
  ASSERT_OK(runtime_.DeletePod("broken"));
  EXPECT_EQ(EventsUntil(*events, EventType::kPodDeleted), std::vector<std::string>{"pod-deleted"});
}

}  // namespace
}  // namespace virtcontainers
