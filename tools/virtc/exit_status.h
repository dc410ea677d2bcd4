// What virtc exits with when a command could not be run.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_EXIT_STATUS_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_EXIT_STATUS_H_

#include "virtcontainers/error.h"

namespace virtc {

// 127 for a command that is not in the container, 126 for one that cannot be executed, and 125 for every
// other error.
int ExitStatusOf(const virtcontainers::Error& error);

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_EXIT_STATUS_H_
