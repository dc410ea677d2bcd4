// A directory or a file of the host that is to be shown in a share. Host only.

#ifndef VIRTCONTAINERS_SRC_STORAGE_SHARE_SOURCE_H_
#define VIRTCONTAINERS_SRC_STORAGE_SHARE_SOURCE_H_

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

struct ShareSourceOptions {
  bool readonly = false;   // nothing can be written through the share
  bool recursive = true;   // with what is mounted below
  bool directory = false;  // a file is refused
};

class ShareSource {
 public:
  // Looks up `path` in the mount namespace of the calling thread; symbolic links are followed, as mount(8)
  // does. Errors: NotFound; InvalidArgument for what is neither a directory nor a regular file.
  static Result<ShareSource> Open(const std::string& path, const ShareSourceOptions& options);

  const std::string& path() const { return path_; }
  bool is_directory() const { return S_ISDIR(mode_); }

  // Two sources of equal identity show the same files with the same rights, so that one copy serves both.
  const std::string& identity() const { return identity_; }

  // Whether `found`, as fstatat(2) gives it, is this directory or file.
  bool Is(const struct stat& found) const { return found.st_dev == device_ && found.st_ino == inode_; }

  // A copy of the mounts, attached nowhere yet. What is done to the copy does not reach the original; what
  // the host mounts below the original later reaches the copy where the host's mounts are shared. Errors:
  // PermissionDenied without CAP_SYS_ADMIN.
  Result<UniqueFd> CopyMounts() const;

 private:
  ShareSource() = default;

  std::string path_;
  ShareSourceOptions options_;
  UniqueFd fd_;  // O_PATH
  mode_t mode_ = 0;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::string identity_;
};

// What decides, beside the inode at `path`, what a copy of the mounts there shows: the options and the
// propagation of mount `id`, which `path` is on, and, for a recursive copy, every mount below `path`.
// `mountinfo` is a file as proc(5) describes it. `path` is absolute and has no symbolic links. Pure.
std::string DescribeMounts(std::string_view mountinfo, uint64_t id, std::string_view path, bool recursive);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_STORAGE_SHARE_SOURCE_H_
