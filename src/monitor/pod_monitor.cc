#include "monitor/pod_monitor.h"

#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>

#include "base/errors.h"
#include "base/time_format.h"
#include "monitor/hooks.h"
#include "monitor/launch.h"
#include "os/file.h"
#include "os/marked_process.h"
#include "os/own_file.h"
#include "os/process_identity.h"
#include "os/thread.h"
#include "pod/pod_mark.h"
#include "pod/state_machine.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Anew, whatever lies there.
Status MakeRunDirectory(const std::string& path) {
  const std::string above = ParentOf(path);
  VC_RETURN_IF_ERROR(MakeDirectories(above));
  VC_RETURN_IF_ERROR(CheckPrivateDirectory(above, "run directory " + Quoted(above)));
  VC_RETURN_IF_ERROR(RemoveTree(path));
  return MakeDirectories(path);
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
  // What has been told is written; the agent is still there for whoever is called then.
  events_.reset();
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
    if (before_) {
      // Of a start that is under way only what has to be cleaned up after is known: it may yet be undone.
      record = *before_;
      record.vm = record_.vm;
      record.attachments = record_.attachments;
      record.monitor = record_.monitor;
    }
    version = version_;
  }
  Status saved = files_.SaveRecord(record);
  if (saved) saved_ = version;
  const std::lock_guard lock(mutex_);
  if (!saved && !unsaved_) std::fprintf(stderr, "state not saved: %s\n", saved.error().ToString().c_str());
  unsaved_ = !saved;
  if (unsaved_) ended_changed_.notify_all();
  return saved;
}

Result<PodConfig> PodMonitor::Load() {
  VC_ASSIGN_OR_RETURN(PodConfig config, files_.LoadConfig());
  pod_ = config.id;
  VC_RETURN_IF_ERROR(
      StartThreads([&] { events_ = std::make_unique<EventWriter>(files_.paths().root(), pod_); }));
  // No container's id has a '+'.
  sandbox_ = config.id + "+pod";
  VC_ASSIGN_OR_RETURN(record_, files_.LoadRecord());
  VC_ASSIGN_OR_RETURN(const ProcessIdentity self, IdentifyProcess(::getpid()));
  VC_ASSIGN_OR_RETURN(effects_, Effects::Open(files_.paths().journal()));
  effects_->Confirm(EffectKind::kProcess, kMonitorEffect, self);
  return config;
}

Status PodMonitor::Serve(const std::function<Status()>& serve) {
  return effects_->Make(EffectKind::kSocket, files_.paths().monitor_socket(), serve);
}

void PodMonitor::RemoveEffects(const Status& stopped) {
  Status removed = stopped;
  // What hooks have left running ends with the pod.
  if (removed && effects_->IsOpen(EffectKind::kProcess, kHooksEffect)) {
    removed = KillMarkedProcesses(ProcessesOfPod(files_.paths().mark), Deadline::After(kUndo));
  }
  if (removed) removed = RemoveTree(files_.paths().run_dir);
  // What could not be removed stays announced: the pod's next caller tries again.
  if (removed) return effects_->Clear();
  std::fprintf(stderr, "clean up: %s\n", removed.error().ToString().c_str());
}

Result<std::unique_ptr<PodVm>> PodMonitor::MakeVm(const PodConfig& config) {
  return PodVm::Create(parts_, {.config = config,
                                .paths = files_.paths(),
                                .guest = guest_,
                                .effects = *effects_,
                                .on_exit = [this](const VmExit& exit) { VmExited(exit); }});
}

Status PodMonitor::Start(Deadline deadline, const std::function<Status()>& serve) {
  const std::lock_guard turn(operation_);
  VC_ASSIGN_OR_RETURN(const PodConfig config, Load());
  const PodRecord before = record_;
  before_ = before;
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
    if (booted) {
      starting_ = false;
      Event started;
      started.type = EventType::kPodStarted;
      events_->Write(std::move(started));
      for (Event& event : untold_) events_->Write(std::move(event));
      untold_.clear();
    }
  }
  if (booted) {
    WatchOom();
    return {};
  }
  const Status stopped = vm_ ? vm_->Stop(Deadline::After(seconds(1))) : Status();
  (void)Change([&](PodRecord& record) {
    before_.reset();
    record = before;
  });
  RemoveEffects(stopped);
  return booted;
}

