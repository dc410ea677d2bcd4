// The operations on the containers of a running pod and on their processes.

#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <mutex>

#include "base/errors.h"
#include "base/time_format.h"
#include "monitor/pod_monitor.h"
#include "monitor/undo_time.h"
#include "pod/defaults.h"
#include "pod/merge_resources.h"
#include "pod/state_machine.h"
#include "pod/validate.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;

// How long it may take until the end of a container that has ended is written down.
constexpr std::chrono::seconds kEnding{1};

// The exit codes of a start that failed: those of shells for a program that is not there or cannot be
// executed, and what docker and Kubernetes have for the rest.
constexpr int kProgramNotFound = 127;
constexpr int kProgramNotExecutable = 126;
constexpr int kNotStarted = 128;

// NetworkStatus::host of the network that brings the interface. A container's own network namespace has no
// interface but the loopback.
std::string HostSideOf(const std::vector<AttachmentRecord>& attachments, const std::string& interface) {
  for (const AttachmentRecord& attachment : attachments) {
    if (!attachment.network) continue;
    for (const NetworkInterface& own : attachment.network->status.interfaces) {
      if (own.name == interface) return attachment.network->status.host;
    }
  }
  return "";
}

ExitStatus ExitOfFailedStart(const ContainerConfig& config, const Error& error) {
  // Files of the host that are missing have the same codes.
  if (!ValidateContainer(config)) return {kNotStarted};
  if (error.reason() == Reason::kCommandNotFound) return {kProgramNotFound};
  if (error.reason() == Reason::kCommandNotExecutable) return {kProgramNotExecutable};
  // Of an agent that gives no reasons.
  if (error.code() == Code::kNotFound) return {kProgramNotFound};
  if (error.code() == Code::kPermissionDenied) return {kProgramNotExecutable};
  return {kNotStarted};
}

void Log(const std::string& subject, const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings)
    std::fprintf(stderr, "%s: %s\n", subject.c_str(), warning.c_str());
}

}  // namespace

Result<Step> PodMonitor::Check(const std::string& id, ContainerCall call) const {
  PodState pod_state;
  VC_ASSIGN_OR_RETURN(const ContainerRecord record, keeper_.Find(id, &pod_state));
  return CheckContainerCall(pod_, pod_state, id, record.state, call);
}

Result<ContainerRecord> PodMonitor::CheckedRecord(const std::string& id, ContainerCall call) {
  exits_->AwaitEnding(id);
  PodState pod_state;
  VC_ASSIGN_OR_RETURN(ContainerRecord record, keeper_.Find(id, &pod_state));
  VC_RETURN_IF_ERROR(CheckContainerCall(pod_, pod_state, id, record.state, call));
  return record;
}

Error PodMonitor::Restate(const std::string& id, ContainerCall call, Error error) {
  if (error.code() != Code::kFailedPrecondition) return error;
  (void)exits_->WaitForState(id, ContainerState::kStopped, Deadline::After(kEnding));
  Result<Step> step = Check(id, call);
  return step ? error : std::move(step.error());
}

Status PodMonitor::CreateContainer(const ContainerConfig& config, Deadline deadline) {
  return Locked(deadline, [&]() -> Status {
    PodState pod_state;
    if (keeper_.Find(config.id, &pod_state)) {
      return Fail(Code::kAlreadyExists, "container " + Quoted(config.id) + " exists already in pod " +
                                            Quoted(pod_) + ": choose another id, or delete it");
    }
    VC_RETURN_IF_ERROR(CheckPodCall(pod_, pod_state, PodCall::kCreateContainer));
    VC_RETURN_IF_ERROR(guest_->Create(config, deadline));
    Status saved = files_.SaveContainer(config);
    if (saved) {
      saved = keeper_.Change([&](LivePod& pod) {
        ContainerRecord& container = pod.record.containers.emplace_back();
        container.id = config.id;
        container.created = Now();
      });
    }
    if (saved) {
      events_->Emit(EventType::kContainerCreated, config.id);
      return {};
    }
    guest_->Discard(config.id, deadline);
    const Status undone = keeper_.Change([&](LivePod& pod) {
      std::erase_if(pod.record.containers,
                    [&](const ContainerRecord& entry) { return entry.id == config.id; });
    });
    if (undone) (void)files_.RemoveContainer(config.id);
    return saved;
  });
}

Status PodMonitor::Forget(const ContainerRecord& container) {
  // The record first: one of a container without a file could not be read.
  Status saved = keeper_.Change([&](LivePod& pod) {
    std::erase_if(pod.record.containers,
                  [&](const ContainerRecord& entry) { return entry.id == container.id; });
  });
  if (saved) return files_.RemoveContainer(container.id);
  // It is there, for whoever reads, and can be deleted when that can be written down.
  (void)keeper_.Change([&](LivePod& pod) { pod.record.containers.push_back(container); });
  return saved;
}

