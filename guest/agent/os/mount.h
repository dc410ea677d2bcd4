// Mounts by the descriptor-based calls (fsopen, open_tree, move_mount): a mount is made detached, gets its
// attributes, and is attached to a directory that is held open. No path is resolved twice.

#ifndef VIRTCONTAINERS_GUEST_AGENT_OS_MOUNT_H_
#define VIRTCONTAINERS_GUEST_AGENT_OS_MOUNT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// A new instance of file system `type`, detached. `data` are its options, "key" or "key=value"; `attributes`
// are MOUNT_ATTR_*. Errors carry what the file system itself says about a bad option. Blocks as long as
// mounting does.
Result<UniqueFd> NewFileSystem(const std::string& type, const std::string& source,
                               const std::vector<std::string>& data, uint64_t attributes);

// A detached copy of the mount that `fd` (O_PATH will do) is on, from there down.
Result<UniqueFd> CloneMount(int fd, bool recursive);

// Sets and clears MOUNT_ATTR_* of an attached or detached mount.
Status SetMountAttributes(int mount_fd, uint64_t set, uint64_t clear, bool recursive);
// `propagation` is MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE.
Status SetMountPropagation(int mount_fd, uint64_t propagation, bool recursive);

// Attaches a detached mount on the file or directory `target_fd`.
Status AttachMount(int mount_fd, int target_fd);

// NewFileSystem and AttachMount on a path of the agent's own root, the directory being made if missing.
Status MountAt(const std::string& type, const std::string& source, const std::string& path,
               const std::vector<std::string>& data, uint64_t attributes);

// Unmounts what is mounted at `path` last, at once for everybody who looks and for good when its last user
// goes. Nothing mounted there is fine.
void DetachMount(const std::string& path);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_OS_MOUNT_H_
