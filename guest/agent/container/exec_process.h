// A further process of a container, or one in the guest's own root.

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONTAINER_EXEC_PROCESS_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONTAINER_EXEC_PROCESS_H_

#include "guest/agent/container/process_setup.h"

namespace virtcontainers::guest {

struct ExecPlan {
  ProcessPlan process;
  int init_pidfd = -1;  // the container's first process; -1: in the guest itself
};

// The body of the child, which is in the container's pid namespace and cgroup already. Never returns.
[[noreturn]] void RunExecProcess(const ExecPlan& plan);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONTAINER_EXEC_PROCESS_H_