Status PodMonitor::DeleteContainer(const std::string& id, Deadline deadline) {
  return Locked(deadline, [&]() -> Status {
    VC_ASSIGN_OR_RETURN(const ContainerRecord record, CheckedRecord(id, ContainerCall::kDeleteContainer));
    VC_RETURN_IF_ERROR(guest_->Remove(id, deadline));
    VC_RETURN_IF_ERROR(Forget(record));
    events_->Emit(EventType::kContainerDeleted, id);
    return {};
  });
}

Status PodMonitor::StartContainer(const std::string& id, Deadline deadline) {
  return Locked(deadline, [&]() -> Status {
    VC_ASSIGN_OR_RETURN(const ContainerRecord record, CheckedRecord(id, ContainerCall::kStartContainer));
    VC_ASSIGN_OR_RETURN(const ContainerConfig config, files_.LoadContainer(id));
    const bool again = record.state == ContainerState::kStopped;
    if (again && guest_->Has(id)) VC_RETURN_IF_ERROR(guest_->Remove(id, deadline));
    Status started;
    if (!guest_->Has(id)) started = guest_->Create(config, deadline);
    if (started) {
      // Before it happens: if this monitor dies, and the container has ended when the next one looks, it is
      // to be told from the one that had stopped.
      if (again) (void)keeper_.Change([&](LivePod& pod) { pod.record.Find(id)->restarting = true; });
      started = guest_->Start(config, deadline);
    }
    if (started) return {};
    // One that runs in the guest and could not be written down has not been started at all.
    if (guest_->Has(id)) {
      guest_->UndoStart(record);
    } else {
      NoteFailedStart(config, started.error());
    }
    return started;
  });
}

void PodMonitor::NoteFailedStart(const ContainerConfig& config, const Error& error) {
  const std::string reason = "start failed: " + error.ToString();
  const ExitStatus exit = ExitOfFailedStart(config, error);
  const std::lock_guard order(events_->order());
  bool noted = false;
  (void)keeper_.Change([&](LivePod& pod) {
    ContainerRecord* container = pod.record.Find(config.id);
    // With its VM gone, the pod's end says what became of it.
    if (pod.stopped || container == nullptr) return;
    noted = true;
    container->state = ContainerState::kStopped;
    container->reason = reason;
    container->exit = exit;
    container->started.reset();
    container->finished = Now();
    container->restarting = false;
  });
  if (noted) events_->Emit(EventType::kContainerExited, config.id, "", exit, reason);
}

Status PodMonitor::StopContainer(const std::string& id, milliseconds grace, Deadline deadline) {
  return Locked(deadline, [&]() -> Status {
    exits_->AwaitEnding(id);
    VC_ASSIGN_OR_RETURN(const Step step, Check(id, ContainerCall::kStopContainer));
    if (step != Step::kNothing) VC_RETURN_IF_ERROR(guest_->Stop(id, grace, deadline));
    // Whoever asks next reads it.
    return keeper_.Save();
  });
}

Status PodMonitor::SwitchContainer(const std::string& id, ContainerState from, ContainerState to,
                                   const std::function<Status(Deadline)>& there,
                                   const std::function<Status(Deadline)>& back, Deadline deadline) {
  if (Status switched = there(deadline); !switched) {
    const ContainerCall call =
        to == ContainerState::kPaused ? ContainerCall::kPauseContainer : ContainerCall::kResumeContainer;
    return Fail(Restate(id, call, std::move(switched.error())));
  }
  Status saved = keeper_.SetLiveState(id, to);
  if (saved) return {};
  // What nobody can read of must not be so.
  (void)back(Deadline::After(kUndo));
  (void)keeper_.SetLiveState(id, from);
  return saved;
}

Status PodMonitor::PauseContainer(const std::string& id, Deadline deadline) {
  return Locked(deadline, [&]() -> Status {
    VC_ASSIGN_OR_RETURN(const Step step, Check(id, ContainerCall::kPauseContainer));
    if (step == Step::kNothing) return {};
    VC_RETURN_IF_ERROR(SwitchContainer(
        id, ContainerState::kRunning, ContainerState::kPaused,
        [&](Deadline until) { return agent().PauseContainer(id, until); },
        [&](Deadline until) { return agent().ResumeContainer(id, until); }, deadline));
    events_->Emit(EventType::kContainerPaused, id);
    return {};
  });
}

