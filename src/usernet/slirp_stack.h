// libslirp with what a pod's network needs of it. Host only.

#ifndef VIRTCONTAINERS_SRC_USERNET_SLIRP_STACK_H_
#define VIRTCONTAINERS_SRC_USERNET_SLIRP_STACK_H_

#include <poll.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "network/usernet_options.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// A network stack that ends the guest's connections and continues them by sockets of this process. One
// thread.
class SlirpStack {
 public:
  // `output` is called with each frame for the guest, from Input and Step. Errors: InvalidArgument for
  // addresses that are none.
  static Result<std::unique_ptr<SlirpStack>> Create(const UsernetOptions& options,
                                                    std::function<void(std::string_view frame)> output);
  ~SlirpStack();

  SlirpStack(const SlirpStack&) = delete;
  SlirpStack& operator=(const SlirpStack&) = delete;

  // Binds the host's ports of a forward, all of them: those of both families if it names no address. Errors:
  // FailedPrecondition for a port that is taken, PermissionDenied, InvalidArgument; they name address, port
  // and protocol.
  Status Forward(const PortForward& forward);

  // A frame of the guest's.
  void Input(std::string_view frame);

  // Adds the sockets to wait for to `fds`. With `hold`, those that only have data for the guest are left out.
  // Returns the milliseconds until a timer expires, at most `timeout`.
  uint32_t Prepare(std::vector<pollfd>& fds, bool hold, uint32_t timeout);
  // After poll(2) of what Prepare added: moves the data, and runs the timers.
  void Step(const std::vector<pollfd>& fds);

 private:
  SlirpStack(UsernetOptions options, std::function<void(std::string_view)> output);

  class Impl;
  std::unique_ptr<Impl> impl_;
};

// "4.7.0".
std::string_view SlirpVersion();

// Nanoseconds of CLOCK_MONOTONIC.
int64_t MonotonicNow();

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_USERNET_SLIRP_STACK_H_
