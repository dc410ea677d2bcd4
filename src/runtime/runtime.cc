#include "virtcontainers/runtime.h"

#include <chrono>

#include "base/errors.h"
#include "base/time_format.h"
#include "monitor.pb.h"
#include "monitor/launch.h"
#include "monitor/monitor_client.h"
#include "os/file.h"
#include "os/file_lock.h"
#include "os/process_identity.h"
#include "os/random_name.h"
#include "pod/config_json.h"
#include "pod/state_machine.h"
#include "pod/store.h"
#include "pod/validate.h"
#include "runtime/locations.h"
#include "runtime/pod_view.h"
#include "runtime/recovery.h"
#include "runtime/remote_process.h"
#include "runtime/runtime_impl.h"
#include "ttrpc/message.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// How long a new monitor may take to take over a pod that is to be stopped.
constexpr seconds kPeace{10};

}  // namespace

Runtime::Runtime(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Runtime::Runtime(Runtime&&) noexcept = default;
Runtime& Runtime::operator=(Runtime&&) noexcept = default;
Runtime::~Runtime() = default;

Result<Runtime> Runtime::Open(RuntimeOptions options) {
  VC_ASSIGN_OR_RETURN(options, ResolveLocations(std::move(options)));
  VC_ASSIGN_OR_RETURN(Store store, Store::Open(options.root, options.run));
  return Runtime(std::make_unique<Impl>(std::move(options), std::move(store)));
}

const RuntimeOptions& Runtime::options() const { return impl_->options(); }

Status Runtime::CreatePod(const PodConfig& config) {
  const auto create = [&]() -> Status {
    VC_RETURN_IF_ERROR(ValidatePod(config, ReadHostLimits()));
    // Held until it has been told: what others do to the pod comes after that.
    VC_ASSIGN_OR_RETURN(const FileLock lock, impl_->store().CreatePod(config));
    impl_->Tell(EventType::kPodCreated, config.id);
    return {};
  };
  return WithContext(
      config.id.size() <= 64 && IsValidId(config.id) ? Doing("create", config.id) : "create pod", create());
}

Status Runtime::DeletePod(std::string_view pod, Deadline deadline) {
  const auto forget = [&]() -> Status {
    std::string trash;
    VC_RETURN_IF_ERROR(impl_->TellOfDeletion(pod, [&]() -> Status {
      VC_ASSIGN_OR_RETURN(trash, impl_->store().RemovePod(pod));
      return {};
    }));
    // The pod is gone. What is left of it is only disk space: what cannot be removed now is swept later.
    (void)RemoveTree(trash);
    return {};
  };
  const auto remove = [&]() -> Status {
    const Result<Impl::LockedPod> locked = impl_->LockPod(pod, deadline);
    // A pod whose state cannot be read can still be deleted, as long as nothing of it is running.
    if (!locked && locked.error().code() == Code::kDataLoss) {
      VC_ASSIGN_OR_RETURN(const Impl::DamagedPod damaged, impl_->LockDamagedPod(pod, deadline));
      if (damaged.monitored || damaged.has_processes) {
        VC_RETURN_IF_ERROR(CheckPodCall(pod, PodState::kRunning, PodCall::kDeletePod));
      }
      if (damaged.lock) VC_RETURN_IF_ERROR(RemoveEffects(damaged.files));
      return forget();
    }
    VC_RETURN_IF_ERROR(locked);
    VC_RETURN_IF_ERROR(CheckPodCall(pod, locked->record.state, PodCall::kDeletePod));
    return forget();
  };
  return WithContext(Doing("delete", pod), deadline, remove());
}

Status Runtime::StartPod(std::string_view pod, Deadline deadline) {
  const auto start = [&]() -> Status {
    VC_ASSIGN_OR_RETURN(Impl::LockedPod locked, impl_->LockPod(pod, deadline));
    VC_RETURN_IF_ERROR(CheckPodCall(pod, locked.record.state, PodCall::kStartPod));
    if (deadline.passed()) return Fail(Code::kDeadlineExceeded, "the deadline has passed");
    const std::string& program = impl_->options().monitor;
    if (!IsExecutable(program)) {
      return Fail(Code::kNotFound, "the monitor program " + Quoted(program) +
                                       " does not exist: install it, or name it in $VIRTCONTAINERS_MONITOR");
    }
    const Status started =
        LaunchMonitor(program, locked.files.paths(), impl_->options().guest, MonitorTask::kStart, deadline);
    if (started) return {};
    if (deadline.cancelled()) {
      impl_->CancelStart(locked);
    } else {
      impl_->UndoStart(locked.files);
    }
    return started;
  };
  return WithContext(Doing("start", pod), deadline, start());
}

Status Runtime::StopPod(std::string_view pod, milliseconds grace, Deadline deadline) {
  const auto stop = [&]() -> Status {
    Result<Impl::LockedPod> locked = impl_->LockPod(pod, deadline);
    if (!locked && locked.error().code() == Code::kDataLoss) return impl_->StopDamaged(pod, grace, deadline);
    VC_RETURN_IF_ERROR(locked);
    const PodFiles& files = locked->files;
    VC_ASSIGN_OR_RETURN(const Step step, CheckPodCall(pod, locked->record.state, PodCall::kStopPod));
    if (step == Step::kNothing) return {};
    // A monitor that died is replaced, for the guest to end in peace; if that takes long, without.
    if (!locked->monitored) (void)impl_->Restore(*locked, Min(deadline, Deadline::After(kPeace)));
    if (locked->monitored) {
      const Status stopped = impl_->StopMonitored(files, grace, deadline);
      // One that cannot be reached any more is ended with the rest.
      if (!stopped && stopped.error().code() != Code::kUnavailable) return stopped;
    }
    // Nothing but the record is left of one that a monitor has stopped, unless that died before it was done.
    VC_ASSIGN_OR_RETURN(locked->record, files.LoadRecord());
    if (!locked->running() && !FileLock::IsHeld(files.paths().monitor_lock()).value_or(true)) return {};
    VC_RETURN_IF_ERROR(UndoEffects(files, deadline));
    VC_ASSIGN_OR_RETURN(locked->record, files.LoadRecord());
    if (!locked->running()) return {};
    MarkStopped(locked->record, "", Now());
    VC_RETURN_IF_ERROR(files.SaveRecord(locked->record));
    impl_->Tell(EventType::kPodStopped, pod);
    return {};
  };
  return WithContext(Doing("stop", pod), deadline, stop());
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
    VC_ASSIGN_OR_RETURN(const PodFiles files, impl_->Find(pod));
    return ViewPod(files, [&] { return impl_->HasProcesses(files); });
  };
  return WithContext(Doing("status of", pod), view());
}

