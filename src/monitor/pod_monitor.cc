// The life of a running pod: its start, a take-over, its end.

#include "monitor/pod_monitor.h"

#include <stdio.h>
#include <unistd.h>

#include <thread>
#include <utility>

#include "base/errors.h"
#include "base/time_format.h"
#include "monitor/hooks.h"
#include "monitor/launch.h"
#include "monitor/reconciler.h"
#include "monitor/undo_time.h"
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

// A guest that reports without end costs its pod this much of a processor, and no more.
constexpr milliseconds kBetweenOoms{20};

// Anew, whatever lies there.
Status MakeRunDirectory(const std::string& path) {
  const std::string above = ParentOf(path);
  VC_RETURN_IF_ERROR(MakeDirectories(above));
  VC_RETURN_IF_ERROR(CheckPrivateDirectory(above, "run directory " + Quoted(above)));
  VC_RETURN_IF_ERROR(RemoveTree(path));
  return MakeDirectories(path);
}

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

Status In(Status status, const char* doing, const std::string& id) {
  if (!status) return Fail(std::move(status.error()).AddContext(doing + Quoted(id)));
  return status;
}

}  // namespace

PodMonitor::PodMonitor(const MonitorParts& parts, PodFiles files, std::string guest,
                       std::map<std::string, UniqueFd> descriptors)
    : parts_(parts),
      files_(std::move(files)),
      guest_image_(std::move(guest)),
      pod_(files_.id()),
      descriptors_(std::move(descriptors)),
      keeper_(files_) {}

PodMonitor::~PodMonitor() {
  // The VM's watcher and the agent's threads call into this and into the table: they are silent once the VM
  // has gone. What they have said is still written down, and what has been told is written; the agent is
  // still there for whoever is called then.
  const std::shared_ptr<Agent> agent = vm_ ? vm_->agent() : nullptr;
  guest_.reset();
  vm_.reset();
  forwards_.reset();
  exits_.reset();
  events_.reset();
}

Status PodMonitor::Load() {
  VC_ASSIGN_OR_RETURN(config_, files_.LoadConfig());
  VC_RETURN_IF_ERROR(
      StartThreads([&] { events_ = std::make_unique<EventOutbox>(files_.paths().root(), pod_); }));
  VC_RETURN_IF_ERROR(keeper_.Load());
  VC_ASSIGN_OR_RETURN(const ProcessIdentity self, IdentifyProcess(::getpid()));
  VC_ASSIGN_OR_RETURN(effects_, Effects::Open(files_.paths().journal()));
  effects_->Confirm(EffectKind::kProcess, kMonitorEffect, self);
  return {};
}

Status PodMonitor::MakeParts(bool taken_over) {
  VC_ASSIGN_OR_RETURN(vm_,
                      PodVm::Create(parts_, {.config = config_,
                                             .paths = files_.paths(),
                                             .guest = guest_image_,
                                             .effects = *effects_,
                                             .descriptors = std::exchange(descriptors_, {}),
                                             .on_exit = [this](const VmExit& exit) { VmExited(exit); }}));
  processes_ = std::make_unique<ProcessTable>(vm_->agent());
  VC_RETURN_IF_ERROR(StartThreads(
      [&] { exits_ = std::make_unique<ExitRecorder>(keeper_, *events_, *vm_->agent(), *processes_); }));
  forwards_ = std::make_unique<SocketForwards>(vm_->agent());
  guest_ = std::make_unique<GuestContainers>(
      GuestContainers::Parts{*vm_, keeper_, *events_, *exits_, *processes_, *forwards_}, taken_over);
  return {};
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
  if (removed) removed = effects_->Clear();
  if (!removed) std::fprintf(stderr, "clean up: %s\n", removed.error().ToString().c_str());
}

Status PodMonitor::Start(Deadline deadline, const std::function<Status()>& serve) {
  const std::lock_guard turn(operation_);
  VC_RETURN_IF_ERROR(Load());
  keeper_.BeginStart();
  events_->Defer();
  Status booted = Boot(deadline, serve);
  // A link that broke half way is the VM's end, seen from inside.
  if (!booted && booted.error().code() == Code::kUnavailable && vm_) {
    booted = Fail(vm_->ExplainBootFailure(booted.error()));
  }
  if (booted) {
    keeper_.Update([&](LivePod& pod) {
      // The VM may have died at the last step, when nobody was there any more to notice.
      if (pod.stopped) {
        booted = Fail(Code::kAborted, pod.record.reason);
      } else {
        pod.starting = false;
      }
    });
  }
  if (booted) {
    events_->EmitDeferred(EventType::kPodStarted);
    WatchOom();
    return {};
  }
  const Status stopped = vm_ ? vm_->Stop(Deadline::After(seconds(1))) : Status();
  (void)keeper_.RollBackStart();
  RemoveEffects(stopped);
  return booted;
}

