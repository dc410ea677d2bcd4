#include "runtime/runtime_impl.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "base/time_format.h"
#include "monitor/launch.h"
#include "os/marked_process.h"
#include "pod/pod_mark.h"
#include "runtime/recovery.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// How long a monitor that has died may seem to live: its connections end before its lock.
constexpr seconds kDying{2};

// How long the processes of a start that was cancelled may take to end once they have been killed.
constexpr seconds kKilling{10};

// How long it is tried again to take over from a monitor that has died, and the pause between two attempts.
constexpr seconds kReplacing{20};
constexpr milliseconds kBetween{50};

// Of a call that was under way.
Error PodHasStopped(const PodRecord& record) {
  if (record.reason.empty()) return Error(Code::kUnavailable, Reason::kPodNotRunning, "the pod has stopped");
  return Error(Code::kUnavailable, Reason::kVmDied, "the pod has stopped: " + record.reason);
}

}  // namespace

Result<PodFiles> Runtime::Impl::Find(std::string_view pod) const {
  if (!store_.HasPod(pod)) {
    VC_RETURN_IF_ERROR(ValidateId("pod", pod));
    return Fail(Code::kNotFound, Reason::kPodNotFound,
                "no pod " + Quoted(pod) + " in " + Quoted(options_.root));
  }
  return store_.Pod(pod);
}

Result<Runtime::Impl::LockedPod> Runtime::Impl::LockPod(std::string_view pod, Deadline deadline) const {
  VC_ASSIGN_OR_RETURN(const PodFiles files, Find(pod));
  while (true) {
    Result<FileLock> lock = FileLock::Acquire(files.paths().lock(), deadline);
    if (!lock) {
      if (lock.error().code() != Code::kNotFound) return Fail(std::move(lock.error()));
      // Deleted while this waited; and perhaps created anew.
      VC_RETURN_IF_ERROR(Find(pod));
      continue;
    }
    bool monitored;
    VC_ASSIGN_OR_RETURN(PodRecord record, LoadCorrectedRecord(files, &monitored));
    LockedPod locked{
        .lock = std::move(*lock), .files = files, .record = std::move(record), .monitored = monitored};
    if (!monitored) {
      if (!locked.running()) VC_RETURN_IF_ERROR(Recover(locked, deadline));
      return locked;
    }
    VC_ASSIGN_OR_RETURN(const bool alive, CheckAlive(locked.record.monitor));
    if (locked.running() && alive) return locked;
    // A monitor on its way up, whose caller has gone, or on its way down: its next word is the pod's state.
    // Or one that was killed, and holds its lock for a moment longer than it lives.
    if (deadline.passed()) {
      return Fail(Code::kDeadlineExceeded, "its monitor is still starting or stopping");
    }
    std::this_thread::sleep_for(milliseconds(5));
  }
}

Status Runtime::Impl::Restore(LockedPod& locked, Deadline deadline) const {
  // One that lives and has lost its lock, whose file was removed, must not live beside another.
  VC_ASSIGN_OR_RETURN(const bool lives,
                      IsMarked(locked.record.monitor, ProcessesOfPod(locked.files.paths().mark)));
  if (lives) VC_RETURN_IF_ERROR(KillAndWait(locked.record.monitor, deadline));
  const Deadline patience = Min(deadline, Deadline::After(kReplacing));
  std::optional<Error> cause;
  while (true) {
    const Status taken = LaunchMonitor(options_.monitor, locked.files.paths(), options_.guest,
                                       MonitorTask::kTakeOver, deadline);
    VC_ASSIGN_OR_RETURN(locked.record, LoadCorrectedRecord(locked.files, &locked.monitored));
    locked.restored = taken.has_value();
    // A VM that ended before it could be taken over is no failure of this.
    if (!locked.running() && !locked.monitored) return Recover(locked, deadline);
    if (taken || !locked.running()) return {};
    // No other can read what this one could not.
    if (taken.error().code() == Code::kDataLoss) return taken;
    const bool cut_short = deadline.passed() && taken.error().code() == Code::kDeadlineExceeded;
    if (!cut_short) cause = taken.error();
    if ((cut_short && !cause) || deadline.cancelled()) {
      return Fail(Code::kDeadlineExceeded,
                  "the pod's monitor has died, and another is taking the VM over: try again");
    }
    // Whatever killed the one before may have killed this one.
    if (patience.passed()) {
      return Fail(Error(Code::kUnavailable, Reason::kMonitorDied, cause->ToString())
                      .AddContext("the pod's monitor has died, and no other could take the VM over: try "
                                  "again, and stop the pod if that lasts"));
    }
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(kBetween, patience.remaining()));
  }
}

Result<Runtime::Impl::LockedPod> Runtime::Impl::LockMonitoredPod(std::string_view pod,
                                                                 Deadline deadline) const {
  VC_ASSIGN_OR_RETURN(LockedPod locked, LockPod(pod, deadline));
  if (locked.running() && !locked.monitored) VC_RETURN_IF_ERROR(Restore(locked, deadline));
  return locked;
}

