#include "os/file_lock.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "base/errors.h"

namespace virtcontainers {
namespace {

struct flock WholeFile() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

}  // namespace

Result<FileLock> FileLock::Acquire(const std::string& path, Deadline deadline) {
  // No lock has a timeout that needs no signal, so waiting is asking again, from a millisecond on up to
  // twenty.
  auto pause = std::chrono::milliseconds(1);
  while (true) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!fd) return FailErrno("open lock " + Quoted(path));
    struct flock whole = WholeFile();
    if (::fcntl(fd.get(), F_OFD_SETLK, &whole) == 0) {
      // The holder before us may have removed the file (with its pod): a lock on a file without a name locks
      // nothing.
      struct stat ours, named;
      if (::fstat(fd.get(), &ours) == 0 && ::stat(path.c_str(), &named) == 0 && ours.st_ino == named.st_ino &&
          ours.st_dev == named.st_dev) {
        return FileLock(std::move(fd));
      }
      continue;
    }
    if (errno != EAGAIN && errno != EACCES && errno != EINTR) return FailErrno("lock " + Quoted(path));
    if (deadline.passed()) return Fail(Code::kDeadlineExceeded, "another operation is still under way");
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(pause, deadline.remaining()));
    pause = std::min(pause * 2, std::chrono::milliseconds(20));
  }
}

Result<bool> FileLock::IsHeld(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return false;
  if (!fd) return FailErrno("open lock " + Quoted(path));
  // Only asks: a lock taken to find out would be in the way of whoever acquires it meanwhile.
  struct flock whole = WholeFile();
  if (::fcntl(fd.get(), F_OFD_GETLK, &whole) != 0) return FailErrno("look at lock " + Quoted(path));
  return whole.l_type != F_UNLCK;
}

}  // namespace virtcontainers
