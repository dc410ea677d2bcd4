// Programs of the host that are run at turns of a container's life. Host only.
// (OCI runtime-spec, config.md, "POSIX-platform Hooks"; runtime.md, "State")

#ifndef VIRTCONTAINERS_SRC_MONITOR_HOOKS_H_
#define VIRTCONTAINERS_SRC_MONITOR_HOOKS_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "virtcontainers/config.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// What hooks read from standard input: the container's state. `status` is "created", "running" or "stopped";
// `vm` is the process that the container runs in as far as the host sees it.
std::string HookState(const ContainerConfig& container, const char* status, pid_t vm);

// What the processes of hooks are called in the pod's journal, from the first hook on until the pod has
// stopped: a hook may leave some running.
inline constexpr char kHooksEffect[] = "hooks";

// The umask of hooks from now on: that of whoever started this process, and not its own. Not thread-safe.
void SetHookUmask(mode_t umask);

// Runs one hook to its end, with `state` as its standard input. It has the environment that it is configured
// with, and this process's mark (os/marked_process.h). Whatever it leaves running is not waited for, unless
// it takes too long: then all of its session is killed. Errors: Aborted for one that fails, with its path,
// its end and the last line of its standard error; NotFound, PermissionDenied for one that cannot be run;
// DeadlineExceeded.
Status RunHook(const Hook& hook, const std::string& state, Deadline deadline);

// All of them in order. The first that fails is the last; its error names the turn. Errors: Aborted for one
// that fails or cannot be run; DeadlineExceeded.
Status RunHooks(const char* turn, const std::vector<Hook>& hooks, const std::string& state,
                Deadline deadline);

// Of those that come too late to undo anything: all are run, and failures are logged.
void RunLateHooks(const char* turn, const std::vector<Hook>& hooks, const std::string& state,
                  Deadline deadline);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_HOOKS_H_
