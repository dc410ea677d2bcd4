// The calls of the agent, by subject. Each function adds its own to the router; what they work on outlives
// it.

#ifndef VIRTCONTAINERS_GUEST_AGENT_SERVICE_SERVICES_H_
#define VIRTCONTAINERS_GUEST_AGENT_SERVICE_SERVICES_H_

#include "guest/agent/sandbox/sandbox.h"
#include "guest/agent/service/router.h"

namespace virtcontainers::guest {

inline constexpr const char* kAgentService = "grpc.AgentService";
inline constexpr const char* kGuestService = "virtcontainers.Guest";
inline constexpr const char* kHealthService = "grpc.Health";

void AddHealthCalls(Router& router);
void AddContainerCalls(Router& router, Sandbox& sandbox);  // life, processes, signals, limits
void AddStreamCalls(Router& router, Sandbox& sandbox);     // standard input and output
void AddSandboxCalls(Router& router, Sandbox& sandbox);    // the pod and its storages
void AddMachineCalls(Router& router, Sandbox& sandbox);    // clock, random numbers, processors, memory
void AddNetworkCalls(Router& router, Sandbox& sandbox);    // interfaces, routes, neighbours
void AddStatsCalls(Router& router, Sandbox& sandbox);
void AddFileCalls(Router& router, Sandbox& sandbox);
void AddGuestCalls(Router& router, Sandbox& sandbox);  // what the host asks beyond Kata's protocol

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_SERVICE_SERVICES_H_
