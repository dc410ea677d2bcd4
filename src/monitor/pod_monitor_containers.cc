// What a pod's monitor does with the pod's containers and their processes.

#include <signal.h>

#include <algorithm>
#include <cstdio>

#include "base/errors.h"
#include "base/time_format.h"
#include "monitor/pod_monitor.h"
#include "pod/defaults.h"
#include "pod/state_machine.h"
#include "pod/validate.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint32_t kLogRead = 64 << 10;

// The exit codes of a start that failed: those of shells for a program that is not there or cannot be
// executed, and what docker and Kubernetes have for the rest.
constexpr int kProgramNotFound = 127;
constexpr int kProgramNotExecutable = 126;
constexpr int kNotStarted = 128;

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

// Of a container that a signal or a lack of memory has ended before its start.
constexpr char kEndedUnstarted[] = "it ended before it was started";

// How often it is tried to write down what could not be.
constexpr seconds kSaveAgain{1};

void Log(const std::string& subject, const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings)
    std::fprintf(stderr, "%s: %s\n", subject.c_str(), warning.c_str());
}

}  // namespace

ProcessRef PodMonitor::RefOf(const std::string& container, const std::string& exec) const {
  return ProcessRef{container.empty() ? sandbox_ : container, exec};
}

Result<ContainerRecord> PodMonitor::Record(const std::string& container, PodState* pod_state) const {
  const std::lock_guard lock(mutex_);
  if (pod_state != nullptr) *pod_state = record_.state;
  for (const ContainerRecord& record : record_.containers) {
    if (record.id == container) return record;
  }
  return Fail(Code::kNotFound, Reason::kContainerNotFound,
              "no container " + Quoted(container) + " in pod " + Quoted(pod_));
}

Status PodMonitor::CreateInGuest(const ContainerConfig& config, Deadline deadline) {
  // The monitor before may have come just so far with it.
  if (taken_over_) VC_RETURN_IF_ERROR(vm_->HideContainer(config.id));
  Log("container " + Quoted(config.id), WarningsOf(config));
  VC_RETURN_IF_ERROR(vm_->CreateContainer(CompleteContainer(config), deadline));
  in_guest_.insert(config.id);
  WatchUnstarted(config.id);
  Status hooked = vm_->RunCreateHooks(config, deadline);
  if (!hooked) RemoveFromGuest(config.id, Deadline::After(seconds(5)));
  return hooked;
}

Status PodMonitor::StartInGuest(const ContainerConfig& config, Deadline deadline) {
  const std::string& id = config.id;
  const bool logged = config.output == ContainerOutput::kLog;
  std::shared_ptr<ContainerLog> log;
  if (logged) {
    auto opened = ContainerLog::Open(files_.paths().log(id), config.log);
    if (!opened) {
      RemoveFromGuest(id, Deadline::After(kUndo));
      return Fail(std::move(opened.error()));
    }
    log = std::move(*opened);
  }
  ForgetUnstarted(id);
  Status started = agent().StartContainer(id, deadline);
  if (!started) {
    // The guest starts a container once, successfully or not: the next attempt makes it anew. One that came
    // too late would run, and nobody would know.
    RemoveFromGuest(id, Deadline::After(kUndo));
    return started;
  }
  if (logged) (void)agent().CloseStdin({id, ""}, {}, deadline);
  // Followed before it is said to run: whoever is told so may attach to it at once. Its end is not recorded
  // before its start.
  std::unique_lock telling(telling_end_);
  {
    const std::lock_guard lock(mutex_);
    endings_[id] = Ending::Of(log);
  }
  Follow(id, log);
  bool stopped = false;
  Status saved = Change([&](PodRecord& record) {
    // The VM may have ended just now, and the container with it.
    stopped = stopped_;
    if (stopped) return;
    ContainerRecord* container = record.Find(id);
    container->state = ContainerState::kRunning;
    NoteStart(*container);
  });
  if (stopped) return Fail(Code::kUnavailable, Reason::kVmDied, "the VM has ended");
  Tell(EventType::kContainerStarted, id);
  telling.unlock();
  if (saved) vm_->RunStartHooks(config, deadline);
  return saved;
}

void PodMonitor::UndoStart(const ContainerRecord& before) {
  // What nobody can read of must not run.
  const Deadline deadline = Deadline::After(kUndo);
  (void)StopInGuest(before.id, milliseconds(0), deadline);
  RemoveFromGuest(before.id, deadline);
  processes_->Remove(before.id);
  (void)Change([&](PodRecord& record) {
    if (ContainerRecord* const container = record.Find(before.id)) *container = before;
  });
}

void PodMonitor::NoteStart(ContainerRecord& container) {
  container.reason.clear();
  container.exit.reset();
  container.started = Now();
  container.finished.reset();
  container.restarting = false;
}

