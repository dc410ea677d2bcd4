#include <chrono>

#include "agent.pb.h"
#include "base/errors.h"
#include "guest/agent/network/network.h"
#include "guest/agent/os/kernel_module.h"
#include "guest/agent/sandbox/block_device.h"
#include "guest/agent/service/services.h"
#include "types.pb.h"

namespace virtcontainers::guest {

namespace {

using Clock = EventLoop::Clock;
using std::chrono::milliseconds;

constexpr milliseconds kInterfacePoll{10};

template <typename Message>
void Answer(const Call& call, Result<Message> message) {
  if (!message) return call.Fail(std::move(message.error()));
  call.Answer(*message);
}

// A device that was plugged a moment ago may be on its way.
void Update(EventLoop& loop, const Call& call, const types::Interface& wanted, Clock::time_point deadline) {
  Status status = UpdateInterface(wanted);
  if (status) return call.Answer(wanted);
  if (status.error().code() != Code::kNotFound || Clock::now() >= deadline)
    return call.Fail(std::move(status.error()));
  loop.After(kInterfacePoll, [&loop, call, wanted, deadline] { Update(loop, call, wanted, deadline); });
}

}  // namespace

void AddNetworkCalls(Router& router, Sandbox& sandbox) {
  router.Add<grpc::ListInterfacesRequest>(kAgentService, "ListInterfaces",
                                          [](const Call& call, auto) { Answer(call, ListInterfaces()); });
  router.Add<grpc::ListRoutesRequest>(kAgentService, "ListRoutes",
                                      [](const Call& call, auto) { Answer(call, ListRoutes()); });
  constexpr const char* kNoTables = "there is no iptables in this guest: filter on the host";
  router.AddUnimplemented(kAgentService, "GetIPTables", kNoTables);
  router.AddUnimplemented(kAgentService, "SetIPTables", kNoTables);
  if (sandbox.config().standalone) {
    constexpr const char* kReason = "the agent does not own this machine's network";
    for (const char* method : {"UpdateInterface", "UpdateRoutes", "AddARPNeighbors"}) {
      router.AddUnimplemented(kAgentService, method, kReason);
    }
    return;
  }
  router.Add<grpc::UpdateInterfaceRequest>(
      kAgentService, "UpdateInterface", [&sandbox](const Call& call, auto request) {
        // Not loaded at boot: a pod without a network does without.
        (void)LoadModule("virtio_net");
        Update(sandbox.loop(), call, request->interface(), Clock::now() + kHotplugLimit);
      });
  router.Add<grpc::UpdateRoutesRequest>(kAgentService, "UpdateRoutes", [](const Call& call, auto request) {
    if (auto status = UpdateRoutes(request->routes()); !status) return call.Fail(std::move(status.error()));
    Answer(call, ListRoutes());
  });
  router.Add<grpc::AddARPNeighborsRequest>(
      kAgentService, "AddARPNeighbors",
      [](const Call& call, auto request) { call.Finish(AddNeighbors(request->neighbors())); });
}

}  // namespace virtcontainers::guest
