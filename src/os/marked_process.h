// Finding processes by a mark in their environment. Host only.

#ifndef VIRTCONTAINERS_SRC_OS_MARKED_PROCESS_H_
#define VIRTCONTAINERS_SRC_OS_MARKED_PROCESS_H_

#include <string>
#include <vector>

#include "virtcontainers/error.h"
#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

// A monitor is started with this variable, whose value is its pod's alone, and so is every process that it
// starts. A process is marked before its pid can be known to anybody: whoever finds the mark has missed none.
inline constexpr char kPodMark[] = "VIRTCONTAINERS_POD";

// This process's environment with the mark `value`, for one that is to be started with it.
std::vector<std::string> MarkedEnvironment(const std::string& value);

struct MarkedProcess {
  ProcessIdentity process;
  std::string mark;
};

// The processes that were started with a mark that begins with `prefix` and run now, as far as this one may
// look at them. It is not among them itself.
Result<std::vector<MarkedProcess>> FindProcessesMarkedLike(const std::string& prefix);

// Those with just that mark.
Result<std::vector<ProcessIdentity>> FindMarkedProcesses(const std::string& value);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_MARKED_PROCESS_H_
