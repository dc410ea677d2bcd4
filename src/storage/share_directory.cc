#include "storage/share_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "base/errors.h"
#include "storage/mount_error.h"

namespace virtcontainers {
namespace {

constexpr unsigned long kMountFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

}  // namespace

Status ShareDirectory::Mount(const std::string& path) {
  // Slaves: the host's unmounting reaches this namespace and keeps nothing busy, and nothing goes the other
  // way.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0)
    return FailMount("make the mounts slaves");
  // It holds nothing but directories and files to mount on.
  if (::mount("virtcontainers", path.c_str(), "tmpfs", kMountFlags, "mode=0755,size=1m") != 0) {
    return FailMount("mount a tmpfs at " + Quoted(path));
  }
  // The mount, not the file system: a copy of the mount can be made writable.
  if (::mount(nullptr, path.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | kMountFlags, nullptr) != 0) {
    return FailMount("make the tmpfs at " + Quoted(path) + " read-only");
  }
  // virtiofsd works in a copy of this namespace: it must be told of what is mounted later.
  if (::mount(nullptr, path.c_str(), nullptr, MS_SHARED, nullptr) != 0) {
    return FailMount("share the mounts at " + Quoted(path));
  }
  return {};
}

Result<ShareDirectory> ShareDirectory::Open(int fd) {
  UniqueFd writable(::open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
  if (!writable) return FailMount("copy the share's mount");
  mount_attr attributes{};
  attributes.attr_clr = MOUNT_ATTR_RDONLY;
  if (::mount_setattr(writable.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0) {
    return FailMount("make the share's mount writable");
  }
  return ShareDirectory(fd, std::move(writable));
}

Status ShareDirectory::Attach(const std::string& name, const ShareSource& source,
                              const UniqueFd& mounts) const {
  if (source.is_directory()) {
    if (::mkdirat(writable_.get(), name.c_str(), 0755) != 0) return FailErrno("make " + Quoted(name));
  } else {
    const UniqueFd file(
        ::openat(writable_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!file) return FailErrno("make " + Quoted(name));
  }
  if (::move_mount(mounts.get(), "", seen_, name.c_str(), MOVE_MOUNT_F_EMPTY_PATH) == 0) return {};
  tl::unexpected<Error> error = FailMount("mount " + Quoted(source.path()) + " in the share");
  (void)::unlinkat(writable_.get(), name.c_str(), source.is_directory() ? AT_REMOVEDIR : 0);
  return error;
}

Status ShareDirectory::Detach(const std::string& name) const {
  // umount2 takes no descriptor to start from.
  if (::fchdir(seen_) != 0) return FailErrno("enter the share");
  if (::umount2(name.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL && errno != ENOENT) {
    return FailMount("unmount " + Quoted(name));
  }
  if (::unlinkat(writable_.get(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
  if (errno == ENOTDIR && ::unlinkat(writable_.get(), name.c_str(), 0) == 0) return {};
  return FailErrno("remove " + Quoted(name));
}

bool ShareDirectory::Shows(const std::string& name, const ShareSource& source) const {
  struct stat found {};
  return ::fstatat(seen_, name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 && source.Is(found);
}

Status ShareDirectory::Mark(const std::string& name) const {
  const UniqueFd file(
      ::openat(writable_.get(), name.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0));
  if (!file) return FailErrno("make " + Quoted(name));
  return {};
}

Status ShareDirectory::Unmark(const std::string& name) const {
  if (::unlinkat(writable_.get(), name.c_str(), 0) == 0 || errno == ENOENT) return {};
  return FailErrno("remove " + Quoted(name));
}

Result<std::vector<std::string>> ShareDirectory::Names() const {
  // By descriptor: there may be no /proc in this namespace.
  UniqueFd copy(::openat(writable_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!copy) return FailErrno("open the share");
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(copy.get()), ::closedir);
  if (!directory) return FailErrno("read the share");
  (void)copy.release();
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  return names;
}

}  // namespace virtcontainers
