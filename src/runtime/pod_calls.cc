// The calls of Runtime on a pod as a whole.

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "base/time_format.h"
#include "monitor/launch.h"
#include "os/file.h"
#include "os/file_lock.h"
#include "os/marked_process.h"
#include "pod/pod_mark.h"
#include "pod/state_machine.h"
#include "pod/stats_json.h"
#include "pod/validate.h"
#include "runtime/call_context.h"
#include "runtime/event_reader.h"
#include "runtime/json_answer.h"
#include "runtime/pod_view.h"
#include "runtime/recovery.h"
#include "runtime/runtime_impl.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// How long a new monitor may take to take over a pod that is to be stopped.
constexpr seconds kTakeOverBeforeStop{10};

// How long the processes of a start that was cancelled may take to end once they have been killed.
constexpr seconds kKilling{10};

// Undoes a start that failed: its monitor has undone it already, or has died.
void UndoStart(const PodLocker& pods, const PodFiles& files) {
  // A monitor that was killed holds its lock for a moment longer than it lives; one that lives is on its way
  // out, and needs no help.
  const Result<FileLock> nobody =
      FileLock::Acquire(files.paths().monitor_lock(), Deadline::After(kMonitorEnds));
  // What is not undone now the pod's next call undoes.
  if (!nobody || !HasEffects(files)) return;
  pods.log().NoteFailure("undo the start of pod " + Quoted(files.id()),
                         UndoEffects(files, Deadline::After(kMonitorEnds), pods.log()));
}

// Ends a start that is under way or has just succeeded: kills all processes of the pod, and undoes what the
// start has done. The record is then as it was.
void CancelStart(const PodLocker& pods, LockedPod& locked) {
  (void)KillMarkedProcesses(ProcessesOfPod(locked.files.paths().mark), Deadline::After(kKilling));
  UndoStart(pods, locked.files);
  // The start may have come to its end at the same time.
  pods.log().NoteFailure("undo the start of pod " + Quoted(locked.files.id()),
                         pods.Recover(locked, Deadline::After(kKilling)));
}

// Ends everything that runs of a pod whose record cannot be read. The record stays as it is.
Status StopDamaged(const PodLocker& pods, const MonitorCaller& monitors, std::string_view pod,
                   milliseconds grace, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const DamagedPod damaged, pods.LockDamagedPod(pod, deadline));
  // A monitor that lives knows its pod, whatever became of the file, and writes it anew.
  if (damaged.monitored) {
    const Status stopped = monitors.StopPod(damaged.files, grace, deadline);
    if (!stopped && stopped.error().code() != Code::kUnavailable) return stopped;
  }
  VC_RETURN_IF_ERROR(KillMarkedProcesses(ProcessesOfPod(damaged.files.paths().mark), deadline));
  if (!damaged.lock) return RemoveTree(damaged.files.paths().run_dir);
  VC_RETURN_IF_ERROR(RemoveEffects(damaged.files, deadline, pods.log()));
  if (damaged.has_processes && !damaged.monitored) pods.events().Record(EventType::kPodStopped, pod);
  return {};
}

}  // namespace

Status Runtime::CreatePod(const PodConfig& config) {
  const auto create = [&]() -> Status {
    VC_RETURN_IF_ERROR(ValidatePod(config, ReadHostLimits()));
    // Held until it has been told: what others do to the pod comes after that.
    VC_ASSIGN_OR_RETURN(const FileLock lock, impl_->store().CreatePod(config));
    impl_->events().Record(EventType::kPodCreated, config.id);
    return {};
  };
  return WithContext(IsValidId(config.id) ? Doing("create", config.id) : "create pod", create());
}

Status Runtime::DeletePod(std::string_view pod, Deadline deadline) {
  const auto forget = [&]() -> Status {
    std::string trash;
    VC_RETURN_IF_ERROR(impl_->events().RecordDeletion(pod, [&]() -> Status {
      VC_ASSIGN_OR_RETURN(trash, impl_->store().RemovePod(pod));
      return {};
    }));
    // The pod is gone. What is left of it is only disk space: what cannot be removed now is swept later.
    impl_->pods().log().NoteFailure("remove the trash of pod " + Quoted(pod), RemoveTree(trash));
    return {};
  };
  const auto remove = [&]() -> Status {
    const Result<LockedPod> locked = impl_->pods().LockPod(pod, deadline);
    // A pod whose state cannot be read can still be deleted, as long as nothing of it is running.
    if (!locked && locked.error().code() == Code::kDataLoss) {
      VC_ASSIGN_OR_RETURN(const DamagedPod damaged, impl_->pods().LockDamagedPod(pod, deadline));
      if (damaged.monitored || damaged.has_processes) {
        VC_RETURN_IF_ERROR(CheckPodCall(pod, PodState::kRunning, PodCall::kDeletePod));
      }
      if (damaged.lock) VC_RETURN_IF_ERROR(RemoveEffects(damaged.files, deadline, impl_->pods().log()));
      return forget();
    }
    VC_RETURN_IF_ERROR(locked);
    VC_RETURN_IF_ERROR(CheckPodCall(pod, locked->record.state, PodCall::kDeletePod));
    return forget();
  };
  return WithContext(Doing("delete", pod), deadline, remove());
}

