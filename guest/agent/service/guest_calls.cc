#include "base/errors.h"
#include "guest.pb.h"
#include "guest/agent/sandbox/process_list.h"
#include "guest/agent/service/services.h"

namespace virtcontainers::guest {

void AddGuestCalls(Router& router, Sandbox& sandbox) {
  router.Add<wire::ExtendedCreateRequest>(
      kGuestService, "CreateContainer",
      [&sandbox](Call call, auto request) { sandbox.CreateContainer(std::move(call), std::move(request)); });
  router.Add<wire::ExtendedExecRequest>(
      kGuestService, "ExecProcess",
      [&sandbox](const Call& call, auto request) { sandbox.Exec(call, *request); });
  router.Add<wire::ExtendedUpdateRequest>(
      kGuestService, "UpdateContainer",
      [&sandbox](const Call& call, auto request) { call.Finish(sandbox.UpdateContainer(*request)); });
  router.Add<wire::ListProcessesRequest>(kGuestService, "ListProcesses",
                                         [&sandbox](const Call& call, auto request) {
                                           auto container = sandbox.FindContainer(request->container_id());
                                           if (!container) return call.Fail(std::move(container.error()));
                                           const auto& init = (*container)->init();
                                           ListProcesses(sandbox.loop(), call, (*container)->cgroup(),
                                                         init && init->running() ? init->pid() : 0);
                                         });
  router.Add<wire::GetStateRequest>(kGuestService, "GetState", [&sandbox](const Call& call, const auto&) {
    call.Answer(sandbox.Describe());
  });
  router.Add<wire::AcknowledgeExitsRequest>(
      kGuestService, "AcknowledgeExits", [&sandbox](const Call& call, auto request) {
        for (const auto& process : request->processes()) {
          if (const auto container = sandbox.Find(process.container_id())) {
            (*container)->AcknowledgeExit(process.exec_id());
          }
        }
        call.Answer();
      });
  router.Add<wire::LimitShareRequest>(kGuestService, "LimitShare",
                                      [&sandbox](const Call& call, auto request) {
                                        call.Finish(sandbox.LimitShare(request->descriptors()));
                                      });
  router.Add<wire::CopyFileChunk>(kGuestService, "CopyFile", [&sandbox](const Call& call, auto request) {
    auto container = sandbox.FindContainer(request->container_id());
    if (!container) return call.Fail(std::move(container.error()));
    call.Finish(sandbox.copies().Write(call, *container, *request));
  });
}

}  // namespace virtcontainers::guest
