// What a container has used, out of its cgroup's files.

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONTAINER_CGROUP_STATS_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONTAINER_CGROUP_STATS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "agent.pb.h"
#include "guest/agent/container/cgroup.h"

namespace virtcontainers::guest {

// Lines "key value". Others are passed over.
std::map<std::string, uint64_t> ParseFlatKeys(std::string_view text);

// A number, or UINT64_MAX for "max"; 0 for what is neither.
uint64_t ParseLimit(std::string_view text);

// Lines "major:minor key=value key=value", as io.stat has them.
grpc::BlkioStats ParseIoStat(std::string_view text);

// A controller that is not there leaves its part empty.
grpc::CgroupStats ReadCgroupStats(const Cgroup& cgroup);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONTAINER_CGROUP_STATS_H_
