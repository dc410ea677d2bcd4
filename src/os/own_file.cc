#include "os/own_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/errors.h"
#include "os/file.h"

namespace virtcontainers {
namespace {

const char* KindOf(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return "a directory";
    case S_IFLNK:
      return "a symbolic link";
    case S_IFIFO:
      return "a fifo";
    case S_IFSOCK:
      return "a socket";
    default:
      return "a device";
  }
}

Status CheckOwn(const struct stat& info, const std::string& path) {
  if (!S_ISREG(info.st_mode)) {
    return Fail(Code::kDataLoss, Quoted(path) + " is " + KindOf(info.st_mode) + " and not a regular file");
  }
  if (info.st_uid != ::geteuid()) {
    return Fail(Code::kDataLoss, Quoted(path) + " belongs to user " + std::to_string(info.st_uid) +
                                     " and not to user " + std::to_string(::geteuid()));
  }
  return {};
}

// What is wrong with a file or a directory, as opposed to what this process lacks to open it.
bool IsDamage(int error) {
  return error == ELOOP || error == ENOTDIR || error == EISDIR || error == EACCES || error == EPERM ||
         error == ENXIO || error == ENODEV;
}

tl::unexpected<Error> FailToOpen(const std::string& path, int error) {
  if (!IsDamage(error)) return FailErrno("open " + Quoted(path), error);
  return Fail(Code::kDataLoss, ErrnoError("open " + Quoted(path), error).message());
}

}  // namespace

Result<UniqueFd> OpenOwnDirectory(const std::string& path) {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS;
  UniqueFd directory(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how)));
  if (!directory && errno == ELOOP) {
    return Fail(Code::kDataLoss, Quoted(path) + " is a symbolic link, or its path contains one");
  }
  if (!directory) return FailToOpen(path, errno);
  return directory;
}

Result<UniqueFd> OpenOwnFile(const std::string& path, int flags, mode_t mode) {
  Result<UniqueFd> directory = OpenOwnDirectory(ParentOf(path));
  if (!directory) return Fail(std::move(directory.error()).AddContext("open " + Quoted(path)));
  const std::string name = path.substr(path.rfind('/') + 1);
  // Looked at first: to open a device can be to set it going.
  struct stat info {};
  if (::fstatat(directory->get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
    VC_RETURN_IF_ERROR(CheckOwn(info, path));
  } else if (errno != ENOENT) {
    return FailToOpen(path, errno);
  }
  UniqueFd file(
      ::openat(directory->get(), name.c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, mode));
  if (!file) return FailToOpen(path, errno);
  if (::fstat(file.get(), &info) != 0) return FailErrno("stat " + Quoted(path));
  VC_RETURN_IF_ERROR(CheckOwn(info, path));
  return file;
}

Result<UniqueFd> OpenOrReplaceOwnFile(const std::string& path, int flags) {
  // Truncated, a file that has another name elsewhere would lose what others see there.
  const bool truncate = (flags & O_TRUNC) != 0;
  if (!truncate) {
    Result<UniqueFd> file = OpenOwnFile(path, flags | O_CREAT);
    if (file || file.error().code() != Code::kDataLoss) return file;
  }
  VC_RETURN_IF_ERROR(RemoveTree(path));
  return OpenOwnFile(path, (flags & ~O_TRUNC) | O_CREAT);
}

Result<std::string> ReadOwnFile(const std::string& path, size_t max) {
  VC_ASSIGN_OR_RETURN(const UniqueFd file, OpenOwnFile(path, O_RDONLY));
  Result<std::string> content = ReadAll(file.get(), path, max);
  if (content || content.error().code() != Code::kResourceExhausted) return content;
  return Fail(Code::kDataLoss, content.error().message());
}

Result<std::string> ReadOwnFileTail(const std::string& path, size_t max) {
  VC_ASSIGN_OR_RETURN(const UniqueFd file, OpenOwnFile(path, O_RDONLY));
  return ReadTail(file.get(), path, max);
}

Result<std::vector<std::string>> ListOwnDirectory(const std::string& path) {
  VC_ASSIGN_OR_RETURN(UniqueFd directory, OpenOwnDirectory(path));
  return ListDirectory(std::move(directory), path);
}

bool IsOwnDirectory(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

Status CheckPrivateDirectory(const std::string& path, const std::string& what) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return FailErrno(what);
  if (!S_ISDIR(info.st_mode)) return Fail(Code::kInvalidArgument, what + " is not a directory");
  if (info.st_uid != ::geteuid()) {
    return Fail(Code::kPermissionDenied, what + " belongs to user " + std::to_string(info.st_uid) +
                                             ": choose another, or run as its owner");
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Fail(Code::kPermissionDenied, what + " can be written by others than its owner: run 'chmod go-w " +
                                             path + "', or choose another");
  }
  return {};
}

}  // namespace virtcontainers
