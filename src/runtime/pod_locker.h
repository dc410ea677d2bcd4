// Finds the pod that a call names, and locks it for a call that changes it. Host only.
//
// Its one job: it looks the pod up in the store, waits for its lock, undoes what a dead caller or monitor has
// left of it, and replaces a monitor that has died. It changes no pod otherwise.
//
// A LockedPod holds the pod's file `lock`, and releases it when it is destroyed. A caller that holds it may
// wait for `monitor.lock`, never the other way round. PodLocker itself holds no lock between calls and has no
// thread. It is thread-safe, because it never changes; copies work on the same root.

#ifndef VIRTCONTAINERS_SRC_RUNTIME_POD_LOCKER_H_
#define VIRTCONTAINERS_SRC_RUNTIME_POD_LOCKER_H_

#include <optional>
#include <string_view>
#include <utility>

#include "os/file_lock.h"
#include "pod/record.h"
#include "pod/store.h"
#include "runtime/event_recorder.h"
#include "runtime/log.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/runtime.h"

namespace virtcontainers {

// A pod that this caller has locked, and what the pod is.
struct LockedPod {
  FileLock lock;
  PodFiles files;
  PodRecord record;
  bool monitored;               // a monitor lives: only the monitor changes the pod
  bool restored = false;        // this call has started that monitor
  bool marked_stopped = false;  // the pod had ended unseen, and this call has written that down

  bool running() const { return record.state == PodState::kRunning || record.state == PodState::kPaused; }
};

// A pod whose record cannot be read.
struct DamagedPod {
  std::optional<FileLock> lock;  // none if what lies in the pod's place is not a directory
  PodFiles files;
  bool monitored = false;  // a monitor lives
  bool has_processes = false;
};

class PodLocker {
 public:
  PodLocker(RuntimeOptions options, Store store)
      : options_(std::move(options)),
        store_(std::move(store)),
        log_(options_.log),
        events_(store_.root(), log_) {}

  const RuntimeOptions& options() const { return options_; }
  const Store& store() const { return store_; }
  const Log& log() const { return log_; }
  const EventRecorder& events() const { return events_; }

  // The pod's files, without a lock. Errors: NotFound.
  Result<PodFiles> Find(std::string_view pod) const;

  // Waits for the pod's lock, and for a monitor that is starting or stopping. Undoes what a dead caller or
  // monitor has left of a pod that does not run. Errors: NotFound; DeadlineExceeded; DataLoss for a pod whose
  // record cannot be read.
  Result<LockedPod> LockPod(std::string_view pod, Deadline deadline) const;

  // The same, and replaces the monitor of a pod that runs if the monitor has died. Errors: those of Restore,
  // too.
  Result<LockedPod> LockMonitoredPod(std::string_view pod, Deadline deadline) const;

  // Locks a pod that does not run, without waiting. Undoes nothing. Errors: Unavailable for a pod that is
  // locked or runs; DataLoss for one that cannot be read and has no monitor.
  Result<LockedPod> TryLockPod(std::string_view pod) const;

  // Waits for the lock of a pod whose record cannot be read.
  Result<DamagedPod> LockDamagedPod(std::string_view pod, Deadline deadline) const;

  // Replaces the monitor of a pod that runs and has none, and reads the record again. A VM that has ended is
  // no error: the pod is then stopped. Errors: Unavailable if no monitor can take the VM over for 20 s;
  // Unimplemented for a hypervisor that hands no VM over;
  // DeadlineExceeded, and then a take-over may be under way.
  Status Restore(LockedPod& locked, Deadline deadline) const;

  // Kills the processes and removes the files that are left of a pod that does not run and has no monitor,
  // and writes down that it has stopped. Does nothing if journal, record and run directory name nothing.
  Status Recover(LockedPod& locked, Deadline deadline) const;

  // The same for a pod without processes, whatever its journal says.
  Status RemoveRemains(LockedPod& locked, Deadline deadline) const;

 private:
  RuntimeOptions options_;
  Store store_;
  Log log_;
  EventRecorder events_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_RUNTIME_POD_LOCKER_H_
