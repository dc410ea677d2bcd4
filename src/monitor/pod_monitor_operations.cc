// What a pod's monitor does beside starting and stopping: pausing, limits, statistics, files, events.

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/errors.h"
#include "base/time_format.h"
#include "monitor/pod_monitor.h"
#include "os/process_usage.h"
#include "pod/merge_resources.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;

// How long it may take until the end of a container that has ended is written down.
constexpr std::chrono::seconds kEnding{1};

// A guest that reports without end costs its pod this much of a processor, and no more.
constexpr milliseconds kBetweenOoms{20};

}  // namespace

Result<Step> PodMonitor::Check(const std::string& id, ContainerCall call) const {
  PodState pod_state;
  VC_ASSIGN_OR_RETURN(const ContainerRecord record, Record(id, &pod_state));
  return CheckContainerCall(pod_, pod_state, id, record.state, call);
}

Status PodMonitor::SetPodState(PodState from, PodState to) {
  return Change([&](PodRecord& record) {
    // It may have ended meanwhile.
    if (record.state == from) record.state = to;
  });
}

Error PodMonitor::Restate(const std::string& id, ContainerCall call, Error error) {
  if (error.code() != Code::kFailedPrecondition) return error;
  {
    std::unique_lock lock(mutex_);
    (void)WaitForState(lock, id, ContainerState::kStopped, Deadline::After(kEnding));
  }
  Result<Step> step = Check(id, call);
  return step ? error : std::move(step.error());
}

Error PodMonitor::RestatePod(PodCall call, Error error) {
  if (vm_->hypervisor().state() != VmState::kExited) return error;
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kEnding, [&] { return stopped_; });
  Result<Step> step = CheckPodCall(pod_, record_.state, call);
  return step ? error : std::move(step.error());
}

