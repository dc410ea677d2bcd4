#include "runtime/monitor_caller.h"

#include <algorithm>
#include <optional>
#include <thread>

#include "monitor/monitor_client.h"
#include "os/file_lock.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;

// The error of a call that was under way when the pod stopped.
Error PodHasStopped(const PodRecord& record) {
  if (record.reason.empty()) return Error(Code::kUnavailable, Reason::kPodNotRunning, "the pod has stopped");
  return Error(Code::kUnavailable, Reason::kVmDied, "the pod has stopped: " + record.reason);
}

}  // namespace

std::shared_ptr<MonitorLink> MonitorCaller::Link(const PodFiles& files) const {
  return std::make_shared<MonitorLink>(
      files.paths().monitor_socket(),
      [locker = locker_, id = files.id()](Deadline deadline) -> Status {
        VC_ASSIGN_OR_RETURN(const LockedPod locked, locker.LockMonitoredPod(id, deadline));
        if (locked.running()) return {};
        return Fail(PodHasStopped(locked.record));
      },
      [files](Deadline deadline) -> Status {
        const Deadline patience = Min(deadline, Deadline::After(kMonitorEnds));
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

Status MonitorCaller::PerformOnPod(std::string_view pod, PodCall call, const char* method,
                                   Deadline deadline) const {
  VC_ASSIGN_OR_RETURN(LockedPod locked, locker_.LockMonitoredPod(pod, deadline));
  VC_ASSIGN_OR_RETURN(const Step step, CheckPodCall(pod, locked.record.state, call));
  if (step == Step::kNothing) return {};
  return Perform(locked, method, wire::ContainerRequest(), deadline, [&](const PodRecord& record) {
    return CheckPodCall(pod, record.state, call).value_or(Step::kDo) == Step::kNothing;
  });
}

Status MonitorCaller::PerformSerialized(LockedPod& locked, const char* method, const std::string& payload,
                                        Deadline deadline,
                                        const std::function<bool(PodRecord&)>& done) const {
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
    const Deadline dying = Min(deadline, Deadline::After(kMonitorEnds));
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
    if (locked.running() && !lives) VC_RETURN_IF_ERROR(locker_.Restore(locked, deadline));
    if (done && done(locked.record)) return {};
    if (!locked.running()) {
      return Fail(PodHasStopped(locked.record));
    }
  }
}

Status MonitorCaller::StopPod(const PodFiles& files, milliseconds grace, Deadline deadline) const {
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
    const Deadline patience = asked ? deadline : Min(deadline, Deadline::After(kMonitorEnds));
    const Result<FileLock> gone = FileLock::Acquire(files.paths().monitor_lock(), patience);
    if (gone) return {};
    if (gone.error().code() != Code::kDeadlineExceeded) return Fail(gone.error());
    if (unreachable) return Fail(*unreachable);
    if (deadline.passed()) return Fail(Code::kDeadlineExceeded, "its monitor does not end");
  }
}

}  // namespace virtcontainers
