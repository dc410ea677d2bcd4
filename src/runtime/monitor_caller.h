// Calls the monitor of a pod for a call of Runtime. Host only.
//
// Its one job: it checks in the pod's record that the call is legal, sends it to the monitor, and decides
// what becomes of it if the monitor dies meanwhile. Queries are sent again to the next monitor, operations
// only if the record does not show their effect.
//
// Operations (Perform...) hold the pod's lock by a LockedPod; queries hold none. Each connection to a monitor
// has the threads of its client (ttrpc/client.h) as long as it is open. Thread-safe, because it never
// changes.

#ifndef VIRTCONTAINERS_SRC_RUNTIME_MONITOR_CALLER_H_
#define VIRTCONTAINERS_SRC_RUNTIME_MONITOR_CALLER_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/errors.h"
#include "monitor.pb.h"
#include "pod/state_machine.h"
#include "runtime/monitor_link.h"
#include "runtime/pod_locker.h"
#include "runtime/pod_view.h"
#include "ttrpc/message.h"

namespace virtcontainers {

// How long a monitor that has died, or is about to end, may still hold its lock: its connections end first.
inline constexpr std::chrono::seconds kMonitorEnds{2};

class MonitorCaller {
 public:
  explicit MonitorCaller(PodLocker locker) : locker_(std::move(locker)) {}

  // A connection to the pod's monitor for any number of calls, which replaces a monitor that has died.
  // Thread-safe; may outlive this.
  std::shared_ptr<MonitorLink> Link(const PodFiles& files) const;

  // Sends a call that changes nothing that the pod's record shows, and returns the answer's bytes. Two
  // monitors may get it.
  template <typename Request>
  Result<std::string> Query(const PodFiles& files, const char* method, const Request& request,
                            Deadline deadline) const {
    return Link(files)->Call(method, ttrpc::SerializeMessage(request), deadline, Again::kYes);
  }

  // The same for a call on a container. Errors: NotFound; FailedPrecondition where `call` is not legal.
  template <typename Request>
  Result<std::string> QueryContainer(std::string_view pod, std::string_view container, ContainerCall call,
                                     const char* method, const Request& request, Deadline deadline) const {
    VC_ASSIGN_OR_RETURN(const PodFiles files, locker_.Find(pod));
    VC_ASSIGN_OR_RETURN(PodRecord record, LoadCorrectedRecord(files));
    VC_ASSIGN_OR_RETURN(const ContainerRecord found, FindContainer(record, pod, container));
    VC_RETURN_IF_ERROR(CheckContainerCall(pod, record.state, container, found.state, call));
    return Query(files, method, request, deadline);
  }

  // Sends an operation to the monitor of a locked pod. If the monitor dies meanwhile, the operation is sent
  // to the next one, unless `done` sees its effect in the pod's record.
  template <typename Request>
  Status Perform(LockedPod& locked, const char* method, const Request& request, Deadline deadline,
                 const std::function<bool(PodRecord&)>& done = {}) const {
    return PerformSerialized(locked, method, ttrpc::SerializeMessage(request), deadline, done);
  }

  // Locks a pod that runs, and performs an operation that changes its state, or nothing if the state is as
  // requested already. Errors: FailedPrecondition where `call` is not legal.
  Status PerformOnPod(std::string_view pod, PodCall call, const char* method, Deadline deadline) const;

  // The same for an operation that changes the state of a container.
  template <typename Request>
  Status PerformOnContainer(std::string_view pod, std::string_view container, ContainerCall call,
                            const char* method, const Request& request, Deadline deadline) const {
    VC_ASSIGN_OR_RETURN(LockedPod locked, locker_.LockMonitoredPod(pod, deadline));
    VC_ASSIGN_OR_RETURN(const ContainerRecord found, FindContainer(locked.record, pod, container));
    VC_ASSIGN_OR_RETURN(const Step step,
                        CheckContainerCall(pod, locked.record.state, container, found.state, call));
    if (step == Step::kNothing) return {};
    return Perform(locked, method, request, deadline, [&](PodRecord& record) {
      const ContainerRecord* now = record.Find(container);
      return now != nullptr &&
             CheckContainerCall(pod, record.state, container, now->state, call).value_or(Step::kDo) ==
                 Step::kNothing;
    });
  }

  // Stops a pod by its monitor, which has ended when this returns. The caller holds the pod's lock. Errors:
  // Unavailable for a monitor that lives and cannot be reached.
  Status StopPod(const PodFiles& files, std::chrono::milliseconds grace, Deadline deadline) const;

 private:
  Status PerformSerialized(LockedPod& locked, const char* method, const std::string& payload,
                           Deadline deadline, const std::function<bool(PodRecord&)>& done) const;

  PodLocker locker_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_RUNTIME_MONITOR_CALLER_H_
