// Making child processes.

#ifndef VIRTCONTAINERS_GUEST_AGENT_OS_SPAWN_H_
#define VIRTCONTAINERS_GUEST_AGENT_OS_SPAWN_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>

#include "base/unique_fd.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

struct SpawnOptions {
  uint64_t flags = 0;  // CLONE_NEW*
  int cgroup_fd = -1;  // born in this cgroup v2, so that it is never outside it
  // Asked for another cgroup when the kernel refuses that one because it has given controllers to cgroups
  // below it: only these may have processes then. (Documentation/admin-guide/cgroup-v2.rst, "No Internal
  // Process Constraint")
  std::function<Result<UniqueFd>()> other_cgroup;
  int pid_namespace = -1;  // a namespace or a pidfd whose pid namespace the child is a member of
};

struct Child {
  pid_t pid = -1;
  UniqueFd pidfd;
};

// Runs `main` in a copy of this process (which has one thread, so the copy may allocate). It must not return;
// if it does the child exits with 127. No signal is blocked or caught in the child. The child is the caller's
// to collect. Must not be called while the caller's own pid namespace for children is not its own.
Result<Child> Spawn(const SpawnOptions& options, const std::function<void()>& main);

// A pipe for one of a child's standard streams: the agent's end does not block, the child's does. Both are
// closed on exec.
Status MakeStdioPipe(bool agent_reads, UniqueFd* agent_end, UniqueFd* child_end);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_OS_SPAWN_H_
