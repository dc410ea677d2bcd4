#include "monitor/pod_monitor.h"

#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>

#include "base/errors.h"
#include "os/file.h"
#include "os/process_identity.h"
#include "pod/defaults.h"
#include "pod/state_machine.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint32_t kLogRead = 64 << 10;

Time Now() { return std::chrono::system_clock::now(); }

std::string RandomName() {
  uint64_t value = 0;
  while (::getrandom(&value, sizeof(value), 0) != sizeof(value)) {
  }
  char text[24];
  std::snprintf(text, sizeof(text), "exec-%016" PRIx64, value);
  return text;
}

// What a configuration leaves out.
ProcessConfig Complete(ProcessConfig process) {
  const bool has_path = std::any_of(process.env.begin(), process.env.end(), [](const std::string& variable) {
    return variable.rfind("PATH=", 0) == 0;
  });
  if (!has_path) process.env.push_back(std::string("PATH=") + kDefaultPath);
  if (!process.capabilities) process.capabilities = DefaultCapabilities();
  return process;
}

ContainerConfig Complete(ContainerConfig container) {
  container.process = Complete(std::move(container.process));
  if (container.mounts.empty()) container.mounts = DefaultMounts();
  return container;
}

}  // namespace

PodMonitor::PodMonitor(const MonitorParts& parts, PodFiles files, std::string guest)
    : parts_(parts),
      files_(std::move(files)),
      guest_(std::move(guest)),
      recorder_([this] { RecordEndings(); }) {}

PodMonitor::~PodMonitor() {
  // The VM's watcher and the agent's threads call into this and into the table: they are silent once the VM
  // has gone. What they have said is still written down.
  vm_.reset();
  {
    const std::lock_guard lock(mutex_);
    destroying_ = true;
    ended_changed_.notify_all();
  }
  recorder_.join();
}

ProcessRef PodMonitor::RefOf(const std::string& container, const std::string& exec) const {
  return ProcessRef{container.empty() ? sandbox_ : container, exec};
}

Status PodMonitor::Change(const std::function<void(PodRecord&)>& change) {
  {
    const std::lock_guard lock(mutex_);
    change(record_);
    ++version_;
  }
  const Status saved = Save();
  changed_.notify_all();
  return saved;
}

Status PodMonitor::Save() {
  const std::lock_guard saving(saving_);
  PodRecord record;
  uint64_t version;
  {
    const std::lock_guard lock(mutex_);
    if (saved_ == version_) return {};
    record = record_;
    version = version_;
  }
  Status saved = files_.SaveRecord(record);
  if (saved) {
    saved_ = version;
  } else {
    std::fprintf(stderr, "state not saved: %s\n", saved.error().ToString().c_str());
  }
  return saved;
}

Result<ContainerRecord> PodMonitor::Record(const std::string& container, PodState* pod_state) const {
  const std::lock_guard lock(mutex_);
  if (pod_state != nullptr) *pod_state = record_.state;
  for (const ContainerRecord& record : record_.containers) {
    if (record.id == container) return record;
  }
  return Fail(Code::kNotFound, "no container " + Quoted(container) + " in pod " + Quoted(pod_));
}

Status PodMonitor::Start(Deadline deadline, const std::function<Status()>& serve) {
  const std::lock_guard turn(operation_);
  VC_ASSIGN_OR_RETURN(const PodConfig config, files_.LoadConfig());
  pod_ = config.id;
  // No container's id has a '+'.
  sandbox_ = config.id + "+pod";
  VC_ASSIGN_OR_RETURN(record_, files_.LoadRecord());
  const PodRecord before = record_;
  starting_ = true;
  Status booted = Boot(config, deadline, serve);
  // A link that broke half way is the VM's end, seen from inside.
  if (!booted && booted.error().code() == Code::kUnavailable && vm_) {
    booted = Fail(vm_->ExplainBootFailure(booted.error()));
  }
  {
    const std::lock_guard lock(mutex_);
    // The VM may have died at the last step, when nobody was there any more to notice.
    if (booted && stopped_) booted = Fail(Code::kAborted, record_.reason);
    if (booted) starting_ = false;
  }
  if (booted) return {};
  if (vm_) (void)vm_->Stop(Deadline::After(seconds(1)));
  (void)Change([&](PodRecord& record) { record = before; });
  (void)RemoveTree(files_.paths().run_dir);
  return booted;
}