Status PodMonitor::Boot(Deadline deadline, const std::function<Status()>& serve) {
  const std::string& run_dir = files_.paths().run_dir;
  VC_RETURN_IF_ERROR(
      effects_->Make(EffectKind::kDirectory, run_dir, [&] { return MakeRunDirectory(run_dir); }));
  VC_RETURN_IF_ERROR(MakeParts(/*taken_over=*/false));
  VC_RETURN_IF_ERROR(vm_->Launch(deadline));
  VC_ASSIGN_OR_RETURN(const ProcessIdentity self, IdentifyProcess(::getpid()));
  // Noted as soon as they are there: if this process dies now, they are found. Where that cannot be noted, as
  // for a pod that was deleted meanwhile, nothing may run.
  VC_RETURN_IF_ERROR(keeper_.Change([&](LivePod& pod) {
    pod.record.vm = vm_->record();
    pod.record.attachments = vm_->attachments();
    pod.record.monitor = self;
  }));

  std::vector<ContainerConfig> containers;
  const std::vector<ContainerRecord> records =
      keeper_.Read([](const LivePod& pod) { return pod.record.containers; });
  for (const ContainerRecord& container : records) {
    VC_ASSIGN_OR_RETURN(containers.emplace_back(), files_.LoadContainer(container.id));
  }
  VC_RETURN_IF_ERROR(vm_->Connect(deadline));
  VC_RETURN_IF_ERROR(vm_->PrepareGuest(deadline));
  (void)keeper_.Change([&](LivePod& pod) {
    pod.record.vm = vm_->record();
    for (ContainerRecord& container : pod.record.containers) {
      container.state = ContainerState::kReady;
      container.reason.clear();
      container.exit.reset();
      container.started.reset();
      container.finished.reset();
    }
  });
  for (const ContainerConfig& container : containers) {
    VC_RETURN_IF_ERROR(In(guest_->Create(container, deadline), "create container ", container.id));
  }
  for (const ContainerConfig& container : containers) {
    VC_RETURN_IF_ERROR(In(guest_->Start(container, deadline), "start container ", container.id));
  }
  if (serve) VC_RETURN_IF_ERROR(Serve(serve));
  return keeper_.CommitStart([](PodRecord& record) {
    record.state = PodState::kRunning;
    record.reason.clear();
    record.started = Now();
    record.finished.reset();
  });
}

Status PodMonitor::TakeOver(Deadline deadline, const std::function<Status()>& serve) {
  const std::lock_guard turn(operation_);
  VC_RETURN_IF_ERROR(Load());
  const PodRecord record = keeper_.Read([](const LivePod& pod) { return pod.record; });
  if ((record.state != PodState::kRunning && record.state != PodState::kPaused) || !record.vm) {
    return Fail(Code::kFailedPrecondition, "the pod does not run: there is nothing to take over");
  }
  VC_RETURN_IF_ERROR(CheckOwn(record, files_.paths().mark));
  // What is in it is what the VM can be reached by.
  if (!IsOwnDirectory(files_.paths().run_dir)) {
    return Fail(Code::kDataLoss, "the VM cannot be reached: " + Quoted(files_.paths().run_dir) +
                                     " is not a directory any more: stop the pod");
  }
  (void)files_.Sweep(record);
  VC_RETURN_IF_ERROR(MakeParts(/*taken_over=*/true));
  VC_RETURN_IF_ERROR(vm_->TakeOver(record, deadline));

  Hypervisor& hypervisor = vm_->hypervisor();
  const bool paused = hypervisor.state() == VmState::kPaused;
  // A guest that stands still answers nothing: it runs for a moment.
  if (paused) VC_RETURN_IF_ERROR(hypervisor.Resume(deadline));
  Status adopted = vm_->Reconnect(deadline);
  if (adopted) adopted = Reconciler({*vm_, keeper_, *events_, *exits_, *guest_, *forwards_}).Run(deadline);
  if (paused) {
    // What has been asked of the guest it answers first: it is not to be stopped in the middle of a word.
    if (adopted) adopted = agent().Check(deadline);
    const Status again = hypervisor.Pause(Deadline::After(seconds(5)));
    if (adopted) adopted = again;
  }
  VC_RETURN_IF_ERROR(adopted);

  VC_ASSIGN_OR_RETURN(const ProcessIdentity self, IdentifyProcess(::getpid()));
  VC_RETURN_IF_ERROR(keeper_.Change([&](LivePod& pod) {
    pod.record.monitor = self;
    pod.record.attachments = vm_->attachments();
    pod.record.state = paused ? PodState::kPaused : PodState::kRunning;
  }));
  if (serve) VC_RETURN_IF_ERROR(Serve(serve));
  VC_RETURN_IF_ERROR(vm_->Watch());
  WatchOom();
  return {};
}

