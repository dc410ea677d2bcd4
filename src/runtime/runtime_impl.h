// What the calls of a Runtime are made of. Host only.

#ifndef VIRTCONTAINERS_SRC_RUNTIME_RUNTIME_IMPL_H_
#define VIRTCONTAINERS_SRC_RUNTIME_RUNTIME_IMPL_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/errors.h"
#include "monitor.pb.h"
#include "os/file.h"
#include "os/file_lock.h"
#include "os/process_identity.h"
#include "pod/event_log.h"
#include "pod/state_machine.h"
#include "pod/store.h"
#include "pod/validate.h"
#include "runtime/monitor_link.h"
#include "runtime/pod_view.h"
#include "ttrpc/message.h"
#include "virtcontainers/runtime.h"

namespace virtcontainers {

// What a call is, for its errors: "start pod 'web'".
inline std::string Doing(const char* operation, std::string_view pod) {
  return std::string(operation) + " pod " + Quoted(pod);
}

inline std::string Doing(const char* operation, std::string_view container, std::string_view pod) {
  return std::string(operation) + " container " + Quoted(container) + " of pod " + Quoted(pod);
}

// Says of every error which call it came from.
template <typename R>
R WithContext(const std::string& operation, R result) {
  if (!result) result = Fail(std::move(result.error()).AddContext(operation));
  return result;
}

// The same of a call with a deadline, whose token may have been stopped.
template <typename R>
R WithContext(const std::string& operation, const Deadline& deadline, R result) {
  if (!result) result = Fail(OrCancelled(deadline, std::move(result.error())).AddContext(operation));
  return result;
}

// The container's record. Errors: NotFound.
inline Result<ContainerRecord> FindContainer(PodRecord& record, std::string_view pod,
                                             std::string_view container) {
  const ContainerRecord* found = record.Find(container);
  if (found == nullptr) {
    VC_RETURN_IF_ERROR(ValidateId("container", container));
    return Fail(Code::kNotFound, Reason::kContainerNotFound,
                "no container " + Quoted(container) + " in pod " + Quoted(pod));
  }
  return *found;
}

class Runtime::Impl {
 public:
  Impl(RuntimeOptions options, Store store) : options_(std::move(options)), store_(std::move(store)) {}

  const RuntimeOptions& options() const { return options_; }
  const Store& store() const { return store_; }

  // The pod's files. Errors: NotFound.
  Result<PodFiles> Find(std::string_view pod) const;

  // A pod that this caller has locked: the lock, and what the pod is now.
  struct LockedPod {
    FileLock lock;
    PodFiles files;
    PodRecord record;
    bool monitored;               // a monitor lives: it, and it alone, changes the pod
    bool restored = false;        // it is a new one
    bool marked_stopped = false;  // the pod ended with nobody there to see it, and that is written down now

    bool running() const { return record.state == PodState::kRunning || record.state == PodState::kPaused; }
  };

  // What a dead caller or monitor left of a pod that does not run is undone first.
  Result<LockedPod> LockPod(std::string_view pod, Deadline deadline) const;
  // The same, where a pod that runs has a monitor: one that died is replaced. Errors: those of the take-over.
  Result<LockedPod> LockMonitoredPod(std::string_view pod, Deadline deadline) const;
  // Replaces the monitor of a pod that runs and has none, and reads its record anew.
  Status Restore(LockedPod& locked, Deadline deadline) const;
  // Undoes what is left of a pod that does not run and has no monitor, and writes down that it has stopped. A
  // journal that says that there is nothing is believed.
  Status Recover(LockedPod& locked, Deadline deadline) const;
  // The same of a pod of which no process is left, whatever its journal says.
  Status RemoveRemains(LockedPod& locked) const;
  // The pod as it is for a caller that wants to look, and not to wait. Errors: Unavailable for one that
  // somebody works on or that runs; DataLoss for one that cannot be read and has no monitor.
  Result<LockedPod> TryLockPod(std::string_view pod) const;

  // A pod whose record cannot be read.
  struct DamagedPod {
    std::optional<FileLock> lock;  // none where what lies in the pod's place is no directory
    PodFiles files;
    bool monitored = false;  // a monitor lives
    bool has_processes = false;
  };
  Result<DamagedPod> LockDamagedPod(std::string_view pod, Deadline deadline) const;
  // Ends all that there is of it. Its record stays as it is.
  Status StopDamaged(std::string_view pod, std::chrono::milliseconds grace, Deadline deadline) const;
  // What CollectGarbage is made of (garbage.cc).
  class Collector;