Status PodMonitor::Boot(const PodConfig& config, Deadline deadline, const std::function<Status()>& serve) {
  VC_ASSIGN_OR_RETURN(vm_,
                      PodVm::Create(parts_, {.config = config,
                                             .paths = files_.paths(),
                                             .guest = guest_,
                                             .on_exit = [this](const VmExit& exit) { VmExited(exit); }}));
  agent_ = vm_->agent();
  processes_ = std::make_unique<ProcessTable>(agent_);
  VC_RETURN_IF_ERROR(vm_->Launch(deadline));
  VC_ASSIGN_OR_RETURN(const ProcessIdentity self, IdentifyProcess(::getpid()));
  // Noted as soon as they are there: if this process dies now, they are found. Where that cannot be noted, as
  // for a pod that was deleted meanwhile, nothing may run.
  VC_RETURN_IF_ERROR(Change([&](PodRecord& record) {
    record.vm = vm_->record();
    record.helpers = vm_->helpers();
    record.monitor = self;
  }));

  std::vector<ContainerConfig> containers;
  for (const ContainerRecord& container : record_.containers) {
    VC_ASSIGN_OR_RETURN(containers.emplace_back(), files_.LoadContainer(container.id));
  }
  VC_RETURN_IF_ERROR(vm_->Connect(deadline));
  VC_RETURN_IF_ERROR(PrepareGuest(config, deadline));
  (void)Change([&](PodRecord& record) {
    record.vm = vm_->record();
    for (ContainerRecord& container : record.containers) {
      container.state = ContainerState::kReady;
      container.reason.clear();
      container.exit.reset();
      container.started.reset();
      container.finished.reset();
    }
  });
  const auto in = [](Status status, const char* doing, const std::string& id) -> Status {
    if (!status) return Fail(std::move(status.error()).AddContext(doing + Quoted(id)));
    return status;
  };
  for (const ContainerConfig& container : containers) {
    VC_RETURN_IF_ERROR(in(CreateInGuest(container, deadline), "create container ", container.id));
  }
  for (const ContainerConfig& container : containers) {
    VC_RETURN_IF_ERROR(in(StartInGuest(container, deadline), "start container ", container.id));
  }
  if (serve) VC_RETURN_IF_ERROR(serve());
  return Change([&](PodRecord& record) {
    if (stopped_) return;
    record.state = PodState::kRunning;
    record.reason.clear();
    record.started = Now();
    record.finished.reset();
  });
}

Status PodMonitor::PrepareGuest(const PodConfig& config, Deadline deadline) {
  Agent& guest = agent();
  VC_RETURN_IF_ERROR(guest.SetGuestTime(Now(), deadline));
  char entropy[64];
  if (::getrandom(entropy, sizeof(entropy), 0) == sizeof(entropy)) {
    VC_RETURN_IF_ERROR(guest.ReseedRandom(std::string_view(entropy, sizeof(entropy)), deadline));
  }
  return guest.CreateSandbox({.id = sandbox_,
                              .hostname = config.hostname.empty() ? config.id : config.hostname,
                              .share_tag = vm_->share_tag()},
                             deadline);
}

Status PodMonitor::CreateInGuest(const ContainerConfig& config, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const std::string rootfs, vm_->ShowRootfs(config));
  Status created = agent().CreateContainer({Complete(config), rootfs}, deadline);
  if (!created) {
    // It may have been made after all, too late.
    if (created.error().code() == Code::kDeadlineExceeded) {
      (void)agent().RemoveContainer(config.id, Deadline::After(seconds(1)));
    }
    (void)vm_->HideRootfs(config.id);
    return created;
  }
  in_guest_.insert(config.id);
  return {};
}