void PodMonitor::Follow(const std::string& id, const std::shared_ptr<ContainerLog>& log) {
  if (log) {
    PumpOutput(id, log, OutputStream::kStdout);
    PumpOutput(id, log, OutputStream::kStderr);
  }
  processes_->Add({id, ""}, !log, [this, id](const Result<ExitStatus>& exit, std::function<void()> tell) {
    {
      const std::lock_guard lock(mutex_);
      Ending& ending = endings_.at(id);
      ending.exit = exit;
      ending.tell = std::move(tell);
    }
    FinishContainer(id);
  });
}

void PodMonitor::RemoveFromGuest(const std::string& id, Deadline deadline) {
  ForgetUnstarted(id);
  (void)agent().RemoveContainer(id, Min(deadline, Deadline::After(seconds(5))));
  (void)vm_->HideContainer(id);
  in_guest_.erase(id);
}

void PodMonitor::PumpOutput(const std::string& container, const std::shared_ptr<ContainerLog>& log,
                            OutputStream stream) {
  const OutputRange range{
      .offset = log->next(stream), .acknowledged = log->acknowledged(stream), .size = kLogRead};
  const bool placed = range.offset.has_value();
  agent().ReadOutputFrom({container, ""}, stream, range,
                         [this, container, log, stream, placed](const Result<OutputPiece>& piece) {
                           if (!piece && piece.error().code() == Code::kOutOfRange && placed) {
                             log->Forget(stream);
                             return PumpOutput(container, log, stream);
                           }
                           if (!piece || piece->data.empty()) return FinishContainer(container);
                           log->Append(stream, piece->offset, piece->data, Now());
                           PumpOutput(container, log, stream);
                         });
}

void PodMonitor::FinishContainer(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = endings_.find(id);
  if (--found->second.open > 0) return;
  ended_.emplace_back(id, found->second);
  ended_changed_.notify_all();
}

void PodMonitor::RecordEndings() {
  std::unique_lock lock(mutex_);
  while (true) {
    const auto due = [&] { return destroying_ || !ended_.empty(); };
    ended_changed_.wait(lock, [&] { return due() || unsaved_; });
    if (!due() && !ended_changed_.wait_for(lock, kSaveAgain, due)) {
      lock.unlock();
      (void)Save();
      lock.lock();
      continue;
    }
    if (ended_.empty()) return;
    const auto [id, ending] = std::move(ended_.front());
    ended_.pop_front();
    lock.unlock();
    RecordEnding(id, ending);
    lock.lock();
  }
}

void PodMonitor::RecordEnding(const std::string& id, const Ending& ending) {
  if (ending.log) ending.log->Flush(Now());
  bool ended = false;
  // The pod's end is told after this one, or instead of it.
  std::unique_lock telling(telling_end_);
  // A lost agent is no container's exit: the VM's end says what became of it.
  if (ending.exit || ending.exit.error().code() != Code::kUnavailable) {
    (void)Change([&](PodRecord& record) {
      ContainerRecord* container = record.Find(id);
      // Stopped with its pod, or undone with its pod's start.
      if (container == nullptr) return;
      const bool ran =
          container->state == ContainerState::kRunning || container->state == ContainerState::kPaused;
      if (ending.unstarted ? container->state != ContainerState::kReady : !ran) return;
      ended = true;
      container->state = ContainerState::kStopped;
      container->finished = Now();
      if (ending.exit) {
        container->exit = *ending.exit;
        if (ending.unstarted) container->reason = kEndedUnstarted;
      } else {
        container->reason = "its end was not seen: " + ending.exit.error().ToString();
      }
    });
  }
  if (ended && ending.exit) {
    Tell(EventType::kContainerExited, id, "", *ending.exit, ending.unstarted ? kEndedUnstarted : "");
  }
  if (ended && !ending.exit) Tell(EventType::kContainerExited, id, "", {}, ending.exit.error().ToString());
  telling.unlock();
  ending.tell();
  const std::lock_guard lock(mutex_);
  endings_.erase(id);
  changed_.notify_all();
}

void PodMonitor::AwaitEnding(const std::string& id) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] {
    const auto ending = endings_.find(id);
    return ending == endings_.end() || ending->second.open > 0;
  });
}

bool PodMonitor::WaitForState(std::unique_lock<std::mutex>& lock, const std::string& container,
                              ContainerState state, Deadline deadline) {
  const auto reached = [&] {
    const ContainerRecord* record = record_.Find(container);
    return stopped_ || record == nullptr || (record->state == state && endings_.count(container) == 0);
  };
  if (deadline.infinite()) {
    changed_.wait(lock, reached);
    return true;
  }
  return changed_.wait_until(lock, deadline.time(), reached);
}

