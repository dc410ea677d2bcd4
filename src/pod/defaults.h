// What a container gets when its configuration does not say. (The values of `runc spec`.)

#ifndef VIRTCONTAINERS_SRC_POD_DEFAULTS_H_
#define VIRTCONTAINERS_SRC_POD_DEFAULTS_H_

#include <string>
#include <vector>

#include "virtcontainers/config.h"

namespace virtcontainers {

inline constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// What a configuration leaves out. A process that enters a container gets the container's capabilities from
// the agent, if it does not say which: `own_capabilities` is false for it.
ProcessConfig CompleteProcess(ProcessConfig process, bool own_capabilities);
ContainerConfig CompleteContainer(ContainerConfig container);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_DEFAULTS_H_
