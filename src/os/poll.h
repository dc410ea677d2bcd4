// Waiting for one descriptor within a deadline. Host only.

#ifndef VIRTCONTAINERS_SRC_OS_POLL_H_
#define VIRTCONTAINERS_SRC_OS_POLL_H_

#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// True once `fd` can be read without blocking (also at its end or in error); false when the deadline has
// passed.
Result<bool> WaitReadable(int fd, Deadline deadline);

// The same for writing.
Result<bool> WaitWritable(int fd, Deadline deadline);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_POLL_H_