Status PodMonitor::StopInGuest(const std::string& id, milliseconds grace, Deadline deadline) {
  const Deadline patience = Min(deadline, Deadline::After(grace));
  if (grace.count() > 0) {
    // One that ends by itself just now is as good as stopped: the signals' errors tell nothing.
    (void)agent().SignalProcess({id, ""}, SIGTERM, false, patience);
    std::unique_lock lock(mutex_);
    if (WaitForState(lock, id, ContainerState::kStopped, patience)) return {};
  }
  const Status killed = agent().SignalProcess({id, ""}, SIGKILL, true, deadline);
  std::unique_lock lock(mutex_);
  if (WaitForState(lock, id, ContainerState::kStopped, killed ? deadline : Deadline::After(seconds(0)))) {
    return {};
  }
  VC_RETURN_IF_ERROR(killed);
  return Fail(Code::kDeadlineExceeded, "container " + Quoted(id) + " was killed and does not end");
}

Status PodMonitor::CreateContainer(const ContainerConfig& config, Deadline deadline) {
  const std::lock_guard turn(operation_);
  VC_RETURN_IF_ERROR(CheckTurn(deadline));
  PodState pod_state;
  if (Record(config.id, &pod_state)) {
    return Fail(Code::kAlreadyExists, "container " + Quoted(config.id) + " exists already in pod " +
                                          Quoted(pod_) + ": choose another id, or delete it");
  }
  VC_RETURN_IF_ERROR(CheckPodCall(pod_, pod_state, PodCall::kCreateContainer));
  VC_RETURN_IF_ERROR(CreateInGuest(config, deadline));
  Status saved = files_.SaveContainer(config);
  if (saved) {
    saved = Change([&](PodRecord& record) {
      ContainerRecord& container = record.containers.emplace_back();
      container.id = config.id;
      container.created = Now();
    });
  }
  if (saved) {
    Tell(EventType::kContainerCreated, config.id);
    return {};
  }
  RemoveFromGuest(config.id, deadline);
  const Status undone = Change([&](PodRecord& record) {
    std::erase_if(record.containers, [&](const ContainerRecord& entry) { return entry.id == config.id; });
  });
  if (undone) (void)files_.RemoveContainer(config.id);
  return saved;
}

Status PodMonitor::Forget(const ContainerRecord& container) {
  // The record first: one of a container without a file could not be read.
  Status saved = Change([&](PodRecord& record) {
    std::erase_if(record.containers, [&](const ContainerRecord& entry) { return entry.id == container.id; });
  });
  if (saved) return files_.RemoveContainer(container.id);
  // It is there, for whoever reads, and can be deleted when that can be written down.
  (void)Change([&](PodRecord& record) { record.containers.push_back(container); });
  return saved;
}

Status PodMonitor::DeleteContainer(const std::string& id, Deadline deadline) {
  const std::lock_guard turn(operation_);
  VC_RETURN_IF_ERROR(CheckTurn(deadline));
  AwaitEnding(id);
  PodState pod_state;
  VC_ASSIGN_OR_RETURN(const ContainerRecord record, Record(id, &pod_state));
  VC_RETURN_IF_ERROR(CheckContainerCall(pod_, pod_state, id, record.state, ContainerCall::kDeleteContainer));
  if (in_guest_.count(id) != 0) {
    ForgetUnstarted(id);
    VC_RETURN_IF_ERROR(agent().RemoveContainer(id, deadline));
    in_guest_.erase(id);
  }
  VC_RETURN_IF_ERROR(vm_->HideContainer(id));
  processes_->Remove(id);
  VC_RETURN_IF_ERROR(Forget(record));
  Tell(EventType::kContainerDeleted, id);
  return {};
}

Status PodMonitor::StartContainer(const std::string& id, Deadline deadline) {
  const std::lock_guard turn(operation_);
  VC_RETURN_IF_ERROR(CheckTurn(deadline));
  AwaitEnding(id);
  PodState pod_state;
  VC_ASSIGN_OR_RETURN(const ContainerRecord record, Record(id, &pod_state));
  VC_RETURN_IF_ERROR(CheckContainerCall(pod_, pod_state, id, record.state, ContainerCall::kStartContainer));
  VC_ASSIGN_OR_RETURN(const ContainerConfig config, files_.LoadContainer(id));
  if (record.state == ContainerState::kStopped && in_guest_.count(id) != 0) {
    ForgetUnstarted(id);
    VC_RETURN_IF_ERROR(agent().RemoveContainer(id, deadline));
    in_guest_.erase(id);
    VC_RETURN_IF_ERROR(vm_->HideContainer(id));
    processes_->Remove(id);
  }
  Status started;
  if (in_guest_.count(id) == 0) started = CreateInGuest(config, deadline);
  if (started) {
    // Before it happens: if this monitor dies, and the container has ended when the next one looks, it is to
    // be told from the one that had stopped.
    if (record.state == ContainerState::kStopped) {
      (void)Change([&](PodRecord& changed) { changed.Find(id)->restarting = true; });
    }
    started = StartInGuest(config, deadline);
  }
  if (started) return {};
  // One that runs in the guest and could not be written down has not been started at all.
  if (in_guest_.count(id) != 0) {
    UndoStart(record);
  } else {
    NoteFailedStart(config, started.error());
  }
  return started;
}

