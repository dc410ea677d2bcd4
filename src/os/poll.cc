#include "os/poll.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <stop_token>

#include "base/errors.h"
#include "base/unique_fd.h"

namespace virtcontainers {
namespace {

Result<bool> PollWith(const UniqueFd& stopped, int fd, short events, const Deadline& deadline) {
  while (true) {
    pollfd entries[] = {{.fd = fd, .events = events, .revents = 0},
                        {.fd = stopped.get(), .events = POLLIN, .revents = 0}};  // passed over if negative
    if (::poll(entries, 2, deadline.PollTimeout()) < 0) {
      if (errno != EINTR) return FailErrno("poll");
      continue;
    }
    if (entries[0].revents != 0) return true;
    if (deadline.passed()) return false;
    // poll takes at most what fits its argument.
  }
}

Result<bool> WaitFor(int fd, short events, const Deadline& deadline) {
  UniqueFd stopped;
  if (!deadline.token().stop_possible()) return PollWith(stopped, fd, events, deadline);
  stopped.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stopped) return FailErrno("eventfd");
  const std::stop_callback wake(deadline.token(), [&] {
    const uint64_t one = 1;
    (void)!::write(stopped.get(), &one, sizeof(one));
  });
  return PollWith(stopped, fd, events, deadline);
}

}  // namespace

Result<bool> WaitReadable(int fd, Deadline deadline) { return WaitFor(fd, POLLIN, deadline); }
Result<bool> WaitWritable(int fd, Deadline deadline) { return WaitFor(fd, POLLOUT, deadline); }

}  // namespace virtcontainers
