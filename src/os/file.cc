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
#include "os/own_file.h"

namespace virtcontainers {
namespace {

// Not blocking: a fifo would keep us until somebody writes to it.
Result<UniqueFd> OpenRegular(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) return FailErrno("open " + Quoted(path));
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return FailErrno("stat " + Quoted(path));
  if (!S_ISREG(info.st_mode)) return Fail(Code::kInvalidArgument, Quoted(path) + " is not a regular file");
  return fd;
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using UniqueDirectory = std::unique_ptr<DIR, CloseDirectory>;

Result<std::vector<std::string>> Names(UniqueDirectory directory, const std::string& shown) {
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) {
      if (errno != 0) return FailErrno("read directory " + Quoted(shown));
      break;
    }
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

Status WriteNewFileAt(int directory, const std::string& name, const std::string& shown,
                      std::string_view content, mode_t mode) {
  const UniqueFd fd(
      ::openat(directory, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!fd) return FailErrno("create " + Quoted(shown));
  Status written = WriteAll(fd.get(), content);
  // Files for others are for them whatever this process's umask is.
  if (written && (mode & 077) != 0 && ::fchmod(fd.get(), mode) != 0) written = FailErrno("chmod");
  if (written && ::fsync(fd.get()) != 0) written = FailErrno("fsync");
  if (!written) {
    ::unlinkat(directory, name.c_str(), 0);
    return Fail(std::move(written.error()).AddContext("write " + Quoted(shown)));
  }
  return {};
}

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
  // A directory that its owner may not read or change is removed, too.
  if ((info.st_mode & S_IRWXU) != S_IRWXU) (void)::fchmodat(parent, name, S_IRWXU, 0);
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
  VC_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(std::move(copy), shown));
  for (const std::string& name : names) {
    VC_RETURN_IF_ERROR(RemoveEntry(directory_fd, name.c_str(), device, shown + "/" + name));
  }
  return {};
}

}  // namespace

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
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

Result<std::string> ReadTail(int fd, const std::string& path, size_t max) {
  struct stat info;
  if (::fstat(fd, &info) != 0) return FailErrno("stat " + Quoted(path));
  if (info.st_size > static_cast<off_t>(max)) ::lseek(fd, info.st_size - static_cast<off_t>(max), SEEK_SET);
  std::string content(max, '\0');
  size_t filled = 0;
  while (filled < max) {
    const ssize_t got = ::read(fd, content.data() + filled, max - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno("read " + Quoted(path));
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  content.resize(filled);
  return content;
}

Result<std::string> ReadFile(const std::string& path, size_t max) {
  VC_ASSIGN_OR_RETURN(const UniqueFd fd, OpenRegular(path));
  return ReadAll(fd.get(), path, max);
}

Result<std::string> ReadFileTail(const std::string& path, size_t max) {
  VC_ASSIGN_OR_RETURN(const UniqueFd fd, OpenRegular(path));
  return ReadTail(fd.get(), path, max);
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
  VC_ASSIGN_OR_RETURN(const UniqueFd directory, OpenOwnDirectory(ParentOf(path)));
  return WriteNewFileAt(directory.get(), NameOf(path), path, content, mode);
}

Status WriteFileAtomically(const std::string& path, std::string_view content, mode_t mode) {
  // Unique among this process's threads and among processes. The draft of a process that died is removed by
  // the pod's next caller.
  static std::atomic<unsigned> counter{0};
  const std::string name = NameOf(path);
  const std::string draft =
      name + ".tmp." + std::to_string(::getpid()) + "." + std::to_string(counter.fetch_add(1));
  VC_ASSIGN_OR_RETURN(const UniqueFd directory, OpenOwnDirectory(ParentOf(path)));
  ::unlinkat(directory.get(), draft.c_str(), 0);
  VC_RETURN_IF_ERROR(WriteNewFileAt(directory.get(), draft, path, content, mode));
  if (::renameat(directory.get(), draft.c_str(), directory.get(), name.c_str()) != 0) {
    const int saved = errno;
    ::unlinkat(directory.get(), draft.c_str(), 0);
    return FailErrno("replace " + Quoted(path), saved);
  }
  if (::fsync(directory.get()) != 0) return FailErrno("fsync " + Quoted(ParentOf(path)));
  return {};
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
  UniqueDirectory directory(::opendir(path.c_str()));
  if (!directory) return FailErrno("open directory " + Quoted(path));
  return Names(std::move(directory), path);
}

Result<std::vector<std::string>> ListDirectory(UniqueFd opened, const std::string& path) {
  UniqueDirectory directory(::fdopendir(opened.get()));
  if (!directory) return FailErrno("open directory " + Quoted(path));
  opened.release();
  return Names(std::move(directory), path);
}

Status RemoveTree(const std::string& path) {
  const std::string trimmed = path.substr(0, path.find_last_not_of('/') + 1);
  const std::string name = trimmed.substr(trimmed.rfind('/') + 1);
  if (name.empty() || name == "." || name == "..") {
    return Fail(Code::kInvalidArgument,
                "remove " + Quoted(path) + ": the path names no entry of a directory");
  }
  const Result<UniqueFd> parent = OpenOwnDirectory(ParentOf(trimmed));
  if (!parent && parent.error().code() == Code::kNotFound) return {};
  VC_RETURN_IF_ERROR(parent);
  struct stat info;
  if (::fstat(parent->get(), &info) != 0) return FailErrno("stat " + Quoted(ParentOf(trimmed)));
  return RemoveEntry(parent->get(), name.c_str(), info.st_dev, trimmed);
}

bool FileExists(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0;
}

bool EntryExists(const std::string& path) {
  struct stat info;
  return ::lstat(path.c_str(), &info) == 0;
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
