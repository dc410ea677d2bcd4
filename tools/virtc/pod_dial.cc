// virtc pod dial

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <fmt/format.h>
#include <string>
#include <string_view>
#include <thread>

#include "base/errors.h"
#include "base/unique_fd.h"
#include "commands.h"
#include "os/thread.h"
#include "virtcontainers/dial.h"

namespace virtc {

using virtcontainers::Code;
using virtcontainers::DialTarget;
using virtcontainers::Fail;
using virtcontainers::FailErrno;
using virtcontainers::Runtime;
using virtcontainers::Status;
using virtcontainers::UniqueFd;

namespace {

// Writes all of `data`, also to a descriptor that does not block.
Status WriteWhole(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t count = ::write(fd, data.data(), data.size());
    if (count >= 0) {
      data.remove_prefix(static_cast<size_t>(count));
    } else if (errno == EAGAIN) {
      pollfd event{.fd = fd, .events = POLLOUT, .revents = 0};
      (void)::poll(&event, 1, -1);
    } else if (errno != EINTR) {
      return FailErrno("write");
    }
  }
  return {};
}

// Until `from` ends.
Status CarryBytes(int from, int to) {
  std::string buffer(64 << 10, '\0');
  while (true) {
    const ssize_t count = ::read(from, buffer.data(), buffer.size());
    if (count == 0) return {};
    if (count > 0) {
      VC_RETURN_IF_ERROR(WriteWhole(to, std::string_view(buffer).substr(0, static_cast<size_t>(count))));
    } else if (errno == EAGAIN) {
      pollfd event{.fd = from, .events = POLLIN, .revents = 0};
      (void)::poll(&event, 1, -1);
    } else if (errno != EINTR) {
      return FailErrno("read");
    }
  }
}

class PodDial : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("POD", pod_, "the pod")
        .Argument("PORT|PATH", where_, "a TCP port, or the absolute path of a unix socket")
        .Text("--container", "CONTAINER", target_.container,
              "connect inside of this container, to its ports and its files")
        .Text("--address", "IP", target_.address, "the address in the guest (127.0.0.1, then ::1)");
  }

  Status Prepare(const CommandWords&) override {
    if (!where_.empty() && where_[0] == '/') {
      target_.path = where_;
      return {};
    }
    const bool digits =
        !where_.empty() && where_.size() <= 5 &&
        std::all_of(where_.begin(), where_.end(), [](unsigned char c) { return c >= '0' && c <= '9'; });
    const unsigned long port = digits ? std::stoul(where_) : 0;
    if (port == 0 || port > 65535) {
      return Fail(Code::kInvalidArgument,
                  fmt::format("'{}' is neither a port from 1 to 65535 nor an absolute path", where_));
    }
    target_.port = static_cast<uint16_t>(port);
    return {};
  }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    VIRTC_ASSIGN_OR_RETURN(const int dialed, runtime->Dial(pod_, target_));
    const UniqueFd connection(dialed);
    // Input may come long after the connection has ended: nothing waits for it then.
    VIRTC_ASSIGN_OR_RETURN(std::thread input, virtcontainers::StartThread([fd = connection.get()] {
                             (void)CarryBytes(STDIN_FILENO, fd);
                             (void)::shutdown(fd, SHUT_WR);
                           }));
    input.detach();
    VIRTC_RETURN_IF_ERROR(CarryBytes(connection.get(), STDOUT_FILENO));
    return Outcome{};
  }

 private:
  std::string pod_, where_;
  DialTarget target_;
};

}  // namespace

std::unique_ptr<Command> MakePodDial() { return std::make_unique<PodDial>(); }

}  // namespace virtc