  // For PodStatus and ListPod.
  Result<bool> HasProcesses(const PodFiles& files) const;
  // Ends a start that is under way, or has just come to its end: kills all processes of the pod, and undoes
  // what the start has done. The record is then as it was.
  void CancelStart(LockedPod& locked) const;
  // After a start that failed: its monitor has undone it, or has died.
  void UndoStart(const PodFiles& files) const;

  // The pod's monitor, for any number of calls. Thread-safe; it may outlive this.
  std::shared_ptr<MonitorLink> Monitor(const PodFiles& files, std::string_view pod) const;

  // A question to the pod's monitor, and its answer. It may be asked twice, of a monitor that dies and of its
  // successor.
  template <typename Request>
  Result<std::string> Query(const PodFiles& files, std::string_view pod, const char* method,
                            const Request& request, Deadline deadline) const {
    return Monitor(files, pod)->Call(method, ttrpc::SerializeMessage(request), deadline, Again::kYes);
  }

  // An operation of the monitor of a pod that this caller has locked. If the monitor dies meanwhile, another
  // is asked for it, unless `done` sees in the pod's record that it has been done.
  template <typename Request>
  Status Ask(LockedPod& locked, const char* method, const Request& request, Deadline deadline,
             const std::function<bool(PodRecord&)>& done = {}) const {
    return AskFor(locked, method, ttrpc::SerializeMessage(request), deadline, done);
  }

  // A call that changes nothing of the container's record, and needs no lock.
  template <typename Request>
  Result<std::string> QueryContainer(std::string_view pod, std::string_view container, ContainerCall call,
                                     const char* method, const Request& request, Deadline deadline) const {
    VC_ASSIGN_OR_RETURN(const PodFiles files, Find(pod));
    VC_ASSIGN_OR_RETURN(PodRecord record, LoadCorrectedRecord(files));
    VC_ASSIGN_OR_RETURN(const ContainerRecord found, FindContainer(record, pod, container));
    VC_RETURN_IF_ERROR(CheckContainerCall(pod, record.state, container, found.state, call));
    return Query(files, pod, method, request, deadline);
  }

  // A call that changes the state of a pod that runs, or of one of its containers.
  Status AskPod(std::string_view pod, PodCall call, const char* method, Deadline deadline) const {
    VC_ASSIGN_OR_RETURN(LockedPod locked, LockMonitoredPod(pod, deadline));
    VC_ASSIGN_OR_RETURN(const Step step, CheckPodCall(pod, locked.record.state, call));
    if (step == Step::kNothing) return {};
    return Ask(locked, method, wire::ContainerRequest(), deadline, [&](const PodRecord& record) {
      return CheckPodCall(pod, record.state, call).value_or(Step::kDo) == Step::kNothing;
    });
  }
  template <typename Request>
  Status AskContainer(std::string_view pod, std::string_view container, ContainerCall call,
                      const char* method, const Request& request, Deadline deadline) const {
    VC_ASSIGN_OR_RETURN(LockedPod locked, LockMonitoredPod(pod, deadline));
    VC_ASSIGN_OR_RETURN(const ContainerRecord found, FindContainer(locked.record, pod, container));
    VC_ASSIGN_OR_RETURN(const Step step,
                        CheckContainerCall(pod, locked.record.state, container, found.state, call));
    if (step == Step::kNothing) return {};
    return Ask(locked, method, request, deadline, [&](PodRecord& record) {
      const ContainerRecord* now = record.Find(container);
      return now != nullptr &&
             CheckContainerCall(pod, record.state, container, now->state, call).value_or(Step::kDo) ==
                 Step::kNothing;
    });
  }

  // Copies a file that is open, as CopyTo does.
  Status CopyFile(std::string_view pod, std::string_view container, int file, const std::string& source,
                  const std::string& destination, const CopyOptions& options, Deadline deadline) const;

  // Tells those who read events of what was done without a monitor. No call fails for want of an event.
  void Tell(EventType type, std::string_view pod, std::string_view container = "",
            std::string_view reason = "") const;

  // Deletes a pod, and tells of it before the next one of its name can be told of.
  Status TellOfDeletion(std::string_view pod, const std::function<Status()>& remove) const;

  // Stops a pod by its monitor; that has gone when this returns. Errors: Unavailable for a monitor that lives
  // and cannot be reached.
  Status StopMonitored(const PodFiles& files, std::chrono::milliseconds grace, Deadline deadline) const;

 private:
  Status AskFor(LockedPod& locked, const char* method, const std::string& payload, Deadline deadline,
                const std::function<bool(PodRecord&)>& done) const;

  const RuntimeOptions options_;
  const Store store_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_RUNTIME_RUNTIME_IMPL_H_