Status Runtime::StartPod(std::string_view pod, Deadline deadline) { return StartPod(pod, {}, deadline); }

Status Runtime::StartPod(std::string_view pod, const StartOptions& options, Deadline deadline) {
  const auto start = [&]() -> Status {
    VC_ASSIGN_OR_RETURN(LockedPod locked, impl_->pods().LockPod(pod, deadline));
    VC_RETURN_IF_ERROR(CheckPodCall(pod, locked.record.state, PodCall::kStartPod));
    if (deadline.passed()) return Fail(Code::kDeadlineExceeded, "the deadline has passed");
    const std::string& program = impl_->options().monitor;
    if (!IsExecutable(program)) {
      return Fail(Code::kNotFound, "the monitor program " + Quoted(program) +
                                       " does not exist: install it, or name it in $VIRTCONTAINERS_MONITOR");
    }
    const Status started = LaunchMonitor(program, locked.files.paths(), impl_->options().guest,
                                         MonitorTask::kStart, deadline, options.descriptors);
    if (started) return {};
    if (deadline.cancelled()) {
      CancelStart(impl_->pods(), locked);
    } else {
      UndoStart(impl_->pods(), locked.files);
    }
    return started;
  };
  return WithContext(Doing("start", pod), deadline, start());
}

Status Runtime::StopPod(std::string_view pod, milliseconds grace, Deadline deadline) {
  const auto stop = [&]() -> Status {
    Result<LockedPod> locked = impl_->pods().LockPod(pod, deadline);
    if (!locked && locked.error().code() == Code::kDataLoss)
      return StopDamaged(impl_->pods(), impl_->monitors(), pod, grace, deadline);
    VC_RETURN_IF_ERROR(locked);
    const PodFiles& files = locked->files;
    VC_ASSIGN_OR_RETURN(const Step step, CheckPodCall(pod, locked->record.state, PodCall::kStopPod));
    if (step == Step::kNothing) return {};
    // A monitor that died is replaced, for the guest to end in peace; if that takes long, without.
    if (!locked->monitored) {
      impl_->pods().log().NoteFailure(
          "replace the monitor of pod " + Quoted(pod) + " before it is stopped",
          impl_->pods().Restore(*locked, Min(deadline, Deadline::After(kTakeOverBeforeStop))));
    }
    if (locked->monitored) {
      const Status stopped = impl_->monitors().StopPod(files, grace, deadline);
      // One that cannot be reached any more is ended with the rest.
      if (!stopped && stopped.error().code() != Code::kUnavailable) return stopped;
    }
    // Nothing but the record is left of one that a monitor has stopped, unless that died before it was done.
    VC_ASSIGN_OR_RETURN(locked->record, files.LoadRecord());
    if (!locked->running() && !FileLock::IsHeld(files.paths().monitor_lock()).value_or(true)) return {};
    VC_RETURN_IF_ERROR(UndoEffects(files, deadline, impl_->pods().log()));
    VC_ASSIGN_OR_RETURN(locked->record, files.LoadRecord());
    if (!locked->running()) return {};
    MarkStopped(locked->record, "", Now());
    VC_RETURN_IF_ERROR(files.SaveRecord(locked->record));
    impl_->events().Record(EventType::kPodStopped, pod);
    return {};
  };
  return WithContext(Doing("stop", pod), deadline, stop());
}

Status Runtime::RunPod(const PodConfig& config, Deadline deadline) {
  VC_RETURN_IF_ERROR(CreatePod(config));
  Status started = StartPod(config.id, deadline);
  if (started) return {};
  if (const Status deleted = DeletePod(config.id); !deleted) {
    started.error().AddContext("and then " + deleted.error().ToString() + "; the first error");
  }
  return started;
}

