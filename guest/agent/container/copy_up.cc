#include "guest/agent/container/copy_up.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "base/unique_fd.h"

namespace virtcontainers::guest {

namespace {

constexpr size_t kMaxFiles = 65536;
constexpr int kMaxDepth = 64;
constexpr size_t kMaxAttributes = 64 << 10;  // XATTR_LIST_MAX and XATTR_SIZE_MAX of the kernel

// A directory on either side, and its path below the top for messages.
struct Pair {
  int from;
  int to;
  std::string path;
};

// A name in a directory that is held open, for calls that take a path.
std::string ProcPath(int directory, const std::string& name) {
  return "/proc/self/fd/" + std::to_string(directory) + "/" + name;
}

class Copier {
 public:
  explicit Copier(int top) : top_(top) {}

  Status CopyContent(const Pair& pair, int depth) {
    if (depth == 0) return Fail(Code::kResourceExhausted, Quoted(pair.path) + " is too deep to copy");
    VC_ASSIGN_OR_RETURN(const std::vector<std::string> names, Names(pair));
    for (const std::string& name : names) VC_RETURN_IF_ERROR(Copy(pair, name, depth));
    return {};
  }

 private:
  // All at once: what is copied meanwhile is not met again.
  Result<std::vector<std::string>> Names(const Pair& pair) {
    UniqueFd copy(::openat(pair.from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!copy) return FailErrno("open " + Quoted(pair.path));
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(copy.get()), ::closedir);
    if (!directory) return FailErrno("read " + Quoted(pair.path));
    (void)copy.release();
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(directory.get())) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (++files_ > kMaxFiles) {
        return Fail(Code::kResourceExhausted, "more than " + std::to_string(kMaxFiles) + " files to copy");
      }
      names.emplace_back(name);
      errno = 0;
    }
    if (errno != 0) return FailErrno("read " + Quoted(pair.path));
    return names;
  }

