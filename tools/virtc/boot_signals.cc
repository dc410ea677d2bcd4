#include "boot_signals.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fmt/format.h>

#include "os/thread.h"
#include "report.h"

namespace virtc {

BootSignals::BootSignals(SignalPipe& signals, std::string pod)
    : signals_(signals), pod_(std::move(pod)), stop_(::eventfd(0, EFD_CLOEXEC)) {
  if (!stop_) return;
  if (auto thread = virtcontainers::StartThread([this] { Watch(); })) thread_ = std::move(*thread);
}

BootSignals::~BootSignals() { (void)Finish(); }

int BootSignals::Finish() {
  if (!thread_.joinable()) {
    // Seen late, where nobody could watch.
    while (const int signal = signals_.Take()) signal_ = signal == SIGWINCH ? signal_ : signal;
    return signal_;
  }
  const uint64_t one = 1;
  (void)!::write(stop_.get(), &one, sizeof(one));
  thread_.join();
  return signal_;
}

void BootSignals::Watch() {
  while (true) {
    std::array<pollfd, 2> ready = {pollfd{signals_.fd(), POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
    if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) return;
    while (const int signal = signals_.Take()) {
      if (signal == SIGWINCH) continue;
      if (signal_ != 0) {
        (void)WriteAll(STDERR_FILENO, fmt::format("\nvirtc: leaving pod '{}' as it is\n", pod_));
        ::_exit(128 + signal);
      }
      signal_ = signal;
      (void)WriteAll(STDERR_FILENO, "\nvirtc: undoing the start; once more ends virtc at once\n");
      source_.request_stop();
    }
    if (ready[1].revents != 0) return;
  }
}

}  // namespace virtc
