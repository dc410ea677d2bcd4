// The limits of a spec as cgroup v2 writes them. Pure.

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONTAINER_CGROUP_LIMITS_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONTAINER_CGROUP_LIMITS_H_

#include <map>
#include <string>
#include <vector>

#include "oci.pb.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// One line for one file of a cgroup.
struct CgroupSetting {
  std::string file;
  std::string value;

  friend bool operator==(const CgroupSetting&, const CgroupSetting&) = default;
};

// In the order in which to write them. Nothing for what the resources leave at zero. INVALID_ARGUMENT for
// values that contradict each other or that cgroup v2 cannot say.
Result<std::vector<CgroupSetting>> CgroupSettings(const grpc::LinuxResources& resources);

// INVALID_ARGUMENT for a name that is not that of a controller's file ("memory.high"), and for too much.
Status CheckUnifiedSettings(const std::map<std::string, std::string>& unified);

// cpu.weight (1 to 10000, 100 by default) for cpu.shares (2 to 262144, 1024 by default), as every runtime
// maps it.
uint64_t CpuWeight(uint64_t shares);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONTAINER_CGROUP_LIMITS_H_
