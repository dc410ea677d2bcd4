// Finding and locking pods, without monitors: records and locks are what a test makes them.

#include "runtime/pod_locker.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <future>
#include <string>
#include <vector>

#include "base/errors.h"
#include "os/marked_process.h"
#include "os/subprocess.h"
#include "pod/event_log.h"
#include "runtime/test_runtime.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class PodLockerTest : public testing::Test {
 protected:
  PodLockerTest() { Create("web"); }

  void Create(const std::string& id) {
    PodConfig config;
    config.id = id;
    EXPECT_OK(locker_.store().CreatePod(config));
  }

  PodPaths Paths() const { return locker_.store().Pod("web").paths(); }

  // Changes the record of pod "web".
  void Record(const std::function<void(PodRecord&)>& change) const {
    const PodFiles files = locker_.store().Pod("web");
    PodRecord record = *files.LoadRecord();
    change(record);
    ASSERT_OK(files.SaveRecord(record));
  }

  // The pod runs, with this process in the place of its VM: a process without the pod's mark.
  void RecordForeignVm() const {
    Record([&](PodRecord& record) {
      record.state = PodState::kRunning;
      record.vm.emplace().info.process = *IdentifyProcess(::getpid());
      record.vm->mark = Paths().mark;
    });
  }

  std::string LastEvent() const {
    const std::vector<Event> events = EventsOf(EventLogPaths(locker_.store().root()), "web");
    return events.empty() ? "" : std::string(EventTypeName(events.back().type)) + ": " + events.back().reason;
  }

  const TestDirectory directory_;
  const PodLocker locker_{
      {.root = directory_ / "root", .run = directory_ / "run", .monitor = "/nonexistent/monitor"},
      *Store::Open(directory_ / "root", directory_ / "run")};
};

TEST_F(PodLockerTest, Find_UnknownPod_IsNotFoundAndNamesRoot) {
  EXPECT_OK(locker_.Find("web"));
  const auto found = locker_.Find("other");
  EXPECT_CODE(found, Code::kNotFound);
  EXPECT_EQ(found.error().reason(), Reason::kPodNotFound);
  EXPECT_THAT(found.error().ToString(), HasSubstr("no pod 'other' in '" + (directory_ / "root") + "'"));
  EXPECT_CODE(locker_.Find("../web"), Code::kInvalidArgument);
}

TEST_F(PodLockerTest, LockPod_ReadyPod_IsLockedAndUnmonitored) {
  const auto locked = locker_.LockPod("web", Soon());
  ASSERT_OK(locked);
  EXPECT_FALSE(locked->running());
  EXPECT_FALSE(locked->monitored);
  EXPECT_FALSE(locked->marked_stopped);
  EXPECT_TRUE(FileLock::IsHeld(Paths().lock()).value());
}

TEST_F(PodLockerTest, LockPod_LockedByAnother_WaitsUntilDeadline) {
  {
    const auto locked = locker_.LockPod("web", Soon());
    ASSERT_OK(locked);
    EXPECT_CODE(locker_.LockPod("web", Deadline::After(milliseconds(10))), Code::kDeadlineExceeded);
    EXPECT_CODE(locker_.TryLockPod("web"), Code::kUnavailable);
  }
  EXPECT_OK(locker_.LockPod("web", Soon())) << "it is released with its holder";
  EXPECT_OK(locker_.TryLockPod("web"));
}

TEST_F(PodLockerTest, LockPod_DeletedWhileItWaits_IsNotFound) {
  auto locked = locker_.LockPod("web", Soon());
  ASSERT_OK(locked);
  auto waiting = std::async(std::launch::async, [&] { return locker_.LockPod("web", Soon()); });
  ASSERT_OK(locker_.store().RemovePod("web"));
  locked = Fail(Code::kAborted, "released");
  EXPECT_CODE(waiting.get(), Code::kNotFound);
}

TEST_F(PodLockerTest, LockPod_VmGone_IsMarkedStoppedOnce) {
  RecordForeignVm();
  {
    const auto locked = locker_.LockPod("web", Soon());
    ASSERT_OK(locked);
    EXPECT_TRUE(locked->marked_stopped);
    EXPECT_EQ(locked->record.state, PodState::kStopped);
  }
  EXPECT_EQ(locker_.store().Pod("web").LoadRecord()->state, PodState::kStopped);
  EXPECT_EQ(LastEvent(), "pod-stopped: the VM is gone, and so is its monitor");
  EXPECT_FALSE(locker_.LockPod("web", Soon())->marked_stopped);
  EXPECT_TRUE(IsAlive(*IdentifyProcess(::getpid()))) << "only processes with the pod's mark are killed";
}

TEST_F(PodLockerTest, TryLockPod_VmGone_ChangesNothing) {
  RecordForeignVm();
  const auto locked = locker_.TryLockPod("web");
  ASSERT_OK(locked);
  EXPECT_EQ(locked->record.state, PodState::kStopped);
  EXPECT_EQ(locker_.store().Pod("web").LoadRecord()->state, PodState::kRunning);
}

TEST_F(PodLockerTest, LockPod_MonitorStarting_WaitsForItUntilDeadline) {
  const auto monitor = FileLock::Acquire(Paths().monitor_lock(), Soon());
  ASSERT_OK(monitor);
  const auto locked = locker_.LockPod("web", Deadline::After(milliseconds(20)));
  EXPECT_CODE(locked, Code::kDeadlineExceeded);
  EXPECT_THAT(locked.error().ToString(), HasSubstr("its monitor is still starting or stopping"));
  EXPECT_CODE(locker_.TryLockPod("web"), Code::kUnavailable);
}

TEST_F(PodLockerTest, LockDamagedPod_RecordUnreadable_IsLocked) {
  directory_.Write("root/pods/web/state.json", "{");
  EXPECT_CODE(locker_.LockPod("web", Soon()), Code::kDataLoss);
  EXPECT_CODE(locker_.TryLockPod("web"), Code::kDataLoss);
  const auto damaged = locker_.LockDamagedPod("web", Soon());
  ASSERT_OK(damaged);
  EXPECT_TRUE(damaged->lock);
  EXPECT_FALSE(damaged->monitored);
  EXPECT_FALSE(damaged->has_processes);
}

TEST_F(PodLockerTest, LockMonitoredPod_NoMonitorCanStart_IsUnavailable) {
  Result<Subprocess> vm =
      Subprocess::Spawn({.argv = {"sleep", "1000"}, .env = MarkedEnvironment(Paths().mark)});
  ASSERT_OK(vm);
  Record([&](PodRecord& record) {
    record.state = PodState::kRunning;
    record.vm.emplace().info.process = *IdentifyProcess(vm->pid());
    record.vm->mark = Paths().mark;
  });
  {
    const auto locked = locker_.LockPod("web", Soon());
    ASSERT_OK(locked);
    EXPECT_TRUE(locked->running()) << "its VM runs";
    EXPECT_FALSE(locked->monitored);
  }
  const auto monitored = locker_.LockMonitoredPod("web", Deadline::After(milliseconds(50)));
  EXPECT_CODE(monitored, Code::kUnavailable);
  EXPECT_EQ(monitored.error().reason(), Reason::kMonitorDied);
  EXPECT_THAT(monitored.error().ToString(), HasSubstr("/nonexistent/monitor"));
  EXPECT_OK(vm->Kill(SIGKILL));
  EXPECT_OK(vm->Wait(Soon()));
}

}  // namespace
}  // namespace virtcontainers
