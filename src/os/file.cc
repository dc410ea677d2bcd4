#include "os/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "base/errors.h"

namespace virtcontainers {
namespace {

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Not blocking: a fifo would keep us until somebody writes to it.
Result<UniqueFd> OpenRegular(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) return FailErrno("open " + Quoted(path));
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return FailErrno("stat " + Quoted(path));
  if (!S_ISREG(info.st_mode)) return Fail(Code::kInvalidArgument, Quoted(path) + " is not a regular file");
  return fd;
}

Result<std::string> ReadAll(int fd, const std::string& path, size_t max) {
  std::string content;
  char buffer[16384];
  while (true) {
    const ssize_t got = ::read(fd, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno("read " + Quoted(path));
    if (got == 0) return content;
    if (content.size() + static_cast<size_t>(got) > max) {
      return Fail(Code::kResourceExhausted,
                  Quoted(path) + " is larger than " + std::to_string(max) + " bytes");
    }
    content.append(buffer, static_cast<size_t>(got));
  }
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using UniqueDirectory = std::unique_ptr<DIR, CloseDirectory>;

// A bind mount from the same file system has the same device number: the kernel has to be asked. Asked of the
// open directory, so that nothing can be mounted in between.
Result<bool> IsMountPoint(int directory_fd, dev_t device) {
  struct statx info;
  if (::statx(directory_fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &info) != 0) return FailErrno("statx");
  return (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0 ||
         makedev(info.stx_dev_major, info.stx_dev_minor) != device;
}

Status RemoveChildren(int directory_fd, dev_t device, const std::string& shown);

Status RemoveEntry(int parent, const char* name, dev_t device, const std::string& shown) {
  struct stat info;
  if (::fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return FailErrno("remove " + Quoted(shown));
  }
  if (!S_ISDIR(info.st_mode)) {
    if (::unlinkat(parent, name, 0) != 0 && errno != ENOENT) return FailErrno("remove " + Quoted(shown));
    return {};
  }
  UniqueFd fd(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return FailErrno("remove " + Quoted(shown));
  VC_ASSIGN_OR_RETURN(const bool mounted, IsMountPoint(fd.get(), device));
  if (mounted) {
    return Fail(Code::kFailedPrecondition,
                "remove " + Quoted(shown) + ": something is mounted there: unmount it first");
  }
  VC_RETURN_IF_ERROR(RemoveChildren(fd.get(), device, shown));
  if (::unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
    return FailErrno("remove " + Quoted(shown));
  return {};
}

Status RemoveChildren(int directory_fd, dev_t device, const std::string& shown) {
  UniqueFd copy(::fcntl(directory_fd, F_DUPFD_CLOEXEC, 0));
  if (!copy) return FailErrno("remove " + Quoted(shown));
  UniqueDirectory directory(::fdopendir(copy.get()));
  if (!directory) return FailErrno("remove " + Quoted(shown));
  copy.release();
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  for (const std::string& name : names) {
    VC_RETURN_IF_ERROR(RemoveEntry(directory_fd, name.c_str(), device, shown + "/" + name));
  }
  return {};
}

}  // namespace

Result<std::string> ReadFile(const std::string& path, size_t max) {
  VC_ASSIGN_OR_RETURN(const UniqueFd fd, OpenRegular(path));
  return ReadAll(fd.get(), path, max);
}

Result<std::string> ReadFileTail(const std::string& path, size_t max) {
  VC_ASSIGN_OR_RETURN(const UniqueFd fd, OpenRegular(path));
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return FailErrno("stat " + Quoted(path));
  if (info.st_size > static_cast<off_t>(max))
    ::lseek(fd.get(), info.st_size - static_cast<off_t>(max), SEEK_SET);
  std::string content(max, '\0');
  size_t filled = 0;
  while (filled < max) {
    const ssize_t got = ::read(fd.get(), content.data() + filled, max - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno("read " + Quoted(path));
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  content.resize(filled);
  return content;
}

Status WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return FailErrno("write");
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return {};
}

Status WriteNewFile(const std::string& path, std::string_view content, mode_t mode) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd) return FailErrno("create " + Quoted(path));
  Status written = WriteAll(fd.get(), content);
  if (written && ::fsync(fd.get()) != 0) written = FailErrno("fsync");
  if (!written) {
    ::unlink(path.c_str());
    return Fail(std::move(written.error()).AddContext("write " + Quoted(path)));
  }
  return {};
}

Status WriteFileAtomically(const std::string& path, std::string_view content, mode_t mode) {
  // Unique among this process's threads and among processes; what a dead process left is overwritten by
  // nobody and is removed with the directory.
  static std::atomic<unsigned> counter{0};
  const std::string temporary =
      path + ".tmp." + std::to_string(::getpid()) + "." + std::to_string(counter.fetch_add(1));
  ::unlink(temporary.c_str());
  VC_RETURN_IF_ERROR(WriteNewFile(temporary, content, mode));
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int saved = errno;
    ::unlink(temporary.c_str());
    return FailErrno("replace " + Quoted(path), saved);
  }
  return SyncDirectory(ParentOf(path));
}

Status MakeDirectories(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0) return {};
  if (errno == EEXIST) {
    if (IsDirectory(path)) return {};
    return Fail(Code::kInvalidArgument, Quoted(path) + " is not a directory");
  }
  if (errno != ENOENT || path.empty() || path == "/") return FailErrno("create directory " + Quoted(path));
  VC_RETURN_IF_ERROR(MakeDirectories(ParentOf(path), mode));
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST)
    return FailErrno("create directory " + Quoted(path));
  return {};
}

Status SyncDirectory(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return FailErrno("open " + Quoted(path));
  if (::fsync(fd.get()) != 0) return FailErrno("fsync " + Quoted(path));
  return {};
}

Result<std::vector<std::string>> ListDirectory(const std::string& path) {
  const UniqueDirectory directory(::opendir(path.c_str()));
  if (!directory) return FailErrno("open directory " + Quoted(path));
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) {
      if (errno != 0) return FailErrno("read directory " + Quoted(path));
      break;
    }
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Status RemoveTree(const std::string& path) {
  const std::string trimmed = path.substr(0, path.find_last_not_of('/') + 1);
  const std::string name = trimmed.substr(trimmed.rfind('/') + 1);
  if (name.empty() || name == "." || name == "..") {
    return Fail(Code::kInvalidArgument,
                "remove " + Quoted(path) + ": the path names no entry of a directory");
  }
  const UniqueFd parent(::open(ParentOf(trimmed).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent) {
    if (errno == ENOENT) return {};
    return FailErrno("open " + Quoted(ParentOf(trimmed)));
  }
  struct stat info;
  if (::fstat(parent.get(), &info) != 0) return FailErrno("stat " + Quoted(ParentOf(trimmed)));
  return RemoveEntry(parent.get(), name.c_str(), info.st_dev, trimmed);
}

bool FileExists(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0;
}

bool IsDirectory(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

bool IsExecutable(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

std::string FindProgram(const std::string& name) {
  if (name.empty()) return {};
  if (name.find('/') != std::string::npos) return IsExecutable(name) ? name : std::string();
  const char* path = ::getenv("PATH");
  std::string_view rest =
      path != nullptr ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  while (!rest.empty()) {
    const size_t colon = rest.find(':');
    const std::string candidate = std::string(rest.substr(0, colon)) + "/" + name;
    // An empty or relative entry means the working directory, which is none of ours.
    if (rest.front() == '/' && IsExecutable(candidate)) return candidate;
    rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
  }
  return {};
}

}  // namespace virtcontainers