Status Runtime::Impl::Recover(LockedPod& locked, Deadline deadline) const {
  VC_ASSIGN_OR_RETURN(const PodRecord on_disk, locked.files.LoadRecord());
  const bool unseen = on_disk.state != locked.record.state;
  const bool noted = on_disk.vm.has_value();  // also by a start that came to nothing
  if (unseen || noted || HasEffects(locked.files)) {
    VC_RETURN_IF_ERROR(KillMarkedProcesses(ProcessesOfPod(locked.files.paths().mark), deadline));
    return RemoveRemains(locked);
  }
  // What cannot be removed is in nobody's way.
  (void)locked.files.Sweep(locked.record);
  return {};
}

Status Runtime::Impl::RemoveRemains(LockedPod& locked) const {
  const Status swept = locked.files.Sweep(locked.record);
  VC_RETURN_IF_ERROR(RemoveEffects(locked.files));
  VC_ASSIGN_OR_RETURN(const PodRecord on_disk, locked.files.LoadRecord());
  const bool unseen = on_disk.state != locked.record.state;
  if (!unseen && !on_disk.vm) return {};
  locked.record.vm.reset();
  locked.record.attachments.clear();
  locked.record.monitor = {};
  // Where that cannot be written, on a full disk, the next call finds the same and tries again.
  if (!locked.files.SaveRecord(locked.record) || !unseen) return {};
  locked.marked_stopped = true;
  Tell(EventType::kPodStopped, locked.files.id(), "", locked.record.reason);
  return {};
}

Result<Runtime::Impl::LockedPod> Runtime::Impl::TryLockPod(std::string_view pod) const {
  const PodFiles files = store_.Pod(pod);
  const auto busy = [&] { return Fail(Code::kUnavailable, "pod " + Quoted(pod) + " is in use"); };
  Result<FileLock> lock = FileLock::Acquire(files.paths().lock(), Deadline::After(milliseconds(0)));
  if (!lock && lock.error().code() == Code::kDeadlineExceeded) return busy();
  VC_RETURN_IF_ERROR(lock);
  bool monitored = false;
  Result<PodRecord> record = LoadCorrectedRecord(files, &monitored);
  if (monitored) return busy();
  VC_RETURN_IF_ERROR(record);
  LockedPod locked{
      .lock = std::move(*lock), .files = files, .record = std::move(*record), .monitored = false};
  if (locked.running()) return busy();
  return locked;
}

void Runtime::Impl::CancelStart(LockedPod& locked) const {
  (void)KillMarkedProcesses(ProcessesOfPod(locked.files.paths().mark), Deadline::After(kKilling));
  UndoStart(locked.files);
  // The start may have come to its end at the same time.
  (void)Recover(locked, Deadline::After(kKilling));
}

void Runtime::Impl::UndoStart(const PodFiles& files) const {
  // A monitor that was killed holds its lock for a moment longer than it lives; one that lives is on its way
  // out, and needs no help.
  const Result<FileLock> nobody = FileLock::Acquire(files.paths().monitor_lock(), Deadline::After(kDying));
  // What is not undone now the pod's next call undoes.
  if (nobody && HasEffects(files)) (void)UndoEffects(files, Deadline::After(kDying));
}

std::shared_ptr<MonitorLink> Runtime::Impl::Monitor(const PodFiles& files, std::string_view pod) const {
  return std::make_shared<MonitorLink>(
      files.paths().monitor_socket(),
      [self = *this, id = std::string(pod)](Deadline deadline) -> Status {
        VC_ASSIGN_OR_RETURN(const LockedPod locked, self.LockMonitoredPod(id, deadline));
        if (locked.running()) return {};
        return Fail(PodHasStopped(locked.record));
      },
      [files](Deadline deadline) -> Status {
        const Deadline patience = Min(deadline, Deadline::After(kDying));
        while (true) {
          VC_ASSIGN_OR_RETURN(const PodRecord record, LoadCorrectedRecord(files));
          if (record.state != PodState::kRunning && record.state != PodState::kPaused) {
            return Fail(PodHasStopped(record));
          }
          if (patience.passed()) return {};
          std::this_thread::sleep_for(milliseconds(5));
        }
      });
}

Status Runtime::Impl::AskFor(LockedPod& locked, const char* method, const std::string& payload,
                             Deadline deadline, const std::function<bool(PodRecord&)>& done) const {
  for (bool hung_up = false;;) {
    const Result<std::shared_ptr<MonitorClient>> monitor =
        MonitorClient::Connect(locked.files.paths().monitor_socket(), deadline);
    Status asked;
    if (!monitor) {
      asked = Fail(monitor.error());
    } else if (const Result<std::string> answer = (*monitor)->Call(method, payload, deadline); !answer) {
      asked = Fail(answer.error());
    }
    if (asked || asked.error().code() != Code::kUnavailable) return asked;
    // The guest's link may be what is broken: its monitor lives, and ends by itself.
    const Deadline dying = Min(deadline, Deadline::After(kDying));
    bool lives = true;
    while ((lives = FileLock::IsHeld(locked.files.paths().monitor_lock()).value_or(true)) &&
           !dying.passed()) {
      std::this_thread::sleep_for(milliseconds(2));
    }
    if (lives) {
      if (!monitor || !(*monitor)->closed()) return asked;
      // It has hung up for want of a descriptor or a thread, which may be over.
      if (std::exchange(hung_up, true)) {
        return Fail(Code::kUnavailable,
                    "its monitor closes connections, perhaps for lack of file descriptors or threads: try "
                    "again later");
      }
    }
    VC_ASSIGN_OR_RETURN(locked.record, LoadCorrectedRecord(locked.files, &locked.monitored));
    if (locked.running() && !lives) VC_RETURN_IF_ERROR(Restore(locked, deadline));
    if (done && done(locked.record)) return {};
    if (!locked.running()) {
      return Fail(PodHasStopped(locked.record));
    }
  }
}

