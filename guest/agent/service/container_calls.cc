#include <signal.h>

#include "agent.pb.h"
#include "base/errors.h"
#include "guest/agent/service/services.h"

namespace virtcontainers::guest {

namespace {

Status Signal(Sandbox& sandbox, const grpc::SignalProcessRequest& request) {
  if (request.signal() >= static_cast<uint32_t>(NSIG)) {
    return Fail(Code::kInvalidArgument, "there is no signal " + std::to_string(request.signal()));
  }
  VC_ASSIGN_OR_RETURN(const auto container, sandbox.Find(request.container_id()));
  return container->Signal(request.exec_id(), static_cast<int>(request.signal()));
}

void Wait(Sandbox& sandbox, const Call& call, const grpc::WaitProcessRequest& request) {
  auto container = sandbox.Find(request.container_id());
  if (!container) return call.Fail(std::move(container.error()));
  (*container)->Wait(call, request.exec_id());
}

void Start(Sandbox& sandbox, const Call& call, const std::string& id) {
  auto container = sandbox.FindContainer(id);
  if (!container) return call.Fail(std::move(container.error()));
  if ((*container)->state() == Container::State::kCreated)
    sandbox.oom().Add(id, (*container)->cgroup().path());
  (*container)->Start(call);
}

}  // namespace

void AddContainerCalls(Router& router, Sandbox& sandbox) {
  router.Add<grpc::CreateContainerRequest>(kAgentService, "CreateContainer",
                                           [&sandbox](Call call, auto request) {
                                             auto extended = std::make_unique<wire::ExtendedCreateRequest>();
                                             extended->set_allocated_request(request.release());
                                             sandbox.CreateContainer(std::move(call), std::move(extended));
                                           });
  router.Add<grpc::StartContainerRequest>(
      kAgentService, "StartContainer",
      [&sandbox](const Call& call, auto request) { Start(sandbox, call, request->container_id()); });
  router.Add<grpc::RemoveContainerRequest>(
      kAgentService, "RemoveContainer", [&sandbox](Call call, auto request) {
        sandbox.RemoveContainer(std::move(call), request->container_id(), request->timeout());
      });
  router.Add<grpc::ExecProcessRequest>(kAgentService, "ExecProcess",
                                       [&sandbox](const Call& call, auto request) {
                                         wire::ExtendedExecRequest extended;
                                         extended.set_allocated_request(request.release());
                                         sandbox.Exec(call, extended);
                                       });
  router.Add<grpc::SignalProcessRequest>(
      kAgentService, "SignalProcess",
      [&sandbox](const Call& call, auto request) { call.Finish(Signal(sandbox, *request)); });
  router.Add<grpc::WaitProcessRequest>(
      kAgentService, "WaitProcess",
      [&sandbox](const Call& call, auto request) { Wait(sandbox, call, *request); });
  router.Add<grpc::UpdateContainerRequest>(kAgentService, "UpdateContainer",
                                           [&sandbox](const Call& call, auto request) {
                                             wire::ExtendedUpdateRequest extended;
                                             extended.set_allocated_request(request.release());
                                             call.Finish(sandbox.UpdateContainer(extended));
                                           });
  router.Add<grpc::PauseContainerRequest>(
      kAgentService, "PauseContainer",
      [&sandbox](Call call, auto request) { sandbox.Pause(std::move(call), request->container_id()); });
  router.Add<grpc::ResumeContainerRequest>(
      kAgentService, "ResumeContainer",
      [&sandbox](Call call, auto request) { sandbox.Resume(std::move(call), request->container_id()); });
  router.Add<grpc::GetOOMEventRequest>(kAgentService, "GetOOMEvent",
                                       [&sandbox](Call call, auto) { sandbox.oom().Next(std::move(call)); });
}

}  // namespace virtcontainers::guest
