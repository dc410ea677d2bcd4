// The names the host gives to containers and processes.

#ifndef VIRTCONTAINERS_GUEST_AGENT_SANDBOX_IDS_H_
#define VIRTCONTAINERS_GUEST_AGENT_SANDBOX_IDS_H_

#include <string_view>

#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// A letter or a digit, then up to 127 of those, '_', '.', '-' and '+'. INVALID_ARGUMENT, naming `what`,
// otherwise: ids become names of directories and cgroups.
Status CheckId(std::string_view id, std::string_view what);

// Absolute, inside `parent`, without '.' and '..' in it.
Status CheckPathInside(std::string_view path, std::string_view parent);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_SANDBOX_IDS_H_
