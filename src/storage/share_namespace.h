// A directory whose mounts exist in a mount namespace of their own. Host only.

#ifndef VIRTCONTAINERS_SRC_STORAGE_SHARE_NAMESPACE_H_
#define VIRTCONTAINERS_SRC_STORAGE_SHARE_NAMESPACE_H_

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// Holds the namespace; it is gone, with all its mounts, once no object and no process is in it. Thread-safe.
// This process stays in its own namespace: what must happen inside is done by threads that live for a moment.
// (mount_namespaces(7))
class ShareNamespace {
 public:
  // A copy of this process's mount namespace, with an empty tmpfs at `directory`, which exists. Mounts made
  // in the tmpfs later are seen by namespaces copied from this one. Errors: PermissionDenied without
  // CAP_SYS_ADMIN.
  static Result<ShareNamespace> Create(const std::string& directory);

  // The namespace that process `pid` is in, with the process's root as the directory.
  static Result<ShareNamespace> OfProcess(pid_t pid);

  // Runs `inside` on a thread of its own in the namespace and waits for it. Its working directory is the
  // namespace's root, and so is that of a process it starts.
  Status Run(const std::function<Status()>& inside) const;

  // What is shown of the host at one place of the directory.
  struct Entry {
    std::string source;      // a path in this process's namespace: a directory or a regular file
    std::string name;        // relative; the directories above are made, and it itself does not exist
    bool readonly = false;   // whatever is done inside
    bool recursive = true;   // with what is mounted below the source
    bool directory = false;  // nothing else will do
  };

  // Shows all of them, or none: nothing is left of those before one that fails. Nothing that is done to them
  // there reaches the sources' mounts. Errors: NotFound, InvalidArgument for what is neither directory nor
  // file, AlreadyExists for a name that is there.
  Status Attach(const std::vector<Entry>& entries) const;

  // Undoes Attach of everything below `name`, which is one part, also of something that is in use or half
  // attached.
  Status Detach(const std::string& name) const;

 private:
  ShareNamespace(UniqueFd mounts, UniqueFd directory)
      : mounts_(std::move(mounts)), directory_(std::move(directory)) {}

  UniqueFd mounts_;     // the namespace
  UniqueFd directory_;  // as it is seen inside
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_STORAGE_SHARE_NAMESPACE_H_