Status Runtime::CreateContainer(std::string_view pod, const ContainerConfig& config, Deadline deadline) {
  const auto create = [&]() -> Status {
    VC_RETURN_IF_ERROR(impl_->Find(pod));
    VC_RETURN_IF_ERROR(ValidateContainer(config));
    VC_ASSIGN_OR_RETURN(Impl::LockedPod locked, impl_->LockMonitoredPod(pod, deadline));
    VC_RETURN_IF_ERROR(CheckPodCall(pod, locked.record.state, PodCall::kCreateContainer));
    if (locked.record.Find(config.id) != nullptr) {
      return Fail(Code::kAlreadyExists, "container " + Quoted(config.id) + " exists already in pod " +
                                            Quoted(pod) + ": choose another id, or delete it");
    }
    if (locked.monitored) {
      wire::ConfigRequest request;
      request.set_config(DumpJson(ToJson(config), false));
      return impl_->Ask(locked, "CreateContainer", request, deadline,
                        [&](PodRecord& record) { return record.Find(config.id) != nullptr; });
    }
    // The container's file first: a record without one would be a container that cannot be read.
    VC_RETURN_IF_ERROR(locked.files.SaveContainer(config));
    ContainerRecord& container = locked.record.containers.emplace_back();
    container.id = config.id;
    container.created = Now();
    VC_RETURN_IF_ERROR(locked.files.SaveRecord(locked.record));
    impl_->Tell(EventType::kContainerCreated, pod, config.id);
    return {};
  };
  return WithContext(
      IsValidId(config.id) ? Doing("create", config.id, pod) : Doing("create a container of", pod), deadline,
      create());
}

