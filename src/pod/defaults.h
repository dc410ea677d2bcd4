// What a container gets when its configuration does not say. (The values of `runc spec`.)

#ifndef VIRTCONTAINERS_SRC_POD_DEFAULTS_H_
#define VIRTCONTAINERS_SRC_POD_DEFAULTS_H_

#include <string>
#include <string_view>
#include <vector>

#include "virtcontainers/config.h"

namespace virtcontainers {

inline constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// A pod's name in the guest is its id with this suffix, which no container's id has.
inline constexpr std::string_view kSandboxSuffix = "+pod";

// The pod's hostname: that of the configuration, or as much of the id as a kernel takes. (sethostname(2))
std::string HostnameOf(const PodConfig& pod);

// What a configuration leaves out. A process that enters a container gets the container's capabilities from
// the agent, if it does not say which: `own_capabilities` is false for it.
ProcessConfig CompleteProcess(ProcessConfig process, bool own_capabilities);
ContainerConfig CompleteContainer(ContainerConfig container);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_DEFAULTS_H_
