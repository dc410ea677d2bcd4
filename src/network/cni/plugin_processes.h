// The processes that belong to calls of plugins, the plugins' own children included. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_CNI_PLUGIN_PROCESSES_H_
#define VIRTCONTAINERS_SRC_NETWORK_CNI_PLUGIN_PROCESSES_H_

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"
#include "virtcontainers/hypervisor.h"

namespace virtcontainers::cni {

// Plugins are started with this variable, which their children inherit. Its value is the attachment's:
// AttachmentMark.
inline constexpr char kCallVariable[] = "VIRTCONTAINERS_CNI_CALL";

// What tells the processes of one attachment from all others on the host.
std::string AttachmentMark(const std::string& network, const std::string& container,
                           const std::string& interface);

// The processes that run, and were started with this mark or belong to the session of the process `session`,
// unless that is 0. Reads /proc once. Errors: those of reading /proc.
Result<std::vector<ProcessIdentity>> FindPluginProcesses(const std::string& mark, pid_t session);

// Kills them until there are none: one that is killed may just be starting another. Blocks until they are
// gone. Errors: DeadlineExceeded, PermissionDenied.
Status KillPluginProcesses(const std::string& mark, pid_t session, Deadline deadline);

// Waits until no process has the mark; those that remain after `grace` are killed. For the plugins of a
// caller that was killed: they do not notice, and would allocate what has just been released. Errors: as
// KillPluginProcesses.
Status EndPluginProcesses(const std::string& mark, std::chrono::milliseconds grace, Deadline deadline);

}  // namespace virtcontainers::cni

#endif  // VIRTCONTAINERS_SRC_NETWORK_CNI_PLUGIN_PROCESSES_H_
