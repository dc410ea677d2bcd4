// Finding processes by a mark in their environment. Host only.

#ifndef VIRTCONTAINERS_SRC_OS_MARKED_PROCESS_H_
#define VIRTCONTAINERS_SRC_OS_MARKED_PROCESS_H_

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"
#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

// A monitor is started with this variable, whose value names its pod (pod/pod_mark.h), and so is every
// process that it starts. A process is marked before anybody can know its pid: no search by the mark misses
// one.
inline constexpr char kPodMark[] = "VIRTCONTAINERS_POD";

// `environment` with the mark `value`, and no other.
std::vector<std::string> WithMark(std::vector<std::string> environment, const std::string& value);

// This process's environment with the mark `value`, for one that is to be started with it.
std::vector<std::string> MarkedEnvironment(const std::string& value);

// The mark that this process was started with; empty if there is none.
std::string OwnMark();

struct MarkedProcess {
  ProcessIdentity process;
  std::string mark;
};

// The variables that a process was started with, each with a NUL at its end; empty for a zombie and for a
// thread of the kernel. Waits for a program that is just being executed, and has none yet. Errors: those of
// reading.
Result<std::string> ReadEnvironment(pid_t pid);

using MarkFilter = std::function<bool(std::string_view mark)>;

// The processes that run and were started with a mark that `wanted` accepts, as far as this process may look
// at them. It is not among them itself. Reads /proc once. Errors: those of reading; then some may have been
// missed.
Result<std::vector<MarkedProcess>> FindMarkedProcesses(const MarkFilter& wanted);

// Whether that very process runs and was started with a mark that `wanted` accepts. Errors: those of reading
// /proc; then nothing is known.
Result<bool> IsMarked(const ProcessIdentity& process, const MarkFilter& wanted);

// Kills all processes that FindMarkedProcesses finds, until it finds none: one that is killed may just be
// starting another. Errors: DeadlineExceeded; PermissionDenied.
Status KillMarkedProcesses(const MarkFilter& wanted, Deadline deadline);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_MARKED_PROCESS_H_