Status PodMonitor::StartInGuest(const ContainerConfig& config, Deadline deadline) {
  const std::string& id = config.id;
  const bool logged = config.output == ContainerOutput::kLog;
  std::shared_ptr<ContainerLog> log;
  if (logged) {
    VC_ASSIGN_OR_RETURN(log, ContainerLog::Open(files_.paths().log(id)));
  }
  Status started = agent().StartContainer(id, deadline);
  if (!started) {
    // The guest starts a container once, successfully or not: the next attempt makes it anew.
    RemoveFromGuest(id, deadline);
    return started;
  }
  if (logged) (void)agent().CloseStdin({id, ""}, deadline);
  (void)Change([&](PodRecord& record) {
    ContainerRecord* container = record.Find(id);
    container->state = ContainerState::kRunning;
    container->reason.clear();
    container->exit.reset();
    container->started = Now();
    container->finished.reset();
    endings_[id] = Ending{.open = logged ? 3 : 1, .log = log, .tell = {}};
  });
  if (logged) {
    PumpOutput(id, log, OutputStream::kStdout);
    PumpOutput(id, log, OutputStream::kStderr);
  }
  processes_->Add({id, ""}, !logged, [this, id](const Result<ExitStatus>& exit, std::function<void()> tell) {
    {
      const std::lock_guard lock(mutex_);
      Ending& ending = endings_.at(id);
      ending.exit = exit;
      ending.tell = std::move(tell);
    }
    FinishContainer(id);
  });
  return {};
}

void PodMonitor::RemoveFromGuest(const std::string& id, Deadline deadline) {
  (void)agent().RemoveContainer(id, Min(deadline, Deadline::After(seconds(5))));
  (void)vm_->HideRootfs(id);
  in_guest_.erase(id);
}

void PodMonitor::PumpOutput(const std::string& container, std::shared_ptr<ContainerLog> log,
                            OutputStream stream) {
  agent().ReadOutput({container, ""}, stream, kLogRead,
                     [this, container, log, stream](const Result<std::string>& data) {
                       if (!data || data->empty()) return FinishContainer(container);
                       log->Append(stream, *data, Now());
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
    ended_changed_.wait(lock, [&] { return destroying_ || !ended_.empty(); });
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
  // A lost agent is no container's exit: the VM's end says what became of it.
  if (ending.exit || ending.exit.error().code() != Code::kUnavailable) {
    (void)Change([&](PodRecord& record) {
      ContainerRecord* container = record.Find(id);
      // Stopped with its pod, or undone with its pod's start.
      if (container == nullptr || container->state != ContainerState::kRunning) return;
      container->state = ContainerState::kStopped;
      container->finished = Now();
      if (ending.exit) {
        container->exit = *ending.exit;
      } else {
        container->reason = "its end was not seen: " + ending.exit.error().ToString();
      }
    });
  }
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
  // One that ends by itself just now is as good as stopped: the signals' errors tell nothing.
  (void)agent().SignalProcess({id, ""}, SIGTERM, false, patience);
  {
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

void PodMonitor::StopAllInGuest(milliseconds grace, Deadline deadline) {
  std::vector<std::string> running;
  {
    const std::lock_guard lock(mutex_);
    for (const ContainerRecord& container : record_.containers) {
      if (container.state == ContainerState::kRunning) running.push_back(container.id);
    }
  }
  // A guest that answers nothing any more must not take more time than one that does.
  const Deadline patience = Min(deadline, Deadline::After(grace));
  for (const std::string& id : running) (void)agent().SignalProcess({id, ""}, SIGTERM, false, patience);
  std::vector<std::string> alive;
  for (const std::string& id : running) {
    std::unique_lock lock(mutex_);
    if (!WaitForState(lock, id, ContainerState::kStopped, patience)) alive.push_back(id);
  }
  const Deadline end = Min(deadline, Deadline::After(seconds(2)));
  for (const std::string& id : alive) (void)agent().SignalProcess({id, ""}, SIGKILL, true, end);
  for (const std::string& id : alive) {
    std::unique_lock lock(mutex_);
    (void)WaitForState(lock, id, ContainerState::kStopped, end);
  }
}

Status PodMonitor::StopPod(milliseconds grace, Deadline deadline) {
  const std::lock_guard turn(operation_);
  VC_RETURN_IF_ERROR(CheckTurn(deadline));
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return {};
  }
  if (vm_->hypervisor().state() == VmState::kPaused) {
    (void)vm_->hypervisor().Resume(Min(deadline, Deadline::After(seconds(2))));
  }
  if (vm_->hypervisor().state() == VmState::kRunning) StopAllInGuest(grace, deadline);
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return {};
    stopping_ = true;
  }
  const Status stopped = vm_->Stop(deadline);
  if (!stopped && vm_->hypervisor().state() != VmState::kExited) return stopped;
  // What could not be taken away beside the VM does not make it a running one.
  if (!stopped) std::fprintf(stderr, "stop: %s\n", stopped.error().ToString().c_str());
  EnterStopped("");
  return {};
}

void PodMonitor::VmExited(const VmExit& exit) {
  bool asked;
  {
    const std::lock_guard lock(mutex_);
    if (starting_) {
      // Start undoes what there is; it learns of it from the agent's broken link, or from here.
      stopped_ = true;
      record_.reason = exit.reason;
      return;
    }
    asked = stopping_;
  }
  EnterStopped(asked ? "" : exit.reason);
}

void PodMonitor::EnterStopped(const std::string& reason) {
  (void)Change([&](PodRecord& record) {
    if (stopped_) return;
    MarkStopped(record, reason, Now());
    stopped_ = true;
  });
}

void PodMonitor::WaitUntilStopped() {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_; });
  }
  // An operation that lost its guest may still be on its way out.
  const std::lock_guard turn(operation_);
  (void)Save();
  (void)vm_->Stop(Deadline::After(seconds(1)));
  (void)RemoveTree(files_.paths().run_dir);
}