void PodMonitor::NoteFailedStart(const ContainerConfig& config, const Error& error) {
  const std::string reason = "start failed: " + error.ToString();
  const ExitStatus exit = ExitOfFailedStart(config, error);
  const std::lock_guard telling(telling_end_);
  bool noted = false;
  (void)Change([&](PodRecord& record) {
    ContainerRecord* container = record.Find(config.id);
    // With its VM gone, the pod's end says what became of it.
    if (stopped_ || container == nullptr) return;
    noted = true;
    container->state = ContainerState::kStopped;
    container->reason = reason;
    container->exit = exit;
    container->started.reset();
    container->finished = Now();
    container->restarting = false;
  });
  if (noted) Tell(EventType::kContainerExited, config.id, "", exit, reason);
}

Status PodMonitor::StopContainer(const std::string& id, milliseconds grace, Deadline deadline) {
  const std::lock_guard turn(operation_);
  VC_RETURN_IF_ERROR(CheckTurn(deadline));
  AwaitEnding(id);
  PodState pod_state;
  VC_ASSIGN_OR_RETURN(const ContainerRecord record, Record(id, &pod_state));
  VC_ASSIGN_OR_RETURN(const Step step,
                      CheckContainerCall(pod_, pod_state, id, record.state, ContainerCall::kStopContainer));
  if (step != Step::kNothing) VC_RETURN_IF_ERROR(StopInGuest(id, grace, deadline));
  // Whoever asks next reads it.
  return Save();
}

Status PodMonitor::Exec(const std::string& container, const std::string& name, const ProcessConfig& config,
                        Deadline deadline) {
  const ProcessRef process = RefOf(container, name);
  // A caller whose monitor died asks the next one again, and the process may have been made by then.
  if (processes_->Check(process)) return {};
  PodState pod_state;
  if (container.empty()) {
    {
      const std::lock_guard lock(mutex_);
      pod_state = record_.state;
    }
    VC_RETURN_IF_ERROR(CheckPodCall(pod_, pod_state, PodCall::kEnterPod));
  } else {
    VC_ASSIGN_OR_RETURN(const ContainerRecord record, Record(container, &pod_state));
    VC_RETURN_IF_ERROR(
        CheckContainerCall(pod_, pod_state, container, record.state, ContainerCall::kEnterContainer));
  }
  Log("process " + Quoted(name) + (container.empty() ? "" : " in container " + Quoted(container)),
      WarningsOf(config));
  Status executed = agent().ExecProcess(process, CompleteProcess(config, container.empty()), deadline);
  if (!executed && !container.empty()) {
    return Fail(Restate(container, ContainerCall::kEnterContainer, std::move(executed.error())));
  }
  VC_RETURN_IF_ERROR(executed);
  // Whoever is told of the process may open it at once, and is told of its start before its end.
  const auto start_told = std::make_shared<std::once_flag>();
  const auto tell_start = [this, container, name, start_told] {
    std::call_once(*start_told, [&] { Tell(EventType::kProcessStarted, container, name); });
  };
  FollowExec(container, name, true, tell_start);
  tell_start();
  return {};
}

void PodMonitor::FollowExec(const std::string& container, const std::string& name, bool tell_end,
                            const std::function<void()>& tell_start) {
  processes_->Add(RefOf(container, name), true,
                  [this, container, name, tell_end, tell_start](const Result<ExitStatus>& exit,
                                                                const std::function<void()>& tell) {
                    if (tell_start) tell_start();
                    // Of a process whose end was not seen, its pod's end tells.
                    if (exit && tell_end) Tell(EventType::kProcessExited, container, name, *exit);
                    tell();
                  });
}

Status PodMonitor::CheckAttach(const std::string& container) {
  PodState pod_state;
  VC_ASSIGN_OR_RETURN(const ContainerRecord record, Record(container, &pod_state));
  VC_RETURN_IF_ERROR(
      CheckContainerCall(pod_, pod_state, container, record.state, ContainerCall::kAttachContainer));
  return {};
}

}  // namespace virtcontainers
