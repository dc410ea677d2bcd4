// Paths inside a root that somebody else fills: a container's rootfs, with whatever links its makers put
// there. Shared by host and guest.

#ifndef VIRTCONTAINERS_SRC_OS_ROOTED_PATH_H_
#define VIRTCONTAINERS_SRC_OS_ROOTED_PATH_H_

#include <sys/types.h>

#include <set>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// Every name is resolved as if the root were '/': neither "..", nor an absolute link, nor a rename while it
// looks leads out. Magic links of /proc are refused. The descriptors that come back are O_PATH ones, to be
// used as they are and never turned into a path again. (openat2(2), RESOLVE_IN_ROOT)
//
// What the Make calls make belongs to the caller. Its mode does not depend on the umask: 0755, or 0644 for a
// file, as with every container runtime. A link that leads to nothing is followed: its target is made.
class RootedPath {
 public:
  enum class Kind { kDirectory, kFile };

  // Opens the directory that is to be the root; `path` is in the caller's own root and trusted.
  static Result<RootedPath> Open(const std::string& path);
  // `fd` is a directory.
  explicit RootedPath(UniqueFd fd) : fd_(std::move(fd)) {}

  int fd() const { return fd_.get(); }

  // Opens with `flags` (O_CLOEXEC is added). Links are followed, also the last one, unless O_NOFOLLOW is
  // there.
  Result<UniqueFd> Open(std::string_view path, int flags) const;

  // The directory, made with its parents where it is missing: `mode` is that of the parents, and `last_mode`
  // that of the directory itself.
  Result<UniqueFd> MakeDirectory(std::string_view path, mode_t mode = 0755) const {
    return MakeDirectory(path, mode, mode);
  }
  Result<UniqueFd> MakeDirectory(std::string_view path, mode_t mode, mode_t last_mode) const;

  // The file, made empty, and its directories with it, where it is missing. What is there, of whatever kind,
  // is opened as it is.
  Result<UniqueFd> MakeFile(std::string_view path) const;

  // Opens the directory that holds the last name of `path`, made if missing, and gives that name. NUL, empty
  // and dot names are InvalidArgument.
  Result<UniqueFd> MakeParent(std::string_view path, std::string* name) const;

  // Makes what MakeDirectory or MakeFile makes, and answers where it is: an absolute path without links and
  // dots. On the way it stops at a path in `covered` and answers that one: something will be mounted there,
  // and what is below is not in this root. `last_mode` is that of a directory, not of its parents.
  Result<std::string> MakePlace(std::string_view path, Kind kind, const std::set<std::string>& covered,
                                mode_t last_mode = 0755) const;

 private:
  UniqueFd fd_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_ROOTED_PATH_H_
