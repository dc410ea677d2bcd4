// A lock between processes that dies with its holder. Host only.

#ifndef VIRTCONTAINERS_SRC_OS_FILE_LOCK_H_
#define VIRTCONTAINERS_SRC_OS_FILE_LOCK_H_

#include <string>

#include "base/unique_fd.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// Exclusive between processes and between threads of one (an open file description's lock, fcntl_locking(2)).
// Released when it is destroyed or its process ends, however that happens: children do not inherit it.
// Move-only.
class FileLock {
 public:
  // Blocks until the lock is free or the deadline has passed. The file is made if needed, also in place of
  // anything else that lies there; its directory must exist. Errors: DeadlineExceeded; NotFound without the
  // directory, also when it was removed while waiting; DataLoss for a directory that is none (own_file.h).
  static Result<FileLock> Acquire(const std::string& path, Deadline deadline);

  // Whether somebody holds it now. False also without the file, and for what is no lock. Disturbs nobody who
  // acquires it. Errors: those of looking, as for a caller that has no descriptor left: then nothing is
  // known.
  static Result<bool> IsHeld(const std::string& path);

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_FILE_LOCK_H_
