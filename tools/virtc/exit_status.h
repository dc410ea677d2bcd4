// What virtc exits with when a command could not be run.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_EXIT_STATUS_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_EXIT_STATUS_H_

#include <string>
#include <vector>

#include "virtcontainers/error.h"

namespace virtc {

// The exit status for `error`, met while programs with these names were to be executed: 127 and 126 are the
// answer only for an error about one of them, for a missing pod is not a missing command.
int ExitStatusOf(const virtcontainers::Error& error, const std::vector<std::string>& programs);

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_EXIT_STATUS_H_