Status PodMonitor::ResumeContainer(const std::string& id, Deadline deadline) {
  return Locked(deadline, [&]() -> Status {
    VC_ASSIGN_OR_RETURN(const Step step, Check(id, ContainerCall::kResumeContainer));
    if (step == Step::kNothing) return {};
    VC_RETURN_IF_ERROR(SwitchContainer(
        id, ContainerState::kPaused, ContainerState::kRunning,
        [&](Deadline until) { return agent().ResumeContainer(id, until); },
        [&](Deadline until) { return agent().PauseContainer(id, until); }, deadline));
    events_->Emit(EventType::kContainerResumed, id);
    return {};
  });
}

Status PodMonitor::KillContainer(const std::string& id, int signal, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const Step step, Check(id, ContainerCall::kKillContainer));
  if (step == Step::kNothing) return SignalToStopped(id, signal);
  Status sent = agent().SignalProcess({id, ""}, signal, signal == SIGKILL, deadline);
  if (!sent && signal == 0) return Fail(Restate(id, ContainerCall::kKillContainer, std::move(sent.error())));
  return sent;
}

Status PodMonitor::UpdateContainer(const std::string& id, const ContainerResources& resources,
                                   Deadline deadline) {
  return Locked(deadline, [&]() -> Status {
    VC_RETURN_IF_ERROR(Check(id, ContainerCall::kUpdateContainer));
    VC_ASSIGN_OR_RETURN(ContainerConfig config, files_.LoadContainer(id));
    const ContainerResources before = config.resources;
    VC_ASSIGN_OR_RETURN(config.resources, MergeResources(before, resources));
    const bool known = guest_->Has(id);
    if (known) VC_RETURN_IF_ERROR(agent().UpdateContainer(id, resources, deadline));
    if (Status saved = files_.SaveContainer(config); !saved) {
      if (known) (void)agent().UpdateContainer(id, before, deadline);
      return saved;
    }
    events_->Emit(EventType::kContainerUpdated, id);
    return {};
  });
}

Result<ContainerStats> PodMonitor::StatsContainer(const std::string& id, Deadline deadline) {
  VC_RETURN_IF_ERROR(Check(id, ContainerCall::kStatsContainer));
  Result<ContainerStats> stats = agent().StatsContainer(id, deadline);
  if (!stats) return Fail(Restate(id, ContainerCall::kStatsContainer, std::move(stats.error())));
  const std::vector<AttachmentRecord> attachments = vm_->attachments();
  for (NetworkStats& interface : stats->network) interface.host = HostSideOf(attachments, interface.name);
  return stats;
}

Result<std::vector<ProcessInfo>> PodMonitor::ProcessListContainer(const std::string& id, Deadline deadline) {
  VC_RETURN_IF_ERROR(Check(id, ContainerCall::kStatsContainer));
  Result<std::vector<ProcessInfo>> processes = agent().ListProcesses(id, deadline);
  if (!processes) return Fail(Restate(id, ContainerCall::kStatsContainer, std::move(processes.error())));
  return processes;
}

Status PodMonitor::CopyFile(const std::string& id, const FileChunk& chunk, Deadline deadline) {
  VC_RETURN_IF_ERROR(Check(id, ContainerCall::kCopyFile));
  return agent().CopyFile(id, chunk, deadline);
}

Status PodMonitor::Exec(const std::string& container, const std::string& name, const ProcessConfig& config,
                        Deadline deadline) {
  const ProcessRef process = RefOf(container, name);
  // A caller whose monitor died asks the next one again, and the process may have been made by then.
  if (processes_->Check(process)) return {};
  VC_RETURN_IF_ERROR(container.empty() ? Check(PodCall::kEnterPod)
                                       : Check(container, ContainerCall::kEnterContainer));
  Log("process " + Quoted(name) + (container.empty() ? "" : " in container " + Quoted(container)),
      WarningsOf(config));
  Status executed = agent().ExecProcess(process, CompleteProcess(config, container.empty()), deadline);
  if (!executed && !container.empty()) {
    return Fail(Restate(container, ContainerCall::kEnterContainer, std::move(executed.error())));
  }
  VC_RETURN_IF_ERROR(executed);
  // Whoever is told of the process may open it at once, and is told of its start before its end.
  const auto start_emitted = std::make_shared<std::once_flag>();
  const auto emit_start = [this, container, name, start_emitted] {
    std::call_once(*start_emitted, [&] { events_->Emit(EventType::kProcessStarted, container, name); });
  };
  exits_->FollowExec(container, process, true, emit_start);
  emit_start();
  return {};
}

Status PodMonitor::CheckAttach(const std::string& container) {
  VC_RETURN_IF_ERROR(Check(container, ContainerCall::kAttachContainer));
  return {};
}

}  // namespace virtcontainers
