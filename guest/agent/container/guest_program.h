// Programs of the guest image that run inside containers.

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONTAINER_GUEST_PROGRAM_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONTAINER_GUEST_PROGRAM_H_

#include <string>

#include "base/unique_fd.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// A sealed copy in memory of /bin/`name`, to be executed in a container. A container's process can open the
// program that it runs (/proc/self/exe), and write to it once it has ended: the copy takes no writes, and the
// image's file is out of reach. Errors: INVALID_ARGUMENT for a name with a slash in it; NOT_FOUND.
Result<UniqueFd> OpenGuestProgram(const std::string& name);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONTAINER_GUEST_PROGRAM_H_
