// What pods and containers use, as JSON: between monitor and library, and what programs read of virtc. Pure.
// Times are in nanoseconds, sizes in bytes; what has no limit has no field for it.

#ifndef VIRTCONTAINERS_SRC_POD_STATS_JSON_H_
#define VIRTCONTAINERS_SRC_POD_STATS_JSON_H_

#include <vector>

#include "base/json.h"
#include "virtcontainers/stats.h"

namespace virtcontainers {

Json ToJson(const ContainerStats& stats);
Json ToJson(const PodStats& stats);
Json ToJson(const std::vector<ProcessInfo>& processes);

// Errors: InvalidArgument, naming the field.
Result<ContainerStats> ContainerStatsFromJson(const Json& json);
Result<PodStats> PodStatsFromJson(const Json& json);
Result<std::vector<ProcessInfo>> ProcessesFromJson(const Json& json);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_STATS_JSON_H_
