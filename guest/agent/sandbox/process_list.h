// The processes of a container, as proc(5) and its cgroup tell.

#ifndef VIRTCONTAINERS_GUEST_AGENT_SANDBOX_PROCESS_LIST_H_
#define VIRTCONTAINERS_GUEST_AGENT_SANDBOX_PROCESS_LIST_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "guest.pb.h"
#include "guest/agent/container/cgroup.h"
#include "guest/agent/link/connection.h"
#include "guest/agent/os/event_loop.h"

namespace virtcontainers::guest {

// Answers with the processes of the cgroup and of those below it, zombies included. `init` is the container's
// first process, 0 where it has ended. Looks at some processes in each turn of the loop.
void ListProcesses(EventLoop& loop, Call call, const Cgroup& cgroup, pid_t init);

// The processes of the cgroup and of those below it, without zombies; some thousands at most.
std::set<pid_t> ProcessesOf(const Cgroup& cgroup);

// Of /proc/PID/stat.
struct ProcessTimes {
  uint64_t cpu = 0;    // clock ticks
  uint64_t start = 0;  // clock ticks since boot
};
// A name in the second field may be anything, brackets and blanks included. Nothing for what is cut short.
std::optional<ProcessTimes> ParseProcessTimes(std::string_view stat);

// Of /proc/PID/status.
struct ProcessStatus {
  std::string name;
  std::string state;
  pid_t parent = 0;  // in the reader's pid namespace
  uint32_t uid = 0;  // effective
  uint32_t gid = 0;
  uint64_t resident = 0;    // bytes
  std::vector<pid_t> pids;  // in the pid namespaces from the reader's inwards
};
ProcessStatus ParseProcessStatus(std::string_view status);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_SANDBOX_PROCESS_LIST_H_
