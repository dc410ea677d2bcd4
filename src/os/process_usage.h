// What a process costs. Host only.

#ifndef VIRTCONTAINERS_SRC_OS_PROCESS_USAGE_H_
#define VIRTCONTAINERS_SRC_OS_PROCESS_USAGE_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>

#include "virtcontainers/error.h"

namespace virtcontainers {

struct ProcessUsage {
  std::chrono::nanoseconds cpu{};  // user and system, of all its threads, those that ended included
  uint64_t resident = 0;           // bytes
  uint64_t proportional = 0;       // bytes; the resident ones where the kernel does not tell (proc(5))
};

// Errors: NotFound for a process that has ended.
Result<ProcessUsage> ReadProcessUsage(pid_t pid);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_PROCESS_USAGE_H_
