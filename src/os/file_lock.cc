#include "os/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <thread>

#include "base/errors.h"
#include "os/file.h"
#include "os/own_file.h"

namespace virtcontainers {
namespace {

// What is locked is one byte of the file, which one depends on the file's directory: a hard link of the file
// in a copy of the directory is another lock.
struct flock LockedByte(const std::string& path) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_len = 1;
  struct stat directory {};
  if (::stat(ParentOf(path).c_str(), &directory) == 0)
    lock.l_start = static_cast<off_t>(directory.st_ino & INT32_MAX);
  return lock;
}

// No lock has a timeout that needs no signal, so waiting is asking again, from a millisecond on up to twenty.
class Pause {
 public:
  // False once the deadline has passed.
  bool Take(Deadline deadline) {
    if (deadline.passed()) return false;
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(next_, deadline.remaining()));
    next_ = std::min(next_ * 2, std::chrono::milliseconds(20));
    return true;
  }

 private:
  std::chrono::milliseconds next_{1};
};

tl::unexpected<Error> Busy() { return Fail(Code::kDeadlineExceeded, "another operation is still under way"); }

// Puts a regular file in the place of what is none, one caller at a time: whoever holds a lock holds it on a
// regular file.
Status Repair(const std::string& path, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const UniqueFd directory, OpenOwnDirectory(ParentOf(path)));
  for (Pause pause; ::flock(directory.get(), LOCK_EX | LOCK_NB) != 0;) {
    if (errno != EWOULDBLOCK && errno != EINTR) return FailErrno("lock " + Quoted(ParentOf(path)));
    if (!pause.Take(deadline)) return Busy();
  }
  const Result<UniqueFd> repaired = OpenOwnFile(path, O_RDWR);
  if (repaired || repaired.error().code() != Code::kDataLoss) return {};
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == ::geteuid()) {
    // Somebody may hold it: it is kept, and only its mode is set.
    if (::chmod(path.c_str(), 0600) != 0) return FailErrno("chmod " + Quoted(path));
    return {};
  }
  return RemoveTree(path);
}

}  // namespace

Result<FileLock> FileLock::Acquire(const std::string& path, Deadline deadline) {
  for (Pause pause;;) {
    Result<UniqueFd> fd = OpenOwnFile(path, O_RDWR | O_CREAT);
    if (!fd && fd.error().code() == Code::kDataLoss) {
      VC_RETURN_IF_ERROR(Repair(path, deadline));
      fd = OpenOwnFile(path, O_RDWR | O_CREAT);
    }
    if (!fd) return Fail(std::move(fd.error()).AddContext("open lock " + Quoted(path)));
    struct flock lock = LockedByte(path);
    if (::fcntl(fd->get(), F_OFD_SETLK, &lock) == 0) {
      // The holder before us may have removed the file (with its pod): a lock on a file without a name locks
      // nothing.
      struct stat ours, named;
      if (::fstat(fd->get(), &ours) == 0 && ::lstat(path.c_str(), &named) == 0 &&
          ours.st_ino == named.st_ino && ours.st_dev == named.st_dev) {
        return FileLock(std::move(*fd));
      }
      continue;
    }
    if (errno != EAGAIN && errno != EACCES && errno != EINTR) return FailErrno("lock " + Quoted(path));
    if (!pause.Take(deadline)) return Busy();
  }
}

Result<bool> FileLock::IsHeld(const std::string& path) {
  const Result<UniqueFd> fd = OpenOwnFile(path, O_RDONLY);
  // Nobody holds what is not there, or what is no lock.
  if (!fd && (fd.error().code() == Code::kNotFound || fd.error().code() == Code::kDataLoss)) return false;
  VC_RETURN_IF_ERROR(fd);
  // Only asks: a lock taken to find out would be in the way of whoever acquires it meanwhile.
  struct flock lock = LockedByte(path);
  if (::fcntl(fd->get(), F_OFD_GETLK, &lock) != 0) return FailErrno("look at lock " + Quoted(path));
  return lock.l_type != F_UNLCK;
}

}  // namespace virtcontainers