Status Runtime::DeleteContainer(std::string_view pod, std::string_view container, Deadline deadline) {
  const auto remove = [&]() -> Status {
    VC_ASSIGN_OR_RETURN(Impl::LockedPod locked, impl_->LockMonitoredPod(pod, deadline));
    VC_ASSIGN_OR_RETURN(const ContainerRecord found, FindContainer(locked.record, pod, container));
    VC_RETURN_IF_ERROR(CheckContainerCall(pod, locked.record.state, container, found.state,
                                          ContainerCall::kDeleteContainer));
    if (locked.monitored) {
      wire::ContainerRequest request;
      request.set_container(std::string(container));
      return impl_->Ask(locked, "DeleteContainer", request, deadline,
                        [&](PodRecord& record) { return record.Find(container) == nullptr; });
    }
    std::erase_if(locked.record.containers,
                  [&](const ContainerRecord& entry) { return entry.id == container; });
    VC_RETURN_IF_ERROR(locked.files.SaveRecord(locked.record));
    VC_RETURN_IF_ERROR(locked.files.RemoveContainer(container));
    impl_->Tell(EventType::kContainerDeleted, pod, container);
    return {};
  };
  return WithContext(Doing("delete", container, pod), deadline, remove());
}

Status Runtime::StartContainer(std::string_view pod, std::string_view container, Deadline deadline) {
  const auto start = [&]() -> Status {
    VC_ASSIGN_OR_RETURN(Impl::LockedPod locked, impl_->LockMonitoredPod(pod, deadline));
    VC_ASSIGN_OR_RETURN(const ContainerRecord found, FindContainer(locked.record, pod, container));
    VC_RETURN_IF_ERROR(
        CheckContainerCall(pod, locked.record.state, container, found.state, ContainerCall::kStartContainer));
    wire::ContainerRequest request;
    request.set_container(std::string(container));
    return impl_->Ask(locked, "StartContainer", request, deadline, [&](PodRecord& record) {
      const ContainerRecord* now = record.Find(container);
      return now != nullptr && now->started && now->started != found.started;
    });
  };
  return WithContext(Doing("start", container, pod), deadline, start());
}

Status Runtime::StopContainer(std::string_view pod, std::string_view container, milliseconds grace,
                              Deadline deadline) {
  const auto stop = [&]() -> Status {
    wire::StopRequest request;
    request.set_container(std::string(container));
    request.set_grace_ms(static_cast<uint64_t>(std::max<int64_t>(0, grace.count())));
    return impl_->AskContainer(pod, container, ContainerCall::kStopContainer, "StopContainer", request,
                               deadline);
  };
  return WithContext(Doing("stop", container, pod), deadline, stop());
}

namespace {

Result<std::unique_ptr<Process>> Enter(const std::shared_ptr<MonitorLink>& monitor,
                                       std::string_view container, const ProcessConfig& command,
                                       Deadline deadline) {
  wire::ExecRequest request;
  request.set_container(std::string(container));
  request.set_config(DumpJson(ToJson(command), false));
  request.set_exec("exec-" + RandomName());
  VC_RETURN_IF_ERROR(monitor->Call("Exec", ttrpc::SerializeMessage(request), deadline, Again::kYes));
  return std::unique_ptr<Process>(
      std::make_unique<RemoteProcess>(monitor, std::string(container), request.exec()));
}

}  // namespace

Result<std::unique_ptr<Process>> Runtime::EnterPod(std::string_view pod, const ProcessConfig& command,
                                                   Deadline deadline) {
  const auto enter = [&]() -> Result<std::unique_ptr<Process>> {
    VC_RETURN_IF_ERROR(ValidateProcess(command, "command"));
    VC_ASSIGN_OR_RETURN(const PodFiles files, impl_->Find(pod));
    VC_ASSIGN_OR_RETURN(PodRecord record, LoadCorrectedRecord(files));
    VC_RETURN_IF_ERROR(CheckPodCall(pod, record.state, PodCall::kEnterPod));
    return Enter(impl_->Monitor(files, pod), "", command, deadline);
  };
  return WithContext(Doing("enter", pod), deadline, enter());
}