Status PodMonitor::SetContainerState(const std::string& id, ContainerState state) {
  return Change([&](PodRecord& record) {
    ContainerRecord* container = record.Find(id);
    const bool lives = container != nullptr && (container->state == ContainerState::kRunning ||
                                                container->state == ContainerState::kPaused);
    // It may have ended meanwhile.
    if (lives) container->state = state;
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
  Status saved = SetContainerState(id, to);
  if (saved) return {};
  // What nobody can read of must not be so.
  (void)back(Deadline::After(kUndo));
  (void)SetContainerState(id, from);
  return saved;
}

Status PodMonitor::PausePod(Deadline deadline) {
  const std::lock_guard turn(operation_);
  VC_RETURN_IF_ERROR(CheckTurn(deadline));
  PodState state;
  {
    const std::lock_guard lock(mutex_);
    state = record_.state;
  }
  VC_ASSIGN_OR_RETURN(const Step step, CheckPodCall(pod_, state, PodCall::kPausePod));
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
  Tell(EventType::kPodPaused);
  return {};
}

Status PodMonitor::ResumePod(Deadline deadline) {
  const std::lock_guard turn(operation_);
  VC_RETURN_IF_ERROR(CheckTurn(deadline));
  PodState state;
  {
    const std::lock_guard lock(mutex_);
    state = record_.state;
  }
  VC_ASSIGN_OR_RETURN(const Step step, CheckPodCall(pod_, state, PodCall::kResumePod));
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
  Tell(EventType::kPodResumed);
  if (!clock) return Fail(Error(clock.error()).AddContext("the pod runs again, but set its clock"));
  return {};
}

Status PodMonitor::PauseContainer(const std::string& id, Deadline deadline) {
  const std::lock_guard turn(operation_);
  VC_RETURN_IF_ERROR(CheckTurn(deadline));
  VC_ASSIGN_OR_RETURN(const Step step, Check(id, ContainerCall::kPauseContainer));
  if (step == Step::kNothing) return {};
  VC_RETURN_IF_ERROR(SwitchContainer(
      id, ContainerState::kRunning, ContainerState::kPaused,
      [&](Deadline until) { return agent().PauseContainer(id, until); },
      [&](Deadline until) { return agent().ResumeContainer(id, until); }, deadline));
  Tell(EventType::kContainerPaused, id);
  return {};
}

Status PodMonitor::ResumeContainer(const std::string& id, Deadline deadline) {
  const std::lock_guard turn(operation_);
  VC_RETURN_IF_ERROR(CheckTurn(deadline));
  VC_ASSIGN_OR_RETURN(const Step step, Check(id, ContainerCall::kResumeContainer));
  if (step == Step::kNothing) return {};
  VC_RETURN_IF_ERROR(SwitchContainer(
      id, ContainerState::kPaused, ContainerState::kRunning,
      [&](Deadline until) { return agent().ResumeContainer(id, until); },
      [&](Deadline until) { return agent().PauseContainer(id, until); }, deadline));
  Tell(EventType::kContainerResumed, id);
  return {};
}

Status PodMonitor::KillContainer(const std::string& id, int signal, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const Step step, Check(id, ContainerCall::kKillContainer));
  if (step == Step::kNothing) return SignalToStopped(id, signal);
  Status sent = agent().SignalProcess({id, ""}, signal, signal == SIGKILL, deadline);
  if (!sent && signal == 0) return Fail(Restate(id, ContainerCall::kKillContainer, std::move(sent.error())));
  return sent;
}

void PodMonitor::WatchUnstarted(const std::string& id) {
  uint64_t making = 0;
  {
    const std::lock_guard lock(mutex_);
    unstarted_[id] = making = ++makings_;
  }
  agent().WaitProcess({id, ""}, [this, id, making](const Result<ExitStatus>& exit) {
    const std::lock_guard lock(mutex_);
    const auto found = unstarted_.find(id);
    if (found == unstarted_.end() || found->second != making) return;
    unstarted_.erase(found);
    // What ends with its VM is as it was when it was created.
    if (!exit || stopping_ || starting_ || stopped_) return;
    Ending& ending = endings_[id] = Ending::OfUnstarted(*exit);
    ended_.emplace_back(id, ending);
    ended_changed_.notify_all();
  });
}

void PodMonitor::ForgetUnstarted(const std::string& id) {
  const std::lock_guard lock(mutex_);
  unstarted_.erase(id);
}

Status PodMonitor::UpdateContainer(const std::string& id, const ContainerResources& resources,
                                   Deadline deadline) {
  const std::lock_guard turn(operation_);
  VC_RETURN_IF_ERROR(CheckTurn(deadline));
  VC_RETURN_IF_ERROR(Check(id, ContainerCall::kUpdateContainer));
  VC_ASSIGN_OR_RETURN(ContainerConfig config, files_.LoadContainer(id));
  const ContainerResources before = config.resources;
  VC_ASSIGN_OR_RETURN(config.resources, MergeResources(before, resources));
  const bool known = in_guest_.count(id) != 0;
  if (known) VC_RETURN_IF_ERROR(agent().UpdateContainer(id, resources, deadline));
  if (Status saved = files_.SaveContainer(config); !saved) {
    if (known) (void)agent().UpdateContainer(id, before, deadline);
    return saved;
  }
  Tell(EventType::kContainerUpdated, id);
  return {};
}

Result<ContainerStats> PodMonitor::StatsContainer(const std::string& id, Deadline deadline) {
  VC_RETURN_IF_ERROR(Check(id, ContainerCall::kStatsContainer));
  Result<ContainerStats> stats = agent().StatsContainer(id, deadline);
  if (!stats) return Fail(Restate(id, ContainerCall::kStatsContainer, std::move(stats.error())));
  return stats;
}

Result<std::vector<ProcessInfo>> PodMonitor::ProcessListContainer(const std::string& id, Deadline deadline) {
  VC_RETURN_IF_ERROR(Check(id, ContainerCall::kStatsContainer));
  Result<std::vector<ProcessInfo>> processes = agent().ListProcesses(id, deadline);
  if (!processes) return Fail(Restate(id, ContainerCall::kStatsContainer, std::move(processes.error())));
  return processes;
}

Result<PodStats> PodMonitor::StatsPod(Deadline deadline) {
  PodStats stats;
  stats.id = pod_;
  stats.time = Now();
  std::vector<std::string> running;
  {
    const std::lock_guard lock(mutex_);
    VC_RETURN_IF_ERROR(CheckPodCall(pod_, record_.state, PodCall::kStatsPod));
    if (record_.state == PodState::kRunning) {
      for (const ContainerRecord& container : record_.containers) {
        if (container.state == ContainerState::kRunning || container.state == ContainerState::kPaused)
          running.push_back(container.id);
      }
    }
  }
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

Status PodMonitor::CopyFile(const std::string& id, const FileChunk& chunk, Deadline deadline) {
  VC_RETURN_IF_ERROR(Check(id, ContainerCall::kCopyFile));
  return agent().CopyFile(id, chunk, deadline);
}

void PodMonitor::WatchOom() {
  agent().NextOom([this](const Result<std::string>& container) {
    // The link is gone, or the agent cannot tell.
    if (!container) return;
    Event event;
    event.type = EventType::kContainerOom;
    event.container = *container;
    const bool known = Record(*container).has_value();
    if (!known) event.container.clear();
    events_->Write(std::move(event), [this] {
      std::this_thread::sleep_for(kBetweenOoms);
      WatchOom();
    });
  });
}

}  // namespace virtcontainers
