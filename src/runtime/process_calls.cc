// The calls of Runtime that return a Process.

#include <memory>
#include <string>
#include <utility>

#include "base/errors.h"
#include "monitor.pb.h"
#include "os/random_name.h"
#include "pod/config_json.h"
#include "pod/state_machine.h"
#include "pod/validate.h"
#include "runtime/call_context.h"
#include "runtime/pod_view.h"
#include "runtime/remote_process.h"
#include "runtime/runtime_impl.h"
#include "ttrpc/message.h"

namespace virtcontainers {
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
    VC_ASSIGN_OR_RETURN(const PodFiles files, impl_->pods().Find(pod));
    VC_ASSIGN_OR_RETURN(PodRecord record, LoadCorrectedRecord(files));
    VC_RETURN_IF_ERROR(CheckPodCall(pod, record.state, PodCall::kEnterPod));
    return Enter(impl_->monitors().Link(files), "", command, deadline);
  };
  return WithContext(Doing("enter", pod), deadline, enter());
}

Result<std::unique_ptr<Process>> Runtime::EnterContainer(std::string_view pod, std::string_view container,
                                                         const ProcessConfig& command, Deadline deadline) {
  const auto enter = [&]() -> Result<std::unique_ptr<Process>> {
    VC_RETURN_IF_ERROR(ValidateProcess(command, "command"));
    VC_ASSIGN_OR_RETURN(const PodFiles files, impl_->pods().Find(pod));
    VC_ASSIGN_OR_RETURN(PodRecord record, LoadCorrectedRecord(files));
    VC_ASSIGN_OR_RETURN(const ContainerRecord found, FindContainer(record, pod, container));
    VC_RETURN_IF_ERROR(
        CheckContainerCall(pod, record.state, container, found.state, ContainerCall::kEnterContainer));
    return Enter(impl_->monitors().Link(files), container, command, deadline);
  };
  return WithContext(Doing("enter", container, pod), deadline, enter());
}

Result<std::unique_ptr<Process>> Runtime::AttachContainer(std::string_view pod, std::string_view container,
                                                          Deadline deadline) {
  const auto attach = [&]() -> Result<std::unique_ptr<Process>> {
    VC_ASSIGN_OR_RETURN(const PodFiles files, impl_->pods().Find(pod));
    VC_ASSIGN_OR_RETURN(PodRecord record, LoadCorrectedRecord(files));
    VC_ASSIGN_OR_RETURN(const ContainerRecord found, FindContainer(record, pod, container));
    VC_RETURN_IF_ERROR(
        CheckContainerCall(pod, record.state, container, found.state, ContainerCall::kAttachContainer));
    const std::shared_ptr<MonitorLink> monitor = impl_->monitors().Link(files);
    VC_RETURN_IF_ERROR(monitor->Connect(deadline));
    return std::unique_ptr<Process>(std::make_unique<RemoteProcess>(monitor, std::string(container), ""));
  };
  return WithContext(Doing("attach to", container, pod), deadline, attach());
}

Result<std::unique_ptr<Process>> Runtime::OpenProcess(std::string_view pod, std::string_view container,
                                                      std::string_view process, Deadline deadline) {
  const auto open = [&]() -> Result<std::unique_ptr<Process>> {
    VC_ASSIGN_OR_RETURN(const PodFiles files, impl_->pods().Find(pod));
    VC_ASSIGN_OR_RETURN(PodRecord record, LoadCorrectedRecord(files));
    VC_RETURN_IF_ERROR(CheckPodCall(pod, record.state, PodCall::kEnterPod));
    if (!container.empty()) VC_RETURN_IF_ERROR(FindContainer(record, pod, container));
    const std::shared_ptr<MonitorLink> monitor = impl_->monitors().Link(files);
    wire::ProcessRequest request;
    request.set_container(std::string(container));
    request.set_exec(std::string(process));
    VC_RETURN_IF_ERROR(monitor->Call("Find", ttrpc::SerializeMessage(request), deadline, Again::kYes));
    return std::unique_ptr<Process>(
        std::make_unique<RemoteProcess>(monitor, std::string(container), std::string(process)));
  };
  return WithContext(Doing("open a process of", pod), deadline, open());
}

}  // namespace virtcontainers
