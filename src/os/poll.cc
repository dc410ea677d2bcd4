#include "os/poll.h"

#include <poll.h>

#include <cerrno>

#include "base/errors.h"

namespace virtcontainers {
namespace {

Result<bool> WaitFor(int fd, short events, Deadline deadline) {
  while (true) {
    pollfd entry{.fd = fd, .events = events, .revents = 0};
    const int ready = ::poll(&entry, 1, deadline.PollTimeout());
    if (ready > 0) return true;
    if (ready == 0) {
      if (deadline.passed()) return false;
      continue;  // poll takes at most what fits its argument
    }
    if (errno != EINTR) return FailErrno("poll");
  }
}

}  // namespace

Result<bool> WaitReadable(int fd, Deadline deadline) { return WaitFor(fd, POLLIN, deadline); }
Result<bool> WaitWritable(int fd, Deadline deadline) { return WaitFor(fd, POLLOUT, deadline); }

}  // namespace virtcontainers
