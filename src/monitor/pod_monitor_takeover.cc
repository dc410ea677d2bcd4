// What a pod's monitor does with a pod whose monitor died.

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "base/errors.h"
#include "monitor/pod_monitor.h"
#include "os/process_identity.h"
#include "pod/event_log.h"

namespace virtcontainers {
namespace {

using std::chrono::seconds;

bool Runs(ContainerState state) {
  return state == ContainerState::kRunning || state == ContainerState::kPaused;
}

}  // namespace

// What has been told of the pod's containers and processes, by what stands in the log: an event that a dead
// monitor had yet to write is written now, and none twice.
class PodMonitor::Past {
 public:
  Past(const std::string& root, const std::string& pod) {
    for (const Event& event : EventsOf(EventLogPaths(root), pod)) {
      if (event.type == EventType::kProcessExited) ended_.insert({event.container, event.process});
      if (event.type == EventType::kContainerStarted) ended_.erase({event.container, ""});
      if (event.type == EventType::kContainerExited) ended_.insert({event.container, ""});
    }
  }

  bool ToldEnd(const std::string& container, const std::string& process = "") const {
    return ended_.count({container, process}) != 0;
  }

 private:
  std::set<std::pair<std::string, std::string>> ended_;
};

Status PodMonitor::TakeOver(Deadline deadline, const std::function<Status()>& serve) {
  const std::lock_guard turn(operation_);
  VC_ASSIGN_OR_RETURN(const PodConfig config, Load());
  if ((record_.state != PodState::kRunning && record_.state != PodState::kPaused) || !record_.vm) {
    return Fail(Code::kFailedPrecondition, "the pod does not run: there is nothing to take over");
  }
  files_.Sweep(record_);
  taken_over_ = true;
  VC_ASSIGN_OR_RETURN(vm_, MakeVm(config));
  agent_ = vm_->agent();
  processes_ = std::make_unique<ProcessTable>(agent_);
  VC_RETURN_IF_ERROR(vm_->TakeOver(*record_.vm, record_.helpers, deadline));

  Hypervisor& hypervisor = vm_->hypervisor();
  const bool paused = hypervisor.state() == VmState::kPaused;
  // A guest that stands still answers nothing: it runs for a moment.
  if (paused) VC_RETURN_IF_ERROR(hypervisor.Resume(deadline));
  Status adopted = vm_->Reconnect(deadline);
  if (adopted) adopted = AdoptGuest(config, deadline);
  if (paused) {
    // What has been asked of the guest it answers first: it is not to be stopped in the middle of a word.
    if (adopted) adopted = agent().Check(deadline);
    const Status again = hypervisor.Pause(Deadline::After(seconds(5)));
    if (adopted) adopted = again;
  }
  VC_RETURN_IF_ERROR(adopted);

  VC_ASSIGN_OR_RETURN(const ProcessIdentity self, IdentifyProcess(::getpid()));
  VC_RETURN_IF_ERROR(Change([&](PodRecord& record) {
    record.monitor = self;
    record.state = paused ? PodState::kPaused : PodState::kRunning;
  }));
  if (serve) VC_RETURN_IF_ERROR(Serve(serve));
  vm_->Watch();
  WatchOom();
  return {};
}

// What a guest that cannot say it must have in it.
GuestState PodMonitor::GuestOfRecord() const {
  GuestState state;
  state.sandbox = sandbox_;
  for (const ContainerRecord& container : record_.containers) {
    // One that was made and never started is not told from one that was not made: it is made anew.
    if (!container.started) continue;
    state.containers.push_back({container.id, container.state, {}});
  }
  return state;
}

Status PodMonitor::AdoptGuest(const PodConfig& config, Deadline deadline) {
  Result<GuestState> guest = agent().GetState(deadline);
  if (!guest && guest.error().code() == Code::kUnimplemented) guest = GuestOfRecord();
  VC_RETURN_IF_ERROR(guest);
  if (guest->sandbox.empty()) VC_RETURN_IF_ERROR(PrepareGuest(config, deadline));

  const Past past(files_.paths().root(), pod_);
  const std::vector<ContainerRecord> known = record_.containers;
  for (const GuestState::Container& found : guest->containers) {
    const auto record = std::find_if(known.begin(), known.end(),
                                     [&](const ContainerRecord& entry) { return entry.id == found.id; });
    if (record != known.end()) {
      VC_RETURN_IF_ERROR(AdoptContainer(*record, found, past));
      continue;
    }
    // Its creation had not been written down: it has not happened.
    RemoveFromGuest(found.id, deadline);
  }
  for (const std::string& exec : guest->execs) FollowExec("", exec, !past.ToldEnd("", exec));
  for (const ContainerRecord& record : known) {
    if (in_guest_.count(record.id) == 0) {
      VC_RETURN_IF_ERROR(vm_->HideRootfs(record.id));
      if (!Runs(record.state)) continue;
      VC_RETURN_IF_ERROR(Change([&](PodRecord& changed) {
        ContainerRecord* lost = changed.Find(record.id);
        lost->state = ContainerState::kStopped;
        lost->reason = "its end was not seen";
        lost->finished = std::chrono::system_clock::now();
      }));
      Tell(EventType::kContainerExited, record.id, "", {}, "its end was not seen");
    } else if (record.state == ContainerState::kStopped && endings_.count(record.id) == 0 &&
               !past.ToldEnd(record.id)) {
      Tell(EventType::kContainerExited, record.id, "", record.exit, record.reason);
    }
  }
  return {};
}

Status PodMonitor::AdoptContainer(const ContainerRecord& record, const GuestState::Container& found,
                                  const Past& past) {
  const std::string& id = record.id;
  VC_ASSIGN_OR_RETURN(const ContainerConfig config, files_.LoadContainer(id));
  in_guest_.insert(id);
  vm_->KeepStopHooks(config);
  // Made, and never started: by the record it is ready, or stopped since its last life.
  if (found.state == ContainerState::kReady) return {};

  const bool logged = config.output == ContainerOutput::kLog;
  if (record.state == ContainerState::kStopped && !Runs(found.state)) {
    processes_->Add({id, ""}, !logged,
                    [](const Result<ExitStatus>&, const std::function<void()>& tell) { tell(); });
  } else {
    std::shared_ptr<ContainerLog> log;
    if (logged) {
      VC_ASSIGN_OR_RETURN(log, ContainerLog::Resume(files_.paths().log(id), config.log));
    }
    // Who has ended since is said to have stopped when all that it said is in its log.
    const bool started = !Runs(record.state);
    VC_RETURN_IF_ERROR(Change([&](PodRecord& changed) {
      ContainerRecord* container = changed.Find(id);
      container->state =
          found.state == ContainerState::kPaused ? ContainerState::kPaused : ContainerState::kRunning;
      endings_[id] = Ending::Of(log);
      if (!started) return;
      container->reason.clear();
      container->exit.reset();
      container->started = std::chrono::system_clock::now();
      container->finished.reset();
    }));
    if (started) Tell(EventType::kContainerStarted, id);
    Follow(id, log);
  }
  for (const std::string& exec : found.execs) FollowExec(id, exec, !past.ToldEnd(id, exec));
  return {};
}

}  // namespace virtcontainers