  Status Copy(const Pair& pair, const std::string& name, int depth) {
    const std::string path = pair.path + "/" + name;
    struct stat info {};
    if (::fstatat(pair.from, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0) {
      // It was removed meanwhile.
      if (errno == ENOENT) return {};
      return FailErrno("look at " + Quoted(path));
    }
    if (info.st_nlink > 1 && !S_ISDIR(info.st_mode)) {
      const auto [known, is_first] = linked_.emplace(std::pair(info.st_dev, info.st_ino), path);
      if (!is_first) {
        if (::linkat(top_, known->second.c_str() + 1, pair.to, name.c_str(), 0) == 0) return {};
        return FailErrno("link " + Quoted(path));
      }
    }
    switch (info.st_mode & S_IFMT) {
      case S_IFDIR:
        VC_RETURN_IF_ERROR(CopyDirectory(pair, name, depth));
        break;
      case S_IFLNK:
        VC_RETURN_IF_ERROR(CopyLink(pair, name));
        break;
      case S_IFREG:
        VC_RETURN_IF_ERROR(CopyFile(pair, name));
        break;
      default:
        if (::mknodat(pair.to, name.c_str(), info.st_mode & S_IFMT, info.st_rdev) < 0) {
          return FailErrno("make " + Quoted(path));
        }
    }
    return CopyAttributes(pair, name, info);
  }

  Status CopyDirectory(const Pair& pair, const std::string& name, int depth) {
    const std::string path = pair.path + "/" + name;
    if (::mkdirat(pair.to, name.c_str(), 0700) < 0) return FailErrno("make " + Quoted(path));
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV;
    const UniqueFd from(static_cast<int>(::syscall(SYS_openat2, pair.from, name.c_str(), &how, sizeof(how))));
    if (!from && errno == EXDEV) return {};
    if (!from) return FailErrno("open " + Quoted(path));
    const UniqueFd to(::openat(pair.to, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!to) return FailErrno("open " + Quoted(path));
    return CopyContent({from.get(), to.get(), path}, depth - 1);
  }

  static Status CopyLink(const Pair& pair, const std::string& name) {
    std::array<char, PATH_MAX> target{};
    const ssize_t size = ::readlinkat(pair.from, name.c_str(), target.data(), target.size() - 1);
    if (size >= 0 && ::symlinkat(target.data(), pair.to, name.c_str()) == 0) return {};
    return FailErrno("copy link " + Quoted(pair.path + "/" + name));
  }

  static Status CopyFile(const Pair& pair, const std::string& name) {
    const std::string path = pair.path + "/" + name;
    // It may have become something else, which must not be waited for.
    const UniqueFd from(::openat(pair.from, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat info {};
    if (!from || ::fstat(from.get(), &info) < 0) return FailErrno("open " + Quoted(path));
    if (!S_ISREG(info.st_mode)) return FailErrno("open " + Quoted(path), ESTALE);
    const UniqueFd to(
        ::openat(pair.to, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!to) return FailErrno("make " + Quoted(path));
    for (off_t left = info.st_size; left > 0;) {
      const ssize_t count = ::sendfile(to.get(), from.get(), nullptr, static_cast<size_t>(left));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return FailErrno("copy " + Quoted(path));
      if (count == 0) break;
      left -= count;
    }
    return {};
  }

  // The mode after the owner, whose change takes special bits away; the times last.
  static Status CopyAttributes(const Pair& pair, const std::string& name, const struct stat& info) {
    const std::string path = pair.path + "/" + name;
    if (::fchownat(pair.to, name.c_str(), info.st_uid, info.st_gid, AT_SYMLINK_NOFOLLOW) < 0) {
      return FailErrno("give " + Quoted(path) + " its owner");
    }
    if (!S_ISLNK(info.st_mode) && ::fchmodat(pair.to, name.c_str(), info.st_mode & 07777, 0) < 0) {
      return FailErrno("give " + Quoted(path) + " its mode");
    }
    VC_RETURN_IF_ERROR(CopyExtendedAttributes(pair, name));
    const std::array<timespec, 2> times{info.st_atim, info.st_mtim};
    if (::utimensat(pair.to, name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) < 0) {
      return FailErrno("give " + Quoted(path) + " its times");
    }
    return {};
  }

  // Those that a tmpfs can have: before Linux 6.6 these are "trusted.", "security." and access control lists.
  static Status CopyExtendedAttributes(const Pair& pair, const std::string& name) {
    const std::string from = ProcPath(pair.from, name), to = ProcPath(pair.to, name);
    std::vector<char> names(kMaxAttributes), value;
    const ssize_t size = ::llistxattr(from.c_str(), names.data(), names.size());
    if (size < 0 && (errno == ENOTSUP || errno == ENOENT)) return {};
    if (size < 0) return FailErrno("list the attributes of " + Quoted(pair.path + "/" + name));
    for (std::string_view rest(names.data(), static_cast<size_t>(size)); !rest.empty();) {
      const std::string attribute(rest.data());
      rest.remove_prefix(attribute.size() + 1);
      value.resize(kMaxAttributes);
      const ssize_t length = ::lgetxattr(from.c_str(), attribute.c_str(), value.data(), value.size());
      if (length < 0 && (errno == ENODATA || errno == ENOTSUP)) continue;
      if (length >= 0 &&
          ::lsetxattr(to.c_str(), attribute.c_str(), value.data(), static_cast<size_t>(length), 0) == 0) {
        continue;
      }
      if (errno == ENOTSUP) continue;
      return FailErrno("copy attribute " + Quoted(attribute) + " of " + Quoted(pair.path + "/" + name));
    }
    return {};
  }

  const int top_;
  size_t files_ = 0;
  std::map<std::pair<dev_t, ino_t>, std::string> linked_;  // to the path of its first name
};

}  // namespace

Status CopyUp(int from, int to) { return Copier(to).CopyContent({from, to, ""}, kMaxDepth); }

}  // namespace virtcontainers::guest
