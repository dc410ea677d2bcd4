// The options of a mount as config.json writes them, sorted by what has to be done with each.

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONTAINER_MOUNT_OPTIONS_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONTAINER_MOUNT_OPTIONS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace virtcontainers::guest {

struct MountOptions {
  bool bind = false;
  bool recursive_bind = false;
  // MOUNT_ATTR_* for the mount itself, and for it with all that is mounted below it.
  uint64_t attributes = 0;
  uint64_t cleared = 0;
  uint64_t recursive_attributes = 0;
  uint64_t recursive_cleared = 0;
  // MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE; 0 leaves it.
  uint64_t propagation = 0;
  bool recursive_propagation = false;
  bool copy_up = false;  // "tmpcopyup": a tmpfs begins with what it covers
  // What the file system is told: "size=64k", "newinstance".
  std::vector<std::string> data;
};

// Every option that no mount knows is the file system's; which is then the one to refuse it.
MountOptions ParseMountOptions(const std::vector<std::string_view>& options);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONTAINER_MOUNT_OPTIONS_H_
