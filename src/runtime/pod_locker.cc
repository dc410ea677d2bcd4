#include "runtime/pod_locker.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "base/errors.h"
#include "base/time_format.h"
#include "monitor/launch.h"
#include "os/marked_process.h"
#include "os/process_identity.h"
#include "pod/pod_mark.h"
#include "pod/validate.h"
#include "runtime/pod_view.h"
#include "runtime/recovery.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// How long it is tried again to take over from a monitor that has died, and the pause between two attempts.
constexpr seconds kReplacing{20};
constexpr milliseconds kBetween{50};

}  // namespace

Result<PodFiles> PodLocker::Find(std::string_view pod) const {
  if (!store_.HasPod(pod)) {
    VC_RETURN_IF_ERROR(ValidateId("pod", pod));
    return Fail(Code::kNotFound, Reason::kPodNotFound,
                "no pod " + Quoted(pod) + " in " + Quoted(options_.root));
  }
  return store_.Pod(pod);
}

Result<LockedPod> PodLocker::LockPod(std::string_view pod, Deadline deadline) const {
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

Result<LockedPod> PodLocker::LockMonitoredPod(std::string_view pod, Deadline deadline) const {
  VC_ASSIGN_OR_RETURN(LockedPod locked, LockPod(pod, deadline));
  if (locked.running() && !locked.monitored) VC_RETURN_IF_ERROR(Restore(locked, deadline));
  return locked;
}

Result<LockedPod> PodLocker::TryLockPod(std::string_view pod) const {
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

Result<DamagedPod> PodLocker::LockDamagedPod(std::string_view pod, Deadline deadline) const {
  VC_ASSIGN_OR_RETURN(PodFiles files, Find(pod));
  DamagedPod damaged{.lock = {}, .files = std::move(files)};
  const PodPaths& paths = damaged.files.paths();
  Result<FileLock> lock = FileLock::Acquire(paths.lock(), deadline);
  if (lock) damaged.lock = std::move(*lock);
  if (!lock && lock.error().code() != Code::kDataLoss) return Fail(std::move(lock.error()));
  VC_ASSIGN_OR_RETURN(damaged.monitored, FileLock::IsHeld(paths.monitor_lock()));
  VC_ASSIGN_OR_RETURN(damaged.has_processes, HasLiveProcesses(damaged.files));
  return damaged;
}

Status PodLocker::Restore(LockedPod& locked, Deadline deadline) const {
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
    // No other can read what this one could not, or take over a VM that this hypervisor does not hand over.
    if (taken.error().code() == Code::kDataLoss || taken.error().code() == Code::kUnimplemented) return taken;
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

Status PodLocker::Recover(LockedPod& locked, Deadline deadline) const {
  VC_ASSIGN_OR_RETURN(const PodRecord on_disk, locked.files.LoadRecord());
  const bool unseen = on_disk.state != locked.record.state;
  const bool noted = on_disk.vm.has_value();  // also by a start that came to nothing
  if (unseen || noted || HasEffects(locked.files)) {
    VC_RETURN_IF_ERROR(KillMarkedProcesses(ProcessesOfPod(locked.files.paths().mark), deadline));
    return RemoveRemains(locked, deadline);
  }
  // What cannot be removed is in nobody's way.
  log_.NoteFailure("sweep pod " + Quoted(locked.files.id()), locked.files.Sweep(locked.record));
  return {};
}

Status PodLocker::RemoveRemains(LockedPod& locked, Deadline deadline) const {
  const std::string pod = Quoted(locked.files.id());
  log_.NoteFailure("sweep pod " + pod, locked.files.Sweep(locked.record));
  VC_RETURN_IF_ERROR(RemoveEffects(locked.files, deadline, log_));
  VC_ASSIGN_OR_RETURN(const PodRecord on_disk, locked.files.LoadRecord());
  const bool unseen = on_disk.state != locked.record.state;
  if (!unseen && !on_disk.vm) return {};
  locked.record.vm.reset();
  locked.record.attachments.clear();
  locked.record.monitor = {};
  // Where that cannot be written, on a full disk, the next call finds the same and tries again.
  const Status saved = locked.files.SaveRecord(locked.record);
  log_.NoteFailure("write down that pod " + pod + " has stopped", saved);
  if (!saved || !unseen) return {};
  locked.marked_stopped = true;
  events_.Record(EventType::kPodStopped, locked.files.id(), "", locked.record.reason);
  return {};
}

}  // namespace virtcontainers