Result<std::unique_ptr<Process>> Runtime::EnterContainer(std::string_view pod, std::string_view container,
                                                         const ProcessConfig& command, Deadline deadline) {
  const auto enter = [&]() -> Result<std::unique_ptr<Process>> {
    VC_RETURN_IF_ERROR(ValidateProcess(command, "command"));
    VC_ASSIGN_OR_RETURN(const PodFiles files, impl_->Find(pod));
    VC_ASSIGN_OR_RETURN(PodRecord record, LoadCorrectedRecord(files));
    VC_ASSIGN_OR_RETURN(const ContainerRecord found, FindContainer(record, pod, container));
    VC_RETURN_IF_ERROR(
        CheckContainerCall(pod, record.state, container, found.state, ContainerCall::kEnterContainer));
    return Enter(impl_->Monitor(files, pod), container, command, deadline);
  };
  return WithContext(Doing("enter", container, pod), deadline, enter());
}

Result<ContainerStatus> Runtime::ContainerStatus(std::string_view pod, std::string_view container) {
  const auto view = [&]() -> Result<virtcontainers::ContainerStatus> {
    VC_ASSIGN_OR_RETURN(const PodFiles files, impl_->Find(pod));
    VC_ASSIGN_OR_RETURN(PodRecord record, LoadCorrectedRecord(files));
    VC_ASSIGN_OR_RETURN(const ContainerRecord found, FindContainer(record, pod, container));
    return ViewContainer(files, found);
  };
  return WithContext(Doing("status of", container, pod), view());
}

Result<std::unique_ptr<Process>> Runtime::AttachContainer(std::string_view pod, std::string_view container) {
  const auto attach = [&]() -> Result<std::unique_ptr<Process>> {
    const Deadline deadline = Deadline::After(seconds(10));
    VC_ASSIGN_OR_RETURN(const PodFiles files, impl_->Find(pod));
    VC_ASSIGN_OR_RETURN(PodRecord record, LoadCorrectedRecord(files));
    VC_ASSIGN_OR_RETURN(const ContainerRecord found, FindContainer(record, pod, container));
    VC_RETURN_IF_ERROR(
        CheckContainerCall(pod, record.state, container, found.state, ContainerCall::kAttachContainer));
    const std::shared_ptr<MonitorLink> monitor = impl_->Monitor(files, pod);
    VC_RETURN_IF_ERROR(monitor->Connect(deadline));
    return std::unique_ptr<Process>(std::make_unique<RemoteProcess>(monitor, std::string(container), ""));
  };
  return WithContext(Doing("attach to", container, pod), attach());
}

Result<std::unique_ptr<Process>> Runtime::OpenProcess(std::string_view pod, std::string_view container,
                                                      std::string_view process) {
  const auto open = [&]() -> Result<std::unique_ptr<Process>> {
    const Deadline deadline = Deadline::After(seconds(10));
    VC_ASSIGN_OR_RETURN(const PodFiles files, impl_->Find(pod));
    VC_ASSIGN_OR_RETURN(PodRecord record, LoadCorrectedRecord(files));
    VC_RETURN_IF_ERROR(CheckPodCall(pod, record.state, PodCall::kEnterPod));
    if (!container.empty()) VC_RETURN_IF_ERROR(FindContainer(record, pod, container));
    const std::shared_ptr<MonitorLink> monitor = impl_->Monitor(files, pod);
    wire::ProcessRequest request;
    request.set_container(std::string(container));
    request.set_exec(std::string(process));
    VC_RETURN_IF_ERROR(monitor->Call("Find", ttrpc::SerializeMessage(request), deadline, Again::kYes));
    return std::unique_ptr<Process>(
        std::make_unique<RemoteProcess>(monitor, std::string(container), std::string(process)));
  };
  return WithContext(Doing("open a process of", pod), open());
}

}  // namespace virtcontainers
