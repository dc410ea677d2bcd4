#include "base/errors.h"
#include "pod/validate.h"
#include "virtcontainers/pod.h"
#include "virtcontainers/runtime.h"

namespace virtcontainers {

Pod Runtime::pod(std::string_view id) { return Pod(*this, id); }

Container Pod::container(std::string_view container) const { return Container(*runtime_, id_, container); }

Status Pod::Start(Deadline deadline) const { return runtime_->StartPod(id_, deadline); }

Status Pod::Stop(std::chrono::milliseconds grace, Deadline deadline) const {
  return runtime_->StopPod(id_, grace, deadline);
}

Status Pod::Delete(Deadline deadline) const { return runtime_->DeletePod(id_, deadline); }

Status Pod::Pause(Deadline deadline) const { return runtime_->PausePod(id_, deadline); }

Status Pod::Resume(Deadline deadline) const { return runtime_->ResumePod(id_, deadline); }

Result<bool> Pod::RestoreMonitor(Deadline deadline) const { return runtime_->RestoreMonitor(id_, deadline); }

Result<PodConfig> Pod::Fetch() const { return runtime_->FetchPod(id_); }

Result<PodStatus> Pod::GetStatus() const { return runtime_->PodStatus(id_); }

Result<PodStats> Pod::GetStats(Deadline deadline) const { return runtime_->StatsPod(id_, deadline); }

Result<NetworkStatus> Pod::AddNetwork(const NetworkConfig& network, int descriptor, Deadline deadline) const {
  return runtime_->AddNetwork(id_, network, descriptor, deadline);
}

Status Pod::RemoveNetwork(std::string_view network, Deadline deadline) const {
  return runtime_->RemoveNetwork(id_, network, deadline);
}

Status Pod::AddRoute(std::string_view network, const Route& route, Deadline deadline) const {
  return runtime_->AddRoute(id_, network, route, deadline);
}

Status Pod::RemoveRoute(std::string_view network, const Route& route, Deadline deadline) const {
  return runtime_->RemoveRoute(id_, network, route, deadline);
}

Status Pod::CreateContainer(const ContainerConfig& config, Deadline deadline) const {
  return runtime_->CreateContainer(id_, config, deadline);
}

Result<int> Pod::Dial(const DialTarget& target, Deadline deadline) const {
  return runtime_->Dial(id_, target, deadline);
}

Result<std::unique_ptr<Process>> Pod::Enter(const ProcessConfig& command, Deadline deadline) const {
  return runtime_->EnterPod(id_, command, deadline);
}

Result<CommandResult> Pod::RunCommand(const ProcessConfig& command, const CommandOptions& options,
                                      Deadline deadline) const {
  return runtime_->RunCommand(id_, "", command, options, deadline);
}

Result<std::unique_ptr<Process>> Pod::OpenProcess(std::string_view process, Deadline deadline) const {
  return runtime_->OpenProcess(id_, "", process, deadline);
}

Status Container::Start(Deadline deadline) const { return runtime_->StartContainer(pod_id_, id_, deadline); }

Status Container::Stop(std::chrono::milliseconds grace, Deadline deadline) const {
  return runtime_->StopContainer(pod_id_, id_, grace, deadline);
}

Status Container::Delete(Deadline deadline) const {
  return runtime_->DeleteContainer(pod_id_, id_, deadline);
}

Status Container::Pause(Deadline deadline) const { return runtime_->PauseContainer(pod_id_, id_, deadline); }

Status Container::Resume(Deadline deadline) const {
  return runtime_->ResumeContainer(pod_id_, id_, deadline);
}

Status Container::Kill(int signal, Deadline deadline) const {
  return runtime_->KillContainer(pod_id_, id_, signal, deadline);
}

Result<ExitStatus> Container::Wait(Deadline deadline) const {
  return runtime_->WaitContainer(pod_id_, id_, deadline);
}

Status Container::Update(const ContainerResources& resources, Deadline deadline) const {
  return runtime_->UpdateContainer(pod_id_, id_, resources, deadline);
}

Result<ContainerStatus> Container::GetStatus() const { return runtime_->ContainerStatus(pod_id_, id_); }

Result<ContainerStats> Container::GetStats(Deadline deadline) const {
  return runtime_->StatsContainer(pod_id_, id_, deadline);
}

Result<std::vector<ProcessInfo>> Container::ListProcesses(Deadline deadline) const {
  return runtime_->ProcessListContainer(pod_id_, id_, deadline);
}

Result<CommandResult> Container::RunCommand(const ProcessConfig& command, const CommandOptions& options,
                                            Deadline deadline) const {
  // An empty id would run the command in the pod's own root file system.
  VC_RETURN_IF_ERROR(ValidateId("container", id_));
  return runtime_->RunCommand(pod_id_, id_, command, options, deadline);
}

Result<std::unique_ptr<Process>> Container::Enter(const ProcessConfig& command, Deadline deadline) const {
  return runtime_->EnterContainer(pod_id_, id_, command, deadline);
}

Result<std::unique_ptr<Process>> Container::Attach(Deadline deadline) const {
  return runtime_->AttachContainer(pod_id_, id_, deadline);
}

Result<std::unique_ptr<Process>> Container::OpenProcess(std::string_view process, Deadline deadline) const {
  VC_RETURN_IF_ERROR(ValidateId("container", id_));
  return runtime_->OpenProcess(pod_id_, id_, process, deadline);
}

Result<int> Container::Dial(DialTarget target, Deadline deadline) const {
  VC_RETURN_IF_ERROR(ValidateId("container", id_));
  target.container = id_;
  return runtime_->Dial(pod_id_, target, deadline);
}

Result<CopyReport> Container::CopyTo(const std::string& source, const std::string& destination,
                                     const CopyOptions& options, Deadline deadline) const {
  return runtime_->CopyTo(pod_id_, id_, source, destination, options, deadline);
}

Result<CopyReport> Container::CopyFrom(const std::string& source, const std::string& destination,
                                       const CopyLimits& limits, Deadline deadline) const {
  return runtime_->CopyFrom(pod_id_, id_, source, destination, limits, deadline);
}

}  // namespace virtcontainers