Status PodMonitor::StopPod(milliseconds grace, Deadline deadline) {
  return Locked(deadline, [&]() -> Status {
    const auto has_stopped = [this] { return keeper_.Read([](const LivePod& pod) { return pod.stopped; }); };
    if (has_stopped()) return {};
    if (vm_->hypervisor().state() == VmState::kPaused) {
      (void)vm_->hypervisor().Resume(Min(deadline, Deadline::After(seconds(2))));
    }
    if (vm_->hypervisor().state() == VmState::kRunning) guest_->StopAll(grace, deadline);
    bool stopped_by_itself = false;
    keeper_.Update([&](LivePod& pod) {
      stopped_by_itself = pod.stopped;
      if (!pod.stopped) pod.stopping = true;
    });
    if (stopped_by_itself) return {};
    const Status stopped = vm_->Stop(deadline);
    if (!stopped && vm_->hypervisor().state() != VmState::kExited) return stopped;
    // What could not be taken away beside the VM does not make it a running one.
    if (!stopped) std::fprintf(stderr, "stop: %s\n", stopped.error().ToString().c_str());
    EnterStopped("");
    return {};
  });
}

void PodMonitor::VmExited(const VmExit& exit) {
  bool starting = false, asked = false;
  keeper_.Update([&](LivePod& pod) {
    starting = pod.starting;
    asked = pod.stopping;
    if (!starting) return;
    // Start undoes what there is; it learns of it from the agent's broken link, or from here.
    pod.stopped = true;
    pod.record.reason = exit.reason;
  });
  if (!starting) EnterStopped(asked ? "" : exit.reason);
}

void PodMonitor::EnterStopped(const std::string& reason) {
  const std::lock_guard order(events_->order());
  bool entered = false;
  std::vector<ContainerRecord> ended;
  (void)keeper_.Change([&](LivePod& pod) {
    if (pod.stopped) return;
    for (const ContainerRecord& container : pod.record.containers) {
      if (Lives(container.state)) ended.push_back(container);
    }
    MarkStopped(pod.record, reason, Now());
    pod.stopped = entered = true;
  });
  if (!entered) return;
  // Whose end was not seen: it came with the VM's.
  for (const ContainerRecord& container : ended) {
    events_->Emit(EventType::kContainerExited, container.id, "", {},
                  reason.empty() ? "its pod was stopped" : reason);
  }
  events_->Emit(EventType::kPodStopped, "", "", {}, reason);
}

void PodMonitor::WaitUntilStopped() {
  keeper_.WaitUntil(Deadline::Infinite(), [](const LivePod& pod) { return pod.stopped; });
  // An operation that lost its guest may still be on its way out.
  const std::lock_guard turn(operation_);
  (void)keeper_.Save();
  RemoveEffects(vm_->Stop(Deadline::After(seconds(1))));
}

void PodMonitor::WatchOom() {
  agent().NextOom([this](const Result<std::string>& container) {
    // The link is gone, or the agent cannot tell.
    if (!container) return;
    Event event;
    event.type = EventType::kContainerOom;
    if (keeper_.Find(*container)) event.container = *container;
    events_->EmitNow(std::move(event), [this] {
      std::this_thread::sleep_for(kBetweenOoms);
      WatchOom();
    });
  });
}

}  // namespace virtcontainers