Result<bool> Runtime::Impl::HasProcesses(const PodFiles& files) const {
  VC_ASSIGN_OR_RETURN(const std::vector<MarkedProcess> found,
                      FindMarkedProcesses(ProcessesOfPod(files.paths().mark)));
  return !found.empty();
}

Result<Runtime::Impl::DamagedPod> Runtime::Impl::LockDamagedPod(std::string_view pod,
                                                                Deadline deadline) const {
  VC_ASSIGN_OR_RETURN(PodFiles files, Find(pod));
  DamagedPod damaged{.lock = {}, .files = std::move(files)};
  const PodPaths& paths = damaged.files.paths();
  Result<FileLock> lock = FileLock::Acquire(paths.lock(), deadline);
  if (lock) damaged.lock = std::move(*lock);
  if (!lock && lock.error().code() != Code::kDataLoss) return Fail(std::move(lock.error()));
  VC_ASSIGN_OR_RETURN(damaged.monitored, FileLock::IsHeld(paths.monitor_lock()));
  VC_ASSIGN_OR_RETURN(damaged.has_processes, HasProcesses(damaged.files));
  return damaged;
}

Status Runtime::Impl::StopDamaged(std::string_view pod, milliseconds grace, Deadline deadline) const {
  VC_ASSIGN_OR_RETURN(const DamagedPod damaged, LockDamagedPod(pod, deadline));
  // A monitor that lives knows its pod, whatever became of the file, and writes it anew.
  if (damaged.monitored) {
    const Status stopped = StopMonitored(damaged.files, grace, deadline);
    if (!stopped && stopped.error().code() != Code::kUnavailable) return stopped;
  }
  VC_RETURN_IF_ERROR(KillMarkedProcesses(ProcessesOfPod(damaged.files.paths().mark), deadline));
  if (!damaged.lock) return RemoveTree(damaged.files.paths().run_dir);
  VC_RETURN_IF_ERROR(RemoveEffects(damaged.files));
  if (damaged.has_processes && !damaged.monitored) Tell(EventType::kPodStopped, pod);
  return {};
}

void Runtime::Impl::Tell(EventType type, std::string_view pod, std::string_view container,
                         std::string_view reason) const {
  Event event;
  event.type = type;
  event.time = Now();
  event.pod = std::string(pod);
  event.container = std::string(container);
  event.reason = std::string(reason);
  (void)EventLog(store_.root()).Append(std::move(event));
}

Status Runtime::Impl::TellOfDeletion(std::string_view pod, const std::function<Status()>& remove) const {
  Event event;
  event.type = EventType::kPodDeleted;
  event.time = Now();
  event.pod = std::string(pod);
  return EventLog(store_.root()).Append(std::move(event), remove);
}

Status Runtime::Impl::StopMonitored(const PodFiles& files, milliseconds grace, Deadline deadline) const {
  wire::StopRequest request;
  request.set_grace_ms(static_cast<uint64_t>(std::max<int64_t>(0, grace.count())));
  while (true) {
    // The connection is closed before the lock is opened: a caller may have descriptors for one of them only.
    std::optional<Error> unreachable;
    const Result<std::string> asked = [&]() -> Result<std::string> {
      auto monitor = MonitorClient::Connect(files.paths().monitor_socket(), deadline);
      if (!monitor) unreachable = monitor.error();
      VC_RETURN_IF_ERROR(monitor);
      return (*monitor)->Call("StopPod", ttrpc::SerializeMessage(request), deadline);
    }();
    if (!asked && asked.error().code() != Code::kUnavailable) return Fail(asked.error());
    // The monitor's last word may be lost with its connection; what counts is that it ends. One that goes on,
    // having hung up for want of a descriptor or a thread, is asked again.
    const Deadline patience = asked ? deadline : Min(deadline, Deadline::After(kDying));
    const Result<FileLock> gone = FileLock::Acquire(files.paths().monitor_lock(), patience);
    if (gone) return {};
    if (gone.error().code() != Code::kDeadlineExceeded) return Fail(gone.error());
    if (unreachable) return Fail(*unreachable);
    if (deadline.passed()) return Fail(Code::kDeadlineExceeded, "its monitor does not end");
  }
}

}  // namespace virtcontainers
