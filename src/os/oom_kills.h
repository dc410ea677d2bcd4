// Processes that the kernel has killed for lack of memory. Host only.

#ifndef VIRTCONTAINERS_SRC_OS_OOM_KILLS_H_
#define VIRTCONTAINERS_SRC_OS_OOM_KILLS_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace virtcontainers {

// The memory cgroup of a process, and how many processes in it the kernel had killed for lack of memory when
// this was made: the cgroup's own memory, that of a cgroup above it, or the host's. With cgroups of version 1
// or 2; without either, nothing is known.
class OomKills {
 public:
  // Of the calling process, whose children are in the same cgroup.
  OomKills() : OomKills(0) {}
  explicit OomKills(pid_t process);

  // If there were more since: what happened and what to do about it, to be put after "killed by signal 9: ".
  // Empty otherwise. It may have been another process of the cgroup.
  std::string Since() const;

 private:
  std::string cgroup_;  // as /proc/PID/cgroup has it
  std::string file_;    // that counts
  std::optional<uint64_t> before_;
};

// The file that counts the kills in a process's memory cgroup, and the cgroup's path: `cgroups` is the
// content of /proc/PID/cgroup, and `mountinfo` that of /proc/self/mountinfo. Nothing if the cgroup is not to
// be seen below a mount. Pure. (cgroups(7), proc(5))
struct OomKillFile {
  std::string cgroup, file;
};
std::optional<OomKillFile> FindOomKillFile(std::string_view cgroups, std::string_view mountinfo);

// The number on the line "oom_kill 3" of memory.events or memory.oom_control.
std::optional<uint64_t> ParseOomKills(std::string_view text);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_OOM_KILLS_H_