Status PodMonitor::Boot(const PodConfig& config, Deadline deadline, const std::function<Status()>& serve) {
  const std::string& run_dir = files_.paths().run_dir;
  VC_RETURN_IF_ERROR(
      effects_->Make(EffectKind::kDirectory, run_dir, [&] { return MakeRunDirectory(run_dir); }));
  VC_ASSIGN_OR_RETURN(vm_, MakeVm(config));
  agent_ = vm_->agent();
  processes_ = std::make_unique<ProcessTable>(agent_);
  VC_RETURN_IF_ERROR(vm_->Launch(deadline));
  VC_ASSIGN_OR_RETURN(const ProcessIdentity self, IdentifyProcess(::getpid()));
  // Noted as soon as they are there: if this process dies now, they are found. Where that cannot be noted, as
  // for a pod that was deleted meanwhile, nothing may run.
  VC_RETURN_IF_ERROR(Change([&](PodRecord& record) {
    record.vm = vm_->record();
    record.attachments = vm_->attachments();
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
  if (serve) VC_RETURN_IF_ERROR(Serve(serve));
  return Change([&](PodRecord& record) {
    // A VM that has ended just now makes this a start that failed, and what was before it stays written.
    if (stopped_) return;
    before_.reset();
    record.state = PodState::kRunning;
    record.reason.clear();
    record.started = Now();
    record.finished.reset();
  });
}

void PodMonitor::Tell(EventType type, const std::string& container, const std::string& process,
                      std::optional<ExitStatus> exit, const std::string& reason) {
  Event event;
  event.type = type;
  event.container = container;
  event.process = process;
  event.exit = exit;
  event.reason = reason;
  const std::lock_guard lock(mutex_);
  if (starting_) {
    untold_.push_back(std::move(event));
  } else {
    events_->Write(std::move(event));
  }
}

Status PodMonitor::PrepareGuest(const PodConfig& config, Deadline deadline) {
  Agent& guest = agent();
  VC_RETURN_IF_ERROR(guest.SetGuestTime(Now(), deadline));
  char entropy[64];
  if (::getrandom(entropy, sizeof(entropy), 0) == sizeof(entropy)) {
    VC_RETURN_IF_ERROR(guest.ReseedRandom(std::string_view(entropy, sizeof(entropy)), deadline));
  }
  return vm_->CreateSandbox({.id = sandbox_,
                             .hostname = config.hostname.empty() ? config.id : config.hostname,
                             .share_tag = "",
                             .shared_memory = config.shared_memory},
                            deadline);
}

void PodMonitor::StopAllInGuest(milliseconds grace, Deadline deadline) {
  std::vector<std::string> running, paused;
  {
    const std::lock_guard lock(mutex_);
    for (const ContainerRecord& container : record_.containers) {
      if (container.state == ContainerState::kPaused) paused.push_back(container.id);
      if (container.state == ContainerState::kRunning || container.state == ContainerState::kPaused)
        running.push_back(container.id);
    }
  }
  // What stands still hears nothing.
  const Deadline moment = Min(deadline, Deadline::After(seconds(2)));
  for (const std::string& id : paused) {
    if (agent().ResumeContainer(id, moment)) (void)SetContainerState(id, ContainerState::kRunning);
  }
  // A guest that answers nothing any more must not take more time than one that does.
  const Deadline patience = Min(deadline, Deadline::After(grace));
  if (grace.count() > 0) {
    for (const std::string& id : running) (void)agent().SignalProcess({id, ""}, SIGTERM, false, patience);
  }
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
  const std::lock_guard telling(telling_end_);
  bool told = false;
  std::vector<ContainerRecord> ended;
  (void)Change([&](PodRecord& record) {
    if (stopped_) return;
    for (const ContainerRecord& container : record.containers) {
      if (container.state == ContainerState::kRunning || container.state == ContainerState::kPaused)
        ended.push_back(container);
    }
    MarkStopped(record, reason, Now());
    stopped_ = told = true;
  });
  if (!told) return;
  // Whose end was not seen: it came with the VM's.
  for (const ContainerRecord& container : ended) {
    Tell(EventType::kContainerExited, container.id, "", {}, reason.empty() ? "its pod was stopped" : reason);
  }
  Tell(EventType::kPodStopped, "", "", {}, reason);
}

void PodMonitor::WaitUntilStopped() {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_; });
  }
  // An operation that lost its guest may still be on its way out.
  const std::lock_guard turn(operation_);
  (void)Save();
  RemoveEffects(vm_->Stop(Deadline::After(seconds(1))));
}

Status PodMonitor::CheckTurn(Deadline deadline) {
  if (!deadline.passed()) return {};
  return Fail(Code::kDeadlineExceeded, "another operation is still under way");
}

}  // namespace virtcontainers
