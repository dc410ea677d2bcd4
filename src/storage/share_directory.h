// What a share is made of: names in one directory, each of them a mount or a mark. Host only.

#ifndef VIRTCONTAINERS_SRC_STORAGE_SHARE_DIRECTORY_H_
#define VIRTCONTAINERS_SRC_STORAGE_SHARE_DIRECTORY_H_

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "storage/share_source.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// The directory is a tmpfs whose mount is read-only: virtiofsd, and so the guest, can change nothing in it.
// This changes it through a copy of that mount that can be written. To be used by a thread in the share's
// mount namespace (ShareNamespace::Run) only. Every name is one part of a path.
class ShareDirectory {
 public:
  // `fd` is the directory as it is seen inside; it outlives this.
  static Result<ShareDirectory> Open(int fd);

  // Makes the mounts of the thread's namespace slaves of those they were copied from, and mounts the tmpfs at
  // `path`. Mounts that are made in it later are seen by namespaces copied from this one. Errors:
  // PermissionDenied without CAP_SYS_ADMIN.
  static Status Mount(const std::string& path);

  // Shows `source` as `name`; `mounts` are its copied mounts, made in its own mount namespace. Nothing is
  // left of it after a failure. Errors: AlreadyExists for a name that is there.
  Status Attach(const std::string& name, const ShareSource& source, const UniqueFd& mounts) const;
  // Undoes Attach, also of something that is in use or half attached. One that is not there is no error.
  Status Detach(const std::string& name) const;
  // Whether `name` shows what `source` is.
  bool Shows(const std::string& name, const ShareSource& source) const;

  // An empty file, which means something to the caller. One that is there, or is not there, is no error.
  Status Mark(const std::string& name) const;
  Status Unmark(const std::string& name) const;

  Result<std::vector<std::string>> Names() const;

 private:
  ShareDirectory(int seen, UniqueFd writable) : seen_(seen), writable_(std::move(writable)) {}

  int seen_;
  UniqueFd writable_;  // the same directory
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_STORAGE_SHARE_DIRECTORY_H_
