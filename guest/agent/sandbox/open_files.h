// The files of the share that a process has open, as proc(5) tells.

#ifndef VIRTCONTAINERS_GUEST_AGENT_SANDBOX_OPEN_FILES_H_
#define VIRTCONTAINERS_GUEST_AGENT_SANDBOX_OPEN_FILES_H_

#include <sys/types.h>

#include <cstddef>
#include <set>
#include <string_view>

namespace virtcontainers::guest {

// The devices of the file systems of type `type` in a /proc/PID/mountinfo.
std::set<dev_t> DevicesOfType(std::string_view mountinfo, std::string_view type);

// How many files of `devices` are in a /proc/PID/maps; a file that is mapped several times is one.
size_t CountMappedFiles(std::string_view maps, const std::set<dev_t>& devices);

struct OpenFiles {
  size_t descriptors = 0;  // of any kind
  size_t counted = 0;      // descriptors of files of `devices`, and such files that are mapped
};

// Asks nothing of the file systems themselves. A process that has ended has none.
OpenFiles CountOpenFiles(pid_t pid, const std::set<dev_t>& devices);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_SANDBOX_OPEN_FILES_H_
