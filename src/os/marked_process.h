// Finding processes by a mark in their environment. Host only.

#ifndef VIRTCONTAINERS_SRC_OS_MARKED_PROCESS_H_
#define VIRTCONTAINERS_SRC_OS_MARKED_PROCESS_H_

#include <string>
#include <vector>

#include "virtcontainers/error.h"
#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

// A monitor sets this variable to its pod's run directory, for itself and so for every process that it
// starts. A process is marked before its pid can be known to anybody: whoever finds the mark has missed none.
inline constexpr char kPodMark[] = "VIRTCONTAINERS_POD";

// The processes that were started with the mark `value` and run now, as far as this one may look at them.
Result<std::vector<ProcessIdentity>> FindMarkedProcesses(const std::string& value);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_MARKED_PROCESS_H_
