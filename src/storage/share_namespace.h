// A directory whose mounts exist in a mount namespace of their own. Host only.

#ifndef VIRTCONTAINERS_SRC_STORAGE_SHARE_NAMESPACE_H_
#define VIRTCONTAINERS_SRC_STORAGE_SHARE_NAMESPACE_H_

#include <sys/types.h>

#include <functional>
#include <string>

#include "base/unique_fd.h"
#include "storage/share_directory.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// Holds the namespace; it is gone, with all its mounts, once no object and no process is in it. Thread-safe.
// This process stays in its own namespace: what must happen inside is done by threads that live for a moment.
// (mount_namespaces(7))
class ShareNamespace {
 public:
  // A copy of this process's mount namespace, with an empty ShareDirectory at `directory`, which exists.
  // Errors: PermissionDenied without CAP_SYS_ADMIN.
  static Result<ShareNamespace> Create(const std::string& directory);

  // The namespace that process `pid` is in, with the process's root as the directory.
  static Result<ShareNamespace> OfProcess(pid_t pid);

  // Runs `inside` on a thread of its own in the namespace and waits for it. Its working directory is the
  // namespace's root, and so is that of a process it starts.
  Status Run(const std::function<Status()>& inside) const;

  // The same, with the directory.
  Status Edit(const std::function<Status(const ShareDirectory&)>& edit) const;

 private:
  ShareNamespace(UniqueFd mounts, UniqueFd directory)
      : mounts_(std::move(mounts)), directory_(std::move(directory)) {}

  UniqueFd mounts_;     // the namespace
  UniqueFd directory_;  // as it is seen inside
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_STORAGE_SHARE_NAMESPACE_H_
