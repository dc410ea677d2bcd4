// What the guest says of a container's use of things, checked and translated. Pure.

#ifndef VIRTCONTAINERS_SRC_AGENT_KATA_GUEST_STATS_H_
#define VIRTCONTAINERS_SRC_AGENT_KATA_GUEST_STATS_H_

#include <vector>

#include "agent.pb.h"
#include "guest.pb.h"
#include "virtcontainers/error.h"
#include "virtcontainers/stats.h"

namespace virtcontainers {

// All but the id and the time. No number of lines that a guest answers makes the result large: what is beyond
// a thousand of a kind is left out. Numbers in memory.stat's map that begin with "events." are
// memory.events'.
ContainerStats FromKataStats(const grpc::StatsContainerResponse& stats);

// Errors: Internal for an answer that no honest guest gives.
Result<std::vector<ProcessInfo>> FromGuestProcesses(const wire::ListProcessesResponse& list);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_AGENT_KATA_GUEST_STATS_H_