Status Runtime::PausePod(std::string_view pod, Deadline deadline) {
  return WithContext(Doing("pause", pod), deadline,
                     impl_->monitors().PerformOnPod(pod, PodCall::kPausePod, "Pause", deadline));
}

Status Runtime::ResumePod(std::string_view pod, Deadline deadline) {
  return WithContext(Doing("resume", pod), deadline,
                     impl_->monitors().PerformOnPod(pod, PodCall::kResumePod, "Resume", deadline));
}

Result<bool> Runtime::RestoreMonitor(std::string_view pod, Deadline deadline) {
  const auto restore = [&]() -> Result<bool> {
    VC_ASSIGN_OR_RETURN(const LockedPod locked, impl_->pods().LockMonitoredPod(pod, deadline));
    return locked.restored || locked.marked_stopped;
  };
  return WithContext(Doing("restore the monitor of", pod), deadline, restore());
}

Result<PodConfig> Runtime::FetchPod(std::string_view pod) {
  const auto fetch = [&]() -> Result<PodConfig> {
    VC_ASSIGN_OR_RETURN(const PodFiles files, impl_->pods().Find(pod));
    VC_ASSIGN_OR_RETURN(PodConfig config, files.LoadConfig());
    VC_ASSIGN_OR_RETURN(const PodRecord record, LoadCorrectedRecord(files));
    for (const ContainerRecord& container : record.containers) {
      Result<ContainerConfig> loaded = files.LoadContainer(container.id);
      // One that was deleted between the two reads is not there any more.
      if (!loaded && loaded.error().code() == Code::kNotFound) continue;
      VC_RETURN_IF_ERROR(loaded);
      config.containers.push_back(std::move(*loaded));
    }
    return config;
  };
  return WithContext(Doing("fetch", pod), fetch());
}

Result<std::vector<PodStatus>> Runtime::ListPod(PodFilter filter) {
  VC_ASSIGN_OR_RETURN(const std::vector<std::string> ids, impl_->store().ListPods());
  // Looked for once, for all pods whose state cannot be read.
  std::optional<PodProcesses> processes;
  std::vector<virtcontainers::PodStatus> pods;
  for (const std::string& id : ids) {
    const auto has_processes = [&]() -> Result<bool> {
      if (!processes) {
        VC_ASSIGN_OR_RETURN(processes, FindPodProcesses(impl_->store().key()));
      }
      return processes->count(id) != 0;
    };
    Result<virtcontainers::PodStatus> pod = ViewPod(impl_->store().Pod(id), has_processes);
    if (!pod) {
      if (!impl_->store().HasPod(id)) continue;  // deleted just now
      // That is this caller's lack, and says nothing of the pod.
      if (pod.error().code() == Code::kResourceExhausted) {
        return Fail(std::move(pod.error()).AddContext(Doing("status of", id)));
      }
      std::string reason = pod.error().ToString();
      pod = virtcontainers::PodStatus();
      pod->id = id;
      pod->state = PodState::kStopped;
      pod->reason = std::move(reason);
    }
    if (filter == PodFilter::kRunning && pod->state != PodState::kRunning) continue;
    pods.push_back(std::move(*pod));
  }
  return pods;
}

Result<PodStatus> Runtime::PodStatus(std::string_view pod) {
  const auto view = [&]() -> Result<virtcontainers::PodStatus> {
    VC_ASSIGN_OR_RETURN(const PodFiles files, impl_->pods().Find(pod));
    return ViewPod(files, [&] { return HasLiveProcesses(files); });
  };
  return WithContext(Doing("status of", pod), view());
}

Result<PodStats> Runtime::StatsPod(std::string_view pod, Deadline deadline) {
  const auto stats = [&]() -> Result<PodStats> {
    VC_ASSIGN_OR_RETURN(const PodFiles files, impl_->pods().Find(pod));
    VC_ASSIGN_OR_RETURN(const PodRecord record, LoadCorrectedRecord(files));
    VC_RETURN_IF_ERROR(CheckPodCall(pod, record.state, PodCall::kStatsPod));
    VC_ASSIGN_OR_RETURN(const Json json, ParseJsonAnswer(impl_->monitors().Query(
                                             files, "Stats", wire::ContainerRequest(), deadline)));
    return PodStatsFromJson(json);
  };
  return WithContext(Doing("statistics of", pod), deadline, stats());
}

Result<std::unique_ptr<EventStream>> Runtime::Events(std::optional<uint64_t> after) {
  return EventReader::Open(impl_->store().root(), after);
}

}  // namespace virtcontainers
