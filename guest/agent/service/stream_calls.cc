#include "agent.pb.h"
#include "base/errors.h"
#include "guest.pb.h"
#include "guest/agent/service/services.h"

namespace virtcontainers::guest {

namespace {

// Calls `use` with the process a request names, or fails the call.
template <typename Request, typename Use>
void WithProcess(Sandbox& sandbox, const Call& call, const Request& request, Use use) {
  auto container = sandbox.Find(request.container_id());
  if (!container) return call.Fail(std::move(container.error()));
  auto process = (*container)->Find(request.exec_id());
  if (!process) return call.Fail(std::move(process.error()));
  use(**process);
}

using ReadMethod = void (Process::*)(Call call, size_t size);

void AddRead(Router& router, Sandbox& sandbox, const char* method, ReadMethod read) {
  router.Add<grpc::ReadStreamRequest>(
      kAgentService, method, [&sandbox, read](const Call& call, auto request) {
        if (request->len() == 0)
          return call.Fail(Error(Code::kInvalidArgument, "len is 0: ask for a byte at least"));
        WithProcess(sandbox, call, *request,
                    [&](Process& process) { (process.*read)(call, request->len()); });
      });
}

}  // namespace

void AddStreamCalls(Router& router, Sandbox& sandbox) {
  AddRead(router, sandbox, "ReadStdout", &Process::ReadStdout);
  AddRead(router, sandbox, "ReadStderr", &Process::ReadStderr);
  router.Add<wire::ReadOutputRequest>(
      kGuestService, "ReadOutput", [&sandbox](const Call& call, auto request) {
        if (request->size() == 0)
          return call.Fail(Error(Code::kInvalidArgument, "size is 0: ask for a byte at least"));
        WithProcess(sandbox, call, *request, [&](Process& process) { process.ReadOutput(call, *request); });
      });
  router.Add<grpc::WriteStreamRequest>(
      kAgentService, "WriteStdin", [&sandbox](const Call& call, auto request) {
        WithProcess(sandbox, call, *request, [&](Process& process) {
          if (!request->data().empty()) return process.WriteStdin(call, std::move(*request->mutable_data()));
          process.CloseStdin();
          call.Answer(grpc::WriteStreamResponse());
        });
      });
  router.Add<grpc::CloseStdinRequest>(kAgentService, "CloseStdin",
                                      [&sandbox](const Call& call, auto request) {
                                        WithProcess(sandbox, call, *request, [&](Process& process) {
                                          process.CloseStdin();
                                          call.Answer();
                                        });
                                      });
  router.Add<wire::WriteInputRequest>(
      kGuestService, "WriteInput", [&sandbox](const Call& call, auto request) {
        WithProcess(sandbox, call, *request, [&](Process& process) { process.WriteInput(call, *request); });
      });
  router.Add<wire::CloseInputRequest>(
      kGuestService, "CloseInput", [&sandbox](const Call& call, auto request) {
        WithProcess(sandbox, call, *request, [&](Process& process) { process.CloseInput(call, *request); });
      });
  router.Add<grpc::TtyWinResizeRequest>(kAgentService, "TtyWinResize",
                                        [&sandbox](const Call& call, auto request) {
                                          WithProcess(sandbox, call, *request, [&](const Process& process) {
                                            call.Finish(process.Resize(request->row(), request->column()));
                                          });
                                        });
}

}  // namespace virtcontainers::guest
