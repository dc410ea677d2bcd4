#include "guest/agent/os/rooted_path.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/errors.h"

namespace virtcontainers::guest {

namespace {

// The kernel answers EAGAIN when something was renamed while it looked: a hostile tree can keep that up.
constexpr int kMaxAttempts = 64;

int OpenInRoot(int root, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const char* name = path.empty() ? "." : path.c_str();
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    const long fd = ::syscall(SYS_openat2, root, name, &how, sizeof(how));
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) return static_cast<int>(fd);
  }
  return -1;
}

Status CheckPath(std::string_view path) {
  if (path.size() >= 4096) return Fail(Code::kInvalidArgument, "a path is longer than 4095 bytes");
  if (path.find('\0') != std::string_view::npos) return Fail(Code::kInvalidArgument, "a path holds a NUL");
  return {};
}

}  // namespace

Result<RootedPath> RootedPath::Open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return FailErrno("open " + Quoted(path));
  return RootedPath(std::move(fd));
}

Result<UniqueFd> RootedPath::Open(std::string_view path, int flags) const {
  VC_RETURN_IF_ERROR(CheckPath(path));
  UniqueFd fd(OpenInRoot(fd_.get(), std::string(path), flags));
  if (!fd) return FailErrno("open " + Quoted(path));
  return fd;
}

Result<UniqueFd> RootedPath::MakeDirectory(std::string_view path, mode_t mode) const {
  VC_RETURN_IF_ERROR(CheckPath(path));
  UniqueFd found(OpenInRoot(fd_.get(), std::string(path), O_PATH | O_DIRECTORY));
  if (found) return found;
  if (errno != ENOENT) return FailErrno("open directory " + Quoted(path));

  UniqueFd parent(OpenInRoot(fd_.get(), "", O_PATH | O_DIRECTORY));
  if (!parent) return FailErrno("open the root");
  size_t begin = 0;
  while (begin < path.size()) {
    size_t end = path.find('/', begin);
    if (end == std::string_view::npos) end = path.size();
    const std::string name(path.substr(begin, end - begin));
    begin = end + 1;
    if (name.empty() || name == ".") continue;
    // From the root each time: a link or ".." in the middle counts from there.
    const std::string prefix(path.substr(0, end));
    UniqueFd next(OpenInRoot(fd_.get(), prefix, O_PATH | O_DIRECTORY));
    if (!next && errno == ENOENT) {
      if (::mkdirat(parent.get(), name.c_str(), mode) < 0 && errno != EEXIST) {
        return FailErrno("make directory " + Quoted(prefix));
      }
      next.reset(OpenInRoot(fd_.get(), prefix, O_PATH | O_DIRECTORY));
    }
    if (!next) return FailErrno("open directory " + Quoted(prefix));
    parent = std::move(next);
  }
  return parent;
}

Result<UniqueFd> RootedPath::MakeParent(std::string_view path, std::string* name) const {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  *name = path.substr(slash == std::string_view::npos ? 0 : slash + 1);
  if (name->empty() || *name == "." || *name == "..") {
    return Fail(Code::kInvalidArgument, Quoted(path) + " does not name a file");
  }
  return MakeDirectory(slash == std::string_view::npos ? "" : path.substr(0, slash));
}

Result<UniqueFd> RootedPath::MakeFile(std::string_view path) const {
  VC_RETURN_IF_ERROR(CheckPath(path));
  UniqueFd found(OpenInRoot(fd_.get(), std::string(path), O_PATH));
  if (found) return found;
  if (errno != ENOENT) return FailErrno("open " + Quoted(path));
  std::string name;
  VC_ASSIGN_OR_RETURN(const UniqueFd parent, MakeParent(path, &name));
  UniqueFd made(
      ::openat(parent.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!made && errno != EEXIST) return FailErrno("create " + Quoted(path));
  return Open(path, O_PATH);
}

}  // namespace virtcontainers::guest
