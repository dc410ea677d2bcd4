// The operations on a running pod as a whole.

#include <unistd.h>

#include <chrono>

#include "base/errors.h"
#include "base/time_format.h"
#include "monitor/pod_monitor.h"
#include "monitor/undo_time.h"
#include "os/process_usage.h"

namespace virtcontainers {
namespace {

// How long it may take until the end of a VM that has ended is written down.
constexpr std::chrono::seconds kVmEnding{1};

}  // namespace

Result<Step> PodMonitor::Check(PodCall call) const { return CheckPodCall(pod_, keeper_.state(), call); }

Error PodMonitor::RestatePod(PodCall call, Error error) {
  if (vm_->hypervisor().state() != VmState::kExited) return error;
  (void)keeper_.WaitUntil(Deadline::After(kVmEnding), [](const LivePod& pod) { return pod.stopped; });
  Result<Step> step = Check(call);
  return step ? error : std::move(step.error());
}

Status PodMonitor::SetPodState(PodState from, PodState to) {
  return keeper_.Change([&](LivePod& pod) {
    // It may have ended meanwhile.
    if (pod.record.state == from) pod.record.state = to;
  });
}

Status PodMonitor::PausePod(Deadline deadline) {
  return Locked(deadline, [&]() -> Status {
    VC_ASSIGN_OR_RETURN(const Step step, Check(PodCall::kPausePod));
    if (step == Step::kNothing) return {};
    if (Status paused = vm_->hypervisor().Pause(deadline); !paused) {
      return Fail(RestatePod(PodCall::kPausePod, std::move(paused.error())));
    }
    if (Status saved = SetPodState(PodState::kRunning, PodState::kPaused); !saved) {
      // What nobody can read of must not be so.
      (void)vm_->hypervisor().Resume(Deadline::After(kUndo));
      (void)SetPodState(PodState::kPaused, PodState::kRunning);
      return saved;
    }
    events_->Emit(EventType::kPodPaused);
    return {};
  });
}

Status PodMonitor::ResumePod(Deadline deadline) {
  return Locked(deadline, [&]() -> Status {
    VC_ASSIGN_OR_RETURN(const Step step, Check(PodCall::kResumePod));
    if (step == Step::kNothing) return {};
    if (Status resumed = vm_->hypervisor().Resume(deadline); !resumed) {
      return Fail(RestatePod(PodCall::kResumePod, std::move(resumed.error())));
    }
    // While it stood still its clock did, too.
    const Status clock = agent().SetGuestTime(Now(), deadline);
    if (Status saved = SetPodState(PodState::kPaused, PodState::kRunning); !saved) {
      (void)vm_->hypervisor().Pause(Deadline::After(kUndo));
      (void)SetPodState(PodState::kRunning, PodState::kPaused);
      return saved;
    }
    events_->Emit(EventType::kPodResumed);
    if (!clock) return Fail(Error(clock.error()).AddContext("the pod runs again, but set its clock"));
    return {};
  });
}

Result<PodStats> PodMonitor::StatsPod(Deadline deadline) {
  PodStats stats;
  stats.id = pod_;
  stats.time = Now();
  VC_RETURN_IF_ERROR(Check(PodCall::kStatsPod));
  const std::vector<std::string> running = keeper_.Read([](const LivePod& live) {
    std::vector<std::string> ids;
    for (const ContainerRecord& container : live.record.containers) {
      if (Lives(container.state) && live.record.state == PodState::kRunning) ids.push_back(container.id);
    }
    return ids;
  });
  for (const std::string& id : running) {
    Result<ContainerStats> container = agent().StatsContainer(id, deadline);
    if (container) {
      stats.containers.push_back(std::move(*container));
      continue;
    }
    // One that has ended meanwhile is not among them; the guest knows it before the record does.
    const Code code = container.error().code();
    const bool ended = code == Code::kFailedPrecondition || code == Code::kNotFound;
    if (!ended && Check(id, ContainerCall::kStatsContainer)) {
      return Fail(std::move(container.error()).AddContext("container " + Quoted(id)));
    }
  }
  const auto add = [&](std::string name, pid_t pid) {
    const Result<ProcessUsage> usage = ReadProcessUsage(pid);
    if (!usage) return;
    stats.host.push_back(
        {std::move(name), pid, usage->cpu, Bytes{usage->resident}, Bytes{usage->proportional}});
  };
  add(std::string(vm_->hypervisor().name()), vm_->record().info.process.pid);
  for (const AttachmentRecord& attachment : vm_->attachments()) {
    for (const AttachedProcess& process : attachment.processes) add(process.name, process.identity.pid);
  }
  add("monitor", ::getpid());
  return stats;
}

}  // namespace virtcontainers
