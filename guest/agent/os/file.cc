#include "guest/agent/os/file.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "base/errors.h"

namespace virtcontainers::guest {

namespace {

Status WriteAll(int fd, const std::string& path, std::string_view content) {
  while (!content.empty()) {
    const ssize_t count = ::write(fd, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FailErrno("write " + Quoted(path));
    content.remove_prefix(static_cast<size_t>(count));
  }
  return {};
}

// `depth` bounds the recursion, and with it the descriptors that are open at once.
Status RemoveEntriesOf(int dir_fd, const std::string& path, dev_t device, int depth) {
  if (depth == 0) return Fail(Code::kResourceExhausted, Quoted(path) + " is too deep to remove");
  DIR* dir = ::fdopendir(dir_fd);
  if (dir == nullptr) {
    ::close(dir_fd);
    return FailErrno("read directory " + Quoted(path));
  }
  Status status;
  while (const dirent* entry = ::readdir(dir)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (::unlinkat(::dirfd(dir), entry->d_name, 0) == 0) continue;
    struct stat info;
    UniqueFd child(::openat(::dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    const std::string child_path = path + "/" + entry->d_name;
    if (!child || ::fstat(child.get(), &info) < 0) {
      status = FailErrno("remove " + Quoted(child_path));
      continue;
    }
    if (info.st_dev != device) {
      status = Fail(Code::kFailedPrecondition, Quoted(child_path) + " is still mounted");
      continue;
    }
    if (auto below = RemoveEntriesOf(child.release(), child_path, device, depth - 1); !below) status = below;
    if (::unlinkat(::dirfd(dir), entry->d_name, AT_REMOVEDIR) < 0 && status) {
      status = FailErrno("remove " + Quoted(child_path));
    }
  }
  ::closedir(dir);
  return status;
}

}  // namespace

Result<std::string> ReadAll(int fd, size_t limit) {
  std::string content;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FailErrno("read");
    if (count == 0) return content;
    if (content.size() + static_cast<size_t>(count) > limit) {
      return Fail(Code::kResourceExhausted, "file is larger than " + std::to_string(limit) + " bytes");
    }
    content.append(buffer.data(), static_cast<size_t>(count));
  }
}

Result<std::string> ReadFileAt(int dir, const std::string& path, size_t limit) {
  UniqueFd fd(::openat(dir, path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return FailErrno("open " + Quoted(path));
  auto content = ReadAll(fd.get(), limit);
  if (!content) content.error().AddContext("read " + Quoted(path));
  return content;
}

Result<std::string> ReadFile(const std::string& path, size_t limit) {
  return ReadFileAt(AT_FDCWD, path, limit);
}

Status WriteFileAt(int dir, const std::string& path, std::string_view content) {
  // In a container that has no /proc of its own, its image may have a FIFO there.
  UniqueFd fd(::openat(dir, path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return FailErrno("open " + Quoted(path));
  const ssize_t count = ::write(fd.get(), content.data(), content.size());
  if (count < 0) return FailErrno("write " + Quoted(content) + " to " + Quoted(path));
  return {};
}

Status WriteFile(const std::string& path, std::string_view content) {
  return WriteFileAt(AT_FDCWD, path, content);
}

Status CreateFile(const std::string& path, std::string_view content, mode_t mode) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (!fd) return FailErrno("create " + Quoted(path));
  return WriteAll(fd.get(), path, content);
}

Status MakeDirectories(const std::string& path, mode_t mode) {
  // Most of the time it is there, or only its last part is missing.
  if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return {};
  for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (::mkdir(part.c_str(), mode) < 0 && errno != EEXIST) {
      return FailErrno("make directory " + Quoted(part));
    }
  }
  if (::mkdir(path.c_str(), mode) < 0 && errno != EEXIST) return FailErrno("make directory " + Quoted(path));
  return {};
}

Status RemoveTree(const std::string& path) {
  struct stat info;
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && errno == ENOENT) return {};
  if (!fd || ::fstat(fd.get(), &info) < 0) return FailErrno("open " + Quoted(path));
  VC_RETURN_IF_ERROR(RemoveEntriesOf(fd.release(), path, info.st_dev, 64));
  if (::rmdir(path.c_str()) < 0 && errno != ENOENT) return FailErrno("remove " + Quoted(path));
  return {};
}

}  // namespace virtcontainers::guest
