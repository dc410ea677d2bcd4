#include "agent.pb.h"
#include "base/errors.h"
#include "guest/agent/service/services.h"

namespace virtcontainers::guest {

namespace {

Status UpdateMounts(Sandbox& sandbox, const grpc::UpdateEphemeralMountsRequest& request) {
  for (const grpc::Storage& storage : request.storages())
    VC_RETURN_IF_ERROR(sandbox.storages().Update(storage));
  return {};
}

}  // namespace

void AddSandboxCalls(Router& router, Sandbox& sandbox) {
  router.Add<grpc::CreateSandboxRequest>(
      kAgentService, "CreateSandbox",
      [&sandbox](const Call& call, auto request) { call.Finish(sandbox.Create(*request)); });
  router.Add<grpc::DestroySandboxRequest>(kAgentService, "DestroySandbox",
                                          [&sandbox](Call call, auto) { sandbox.Destroy(std::move(call)); });
  router.Add<grpc::UpdateEphemeralMountsRequest>(
      kAgentService, "UpdateEphemeralMounts",
      [&sandbox](const Call& call, auto request) { call.Finish(UpdateMounts(sandbox, *request)); });
  // What one mounts of the share goes with the container: nothing is stale here.
  router.Add<grpc::RemoveStaleVirtiofsShareMountsRequest>(kAgentService, "RemoveStaleVirtiofsShareMounts",
                                                          [](const Call& call, auto) { call.Answer(); });
  router.AddUnimplemented(kAgentService, "SetPolicy",
                          "this agent does as the host says: the guest is the host's");
  router.AddUnimplemented(kAgentService, "GetDiagnosticData", "termination logs are files of the container");
}

}  // namespace virtcontainers::guest
