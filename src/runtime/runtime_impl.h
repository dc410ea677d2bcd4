// What the calls of a Runtime are made of. Host only.

#ifndef VIRTCONTAINERS_SRC_RUNTIME_RUNTIME_IMPL_H_
#define VIRTCONTAINERS_SRC_RUNTIME_RUNTIME_IMPL_H_

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/errors.h"
#include "monitor.pb.h"
#include "monitor/monitor_client.h"
#include "os/file.h"
#include "os/file_lock.h"
#include "os/process_identity.h"
#include "pod/event_log.h"
#include "pod/state_machine.h"
#include "pod/store.h"
#include "pod/validate.h"
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

inline Error MonitorIsGone() {
  return Error(Code::kUnavailable, "the pod's monitor is gone: stop the pod and start it again");
}

// Says of every error which call it came from.
template <typename R>
R In(const std::string& operation, R result) {
  if (!result) result = Fail(std::move(result.error()).AddContext(operation));
  return result;
}

// The container's record. Errors: NotFound.
inline Result<ContainerRecord> FindContainer(PodRecord& record, std::string_view pod,
                                             std::string_view container) {
  const ContainerRecord* found = record.Find(container);
  if (found == nullptr) {
    VC_RETURN_IF_ERROR(ValidateId("container", container));
    return Fail(Code::kNotFound, "no container " + Quoted(container) + " in pod " + Quoted(pod));
  }
  return *found;
}

class Runtime::Impl {
 public:
  Impl(RuntimeOptions options, Store store) : options_(std::move(options)), store_(std::move(store)) {}

  const RuntimeOptions& options() const { return options_; }
  const Store& store() const { return store_; }

  // The pod's files. Errors: NotFound.
  Result<PodFiles> Find(std::string_view pod) const {
    if (!store_.HasPod(pod)) {
      VC_RETURN_IF_ERROR(ValidateId("pod", pod));
      return Fail(Code::kNotFound, "no pod " + Quoted(pod) + " in " + Quoted(options_.root));
    }
    return store_.Pod(pod);
  }

  // A pod that is this caller's to change: its lock, and what it is now.
  struct Turn {
    FileLock lock;
    PodFiles files;
    PodRecord record;
    bool monitored;  // a monitor lives: it, and it alone, changes the pod
  };

  Result<Turn> Take(std::string_view pod, Deadline deadline) const {
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
      const bool running = record.state == PodState::kRunning || record.state == PodState::kPaused;
      if (monitored == running || !monitored) {
        return Turn{std::move(*lock), files, std::move(record), monitored};
      }
      // A monitor on its way up, whose caller has gone, or on its way down: its next word is the pod's state.
      if (deadline.passed())
        return Fail(Code::kDeadlineExceeded, "its monitor is still starting or stopping");
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  // Ends what a dead monitor left running, and forgets its sockets.
  static Status CleanUp(const PodFiles& files, const PodRecord& found, Deadline deadline) {
    if (found.vm) VC_RETURN_IF_ERROR(KillAndWait(found.vm->process, deadline));
    for (const ProcessIdentity& helper : found.helpers) VC_RETURN_IF_ERROR(KillAndWait(helper, deadline));
    return RemoveTree(files.paths().run_dir);
  }

  Result<std::shared_ptr<MonitorClient>> Monitor(const PodFiles& files, Deadline deadline) const {
    Result<std::shared_ptr<MonitorClient>> client =
        MonitorClient::Connect(files.paths().monitor_socket(), deadline);
    if (!client && client.error().code() == Code::kUnavailable) {
      return Fail(MonitorIsGone());
    }
    return client;
  }

  // An operation of the pod's monitor, and its answer.
  template <typename Request>
  Result<std::string> Query(const PodFiles& files, const char* method, const Request& request,
                            Deadline deadline) const {
    VC_ASSIGN_OR_RETURN(const std::shared_ptr<MonitorClient> monitor, Monitor(files, deadline));
    return monitor->Call(method, ttrpc::SerializeMessage(request), deadline);
  }

  // The same for one that answers no more than that it is done.
  template <typename Request>
  Status Ask(const PodFiles& files, const char* method, const Request& request, Deadline deadline) const {
    VC_RETURN_IF_ERROR(Query(files, method, request, deadline));
    return {};
  }

  // A call that changes nothing of the container's record, and needs no turn.
  template <typename Request>
  Result<std::string> QueryContainer(std::string_view pod, std::string_view container, ContainerCall call,
                                     const char* method, const Request& request, Deadline deadline) const {
    VC_ASSIGN_OR_RETURN(const PodFiles files, Find(pod));
    VC_ASSIGN_OR_RETURN(PodRecord record, LoadCorrectedRecord(files));
    VC_ASSIGN_OR_RETURN(const ContainerRecord found, FindContainer(record, pod, container));
    VC_RETURN_IF_ERROR(CheckContainerCall(pod, record.state, container, found.state, call));
    return Query(files, method, request, deadline);
  }

  // A call that changes the state of a pod that runs, or of one of its containers.
  Status AskPod(std::string_view pod, PodCall call, const char* method, Deadline deadline) const {
    VC_ASSIGN_OR_RETURN(const Turn turn, Take(pod, deadline));
    VC_ASSIGN_OR_RETURN(const Step step, CheckPodCall(pod, turn.record.state, call));
    if (step == Step::kNothing) return {};
    if (!turn.monitored) return Fail(MonitorIsGone());
    return Ask(turn.files, method, wire::ContainerRequest(), deadline);
  }
  template <typename Request>
  Status AskContainer(std::string_view pod, std::string_view container, ContainerCall call,
                      const char* method, const Request& request, Deadline deadline) const {
    VC_ASSIGN_OR_RETURN(Turn turn, Take(pod, deadline));
    VC_ASSIGN_OR_RETURN(const ContainerRecord found, FindContainer(turn.record, pod, container));
    VC_ASSIGN_OR_RETURN(const Step step,
                        CheckContainerCall(pod, turn.record.state, container, found.state, call));
    if (step == Step::kNothing) return {};
    if (!turn.monitored) return Fail(MonitorIsGone());
    return Ask(turn.files, method, request, deadline);
  }

  // Tells those who read events of what was done without a monitor. No call fails for want of an event.
  void Tell(EventType type, std::string_view pod, std::string_view container = "") const {
    Event event;
    event.type = type;
    event.time = std::chrono::system_clock::now();
    event.pod = std::string(pod);
    event.container = std::string(container);
    (void)EventLog(options_.root).Append(std::move(event));
  }

  // Stops a pod by its monitor; that has gone when this returns.
  Status StopMonitored(const PodFiles& files, std::chrono::milliseconds grace, Deadline deadline) const {
    wire::StopRequest request;
    request.set_grace_ms(static_cast<uint64_t>(std::max<int64_t>(0, grace.count())));
    const Status asked = Ask(files, "StopPod", request, deadline);
    // The monitor's last word may be lost with its connection; what counts is that it ends.
    if (!asked && asked.error().code() != Code::kUnavailable) return asked;
    const Result<FileLock> gone = FileLock::Acquire(files.paths().monitor_lock(), deadline);
    if (gone) return {};
    if (gone.error().code() != Code::kDeadlineExceeded) return Fail(gone.error());
    return Fail(Code::kDeadlineExceeded, "its monitor does not end");
  }

 private:
  const RuntimeOptions options_;
  const Store store_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_RUNTIME_RUNTIME_IMPL_H_
