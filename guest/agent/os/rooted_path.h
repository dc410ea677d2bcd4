// Paths inside a root that somebody else fills: a container's rootfs, with whatever links its makers put
// there.

#ifndef VIRTCONTAINERS_GUEST_AGENT_OS_ROOTED_PATH_H_
#define VIRTCONTAINERS_GUEST_AGENT_OS_ROOTED_PATH_H_

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// Every name is resolved by the kernel (openat2, RESOLVE_IN_ROOT) as if the root were '/': neither "..", nor
// an absolute link, nor a rename while it looks leads out. Magic links of /proc are refused. The descriptors
// that come back are O_PATH ones, to be used as they are and never turned into a path again.
class RootedPath {
 public:
  // Opens the directory that is to be the root; `path` is in the agent's root and trusted.
  static Result<RootedPath> Open(const std::string& path);
  // `fd` is a directory.
  explicit RootedPath(UniqueFd fd) : fd_(std::move(fd)) {}

  int fd() const { return fd_.get(); }

  // Opens with `flags` (O_CLOEXEC is added). Links are followed, also the last one, unless O_NOFOLLOW is
  // there.
  Result<UniqueFd> Open(std::string_view path, int flags) const;

  // The directory, made with its parents (0755 and root's, as every container runtime does) where it is
  // missing.
  Result<UniqueFd> MakeDirectory(std::string_view path, mode_t mode = 0755) const;

  // The file, made empty, and its directories with it, where it is missing; what is there keeps its content.
  Result<UniqueFd> MakeFile(std::string_view path) const;

  // Opens the directory that holds the last name of `path`, made if missing, and gives that name. NUL, empty
  // and dot names are INVALID_ARGUMENT.
  Result<UniqueFd> MakeParent(std::string_view path, std::string* name) const;

 private:
  UniqueFd fd_;
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_OS_ROOTED_PATH_H_
