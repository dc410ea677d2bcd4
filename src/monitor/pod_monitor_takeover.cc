// What a pod's monitor does with a pod whose monitor died.

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>

#include "base/errors.h"
#include "base/time_format.h"
#include "monitor/pod_monitor.h"
#include "os/marked_process.h"
#include "os/own_file.h"
#include "os/process_identity.h"
#include "pod/event_log.h"
#include "pod/pod_mark.h"

namespace virtcontainers {
namespace {

using std::chrono::seconds;

// What the record names may be another's: of a copied directory, or of a number that was given again.
Status CheckOwn(const PodRecord& record, const std::string& mark) {
  // A monitor that was not started by the library has no mark, and neither has what it started.
  if (mark.empty()) return {};
  for (const ProcessIdentity& process : record.Processes()) {
    VC_ASSIGN_OR_RETURN(const bool own, IsMarked(process, ProcessesOfPod(mark)));
    if (own) continue;
    return Fail(Code::kNotFound,
                "process " + std::to_string(process.pid) + " has ended, or is not the pod's");
  }
  return {};
}

bool Runs(ContainerState state) {
  return state == ContainerState::kRunning || state == ContainerState::kPaused;
}

}  // namespace

// What has been told of the pod's containers and processes, by what stands in the log: an event that a dead
// monitor had yet to write is written now, and none twice. What is older than the log was told when it
// happened.
class PodMonitor::Past {
 public:
  Past(const std::string& root, const std::string& pod) {
    const EventLogPaths paths(root);
    if (const std::optional<Event> first = FirstEvent(paths)) oldest_ = first->time;
    for (const Event& event : EventsOf(paths, pod)) {
      const Key key{event.container, event.process};
      // Another pod had that name before.
      if (event.type == EventType::kPodCreated) {
        told_.clear();
        whole_ = true;
      }
      if (event.type == EventType::kProcessStarted) told_[key] = false;
      if (event.type == EventType::kProcessExited) told_[key] = true;
      if (event.type == EventType::kContainerStarted) told_[{event.container, ""}] = false;
      if (event.type == EventType::kContainerExited) told_[{event.container, ""}] = true;
    }
  }

  bool ToldEnd(const std::string& container, const std::string& process) const {
    const auto last = told_.find({container, process});
    return last != told_.end() && last->second;
  }
  // Of a process whose end has not been told.
  bool ToldStart(const std::string& container, const std::string& process) const {
    return !whole_ || told_.count({container, process}) != 0;
  }

  // The end of the container's life that its record tells of, and the start of one that runs.
  bool ToldEnd(const ContainerRecord& record) const {
    return ToldEnd(record.id, "") || IsOlder(record.finished);
  }
  bool ToldStart(const ContainerRecord& record) const {
    const auto last = told_.find({record.id, ""});
    return (last != told_.end() && !last->second) || IsOlder(record.started);
  }

 private:
  using Key = std::pair<std::string, std::string>;  // of a container's first process: without a process

  bool IsOlder(const std::optional<Time>& time) const { return !whole_ && time && *time < oldest_; }

  std::map<Key, bool> told_;  // of each the last: its end, or its start
  bool whole_ = false;        // the log goes back to the pod's beginning
  Time oldest_{};
};

Status PodMonitor::TakeOver(Deadline deadline, const std::function<Status()>& serve) {
  const std::lock_guard turn(operation_);
  VC_ASSIGN_OR_RETURN(const PodConfig config, Load());
  if ((record_.state != PodState::kRunning && record_.state != PodState::kPaused) || !record_.vm) {
    return Fail(Code::kFailedPrecondition, "the pod does not run: there is nothing to take over");
  }
  VC_RETURN_IF_ERROR(CheckOwn(record_, files_.paths().mark));
  // What is in it is what the VM can be reached by.
  if (!IsOwnDirectory(files_.paths().run_dir)) {
    return Fail(Code::kDataLoss, "the VM cannot be reached: " + Quoted(files_.paths().run_dir) +
                                     " is not a directory any more: stop the pod");
  }
  (void)files_.Sweep(record_);
  taken_over_ = true;
  VC_ASSIGN_OR_RETURN(vm_, MakeVm(config));
  agent_ = vm_->agent();
  processes_ = std::make_unique<ProcessTable>(agent_);
  VC_RETURN_IF_ERROR(vm_->TakeOver(record_, deadline));

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
  VC_RETURN_IF_ERROR(vm_->Watch());
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
    // The guest was most likely asked to start it, and what is killed ends.
    const ContainerState seen = container.restarting ? ContainerState::kRunning : container.state;
    state.containers.push_back({container.id, seen, {}});
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
  for (const std::string& exec : guest->execs) AdoptExec("", exec, past);
  for (const ContainerRecord& record : known) {
    if (in_guest_.count(record.id) != 0) continue;
    VC_RETURN_IF_ERROR(vm_->HideContainer(record.id));
    TellStopped(record, past);
    if (!Runs(record.state)) continue;
    VC_RETURN_IF_ERROR(Change([&](PodRecord& changed) {
      ContainerRecord* lost = changed.Find(record.id);
      lost->state = ContainerState::kStopped;
      lost->reason = "its end was not seen";
      lost->finished = Now();
    }));
    Tell(EventType::kContainerExited, record.id, "", {}, "its end was not seen");
  }
  return {};
}

void PodMonitor::TellStopped(const ContainerRecord& record, const Past& past) {
  if (record.state != ContainerState::kStopped || past.ToldEnd(record)) return;
  Tell(EventType::kContainerExited, record.id, "", record.exit, record.reason);
}

void PodMonitor::AdoptExec(const std::string& container, const std::string& exec, const Past& past) {
  const bool told = past.ToldEnd(container, exec);
  if (!told && !past.ToldStart(container, exec)) Tell(EventType::kProcessStarted, container, exec);
  FollowExec(container, exec, !told);
}

Status PodMonitor::AdoptContainer(const ContainerRecord& record, const GuestState::Container& found,
                                  const Past& past) {
  const std::string& id = record.id;
  VC_ASSIGN_OR_RETURN(const ContainerConfig config, files_.LoadContainer(id));
  in_guest_.insert(id);
  vm_->KeepStopHooks(config);
  TellStopped(record, past);
  // Made, and never started: by the record it is ready, or stopped since its last life.
  if (found.state == ContainerState::kReady) {
    WatchUnstarted(id);
    for (const std::string& exec : found.execs) AdoptExec(id, exec, past);
    return {};
  }

  const bool logged = config.output == ContainerOutput::kLog;
  if (record.state == ContainerState::kStopped && !record.restarting && !Runs(found.state)) {
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
      if (started) NoteStart(*container);
    }));
    if (started || !past.ToldStart(record)) Tell(EventType::kContainerStarted, id);
    Follow(id, log);
  }
  for (const std::string& exec : found.execs) AdoptExec(id, exec, past);
  return {};
}

}  // namespace virtcontainers