Status PodMonitor::CheckTurn(Deadline deadline) {
  if (!deadline.passed()) return {};
  return Fail(Code::kDeadlineExceeded, "another operation is still under way");
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
  if (saved) return {};
  RemoveFromGuest(config.id, deadline);
  (void)Forget(config.id);
  return saved;
}

Status PodMonitor::Forget(const std::string& id) {
  // The record first: one of a container without a file could not be read.
  VC_RETURN_IF_ERROR(Change([&](PodRecord& record) {
    std::erase_if(record.containers, [&](const ContainerRecord& container) { return container.id == id; });
  }));
  return files_.RemoveContainer(id);
}

Status PodMonitor::DeleteContainer(const std::string& id, Deadline deadline) {
  const std::lock_guard turn(operation_);
  VC_RETURN_IF_ERROR(CheckTurn(deadline));
  AwaitEnding(id);
  PodState pod_state;
  VC_ASSIGN_OR_RETURN(const ContainerRecord record, Record(id, &pod_state));
  VC_RETURN_IF_ERROR(CheckContainerCall(pod_, pod_state, id, record.state, ContainerCall::kDeleteContainer));
  if (in_guest_.count(id) != 0) {
    VC_RETURN_IF_ERROR(agent().RemoveContainer(id, deadline));
    in_guest_.erase(id);
  }
  VC_RETURN_IF_ERROR(vm_->HideRootfs(id));
  processes_->Remove(id);
  return Forget(id);
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
    VC_RETURN_IF_ERROR(agent().RemoveContainer(id, deadline));
    in_guest_.erase(id);
    VC_RETURN_IF_ERROR(vm_->HideRootfs(id));
    processes_->Remove(id);
  }
  if (in_guest_.count(id) == 0) VC_RETURN_IF_ERROR(CreateInGuest(config, deadline));
  return StartInGuest(config, deadline);
}

Status PodMonitor::StopContainer(const std::string& id, milliseconds grace, Deadline deadline) {
  const std::lock_guard turn(operation_);
  VC_RETURN_IF_ERROR(CheckTurn(deadline));
  AwaitEnding(id);
  PodState pod_state;
  VC_ASSIGN_OR_RETURN(const ContainerRecord record, Record(id, &pod_state));
  VC_ASSIGN_OR_RETURN(const Step step,
                      CheckContainerCall(pod_, pod_state, id, record.state, ContainerCall::kStopContainer));
  if (step == Step::kNothing) return {};
  return StopInGuest(id, grace, deadline);
}

Result<std::string> PodMonitor::Exec(const std::string& container, const ProcessConfig& config,
                                     Deadline deadline) {
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
  const std::string name = RandomName();
  const ProcessRef process = RefOf(container, name);
  VC_RETURN_IF_ERROR(agent().ExecProcess(process, Complete(config), deadline));
  processes_->Add(process, true, {});
  return name;
}

Status PodMonitor::CheckAttach(const std::string& container) {
  PodState pod_state;
  VC_ASSIGN_OR_RETURN(const ContainerRecord record, Record(container, &pod_state));
  VC_RETURN_IF_ERROR(
      CheckContainerCall(pod_, pod_state, container, record.state, ContainerCall::kAttachContainer));
  return {};
}

}  // namespace virtcontainers
