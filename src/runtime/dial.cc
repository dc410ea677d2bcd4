#include "virtcontainers/dial.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/connect_frames.h"
#include "base/errors.h"
#include "base/unique_fd.h"
#include "os/thread.h"
#include "virtcontainers/process.h"
#include "virtcontainers/runtime.h"

namespace virtcontainers {
namespace {

// How long the end of a process in the guest is waited for that nobody needs any more.
constexpr std::chrono::seconds kLettingGo{1};

std::string DialTargetName(const DialTarget& target) {
  if (target.port == 0) return "socket " + Quoted(target.path);
  const std::string port = "port " + std::to_string(target.port);
  return target.address.empty() ? port : port + " of " + target.address;
}

Status CheckDialTarget(const DialTarget& target) {
  if (target.port == 0 && target.path.empty()) {
    return Fail(Code::kInvalidArgument, "name a TCP port from 1 to 65535, or the path of a unix socket");
  }
  if (!target.path.empty()) {
    if (target.port != 0 || !target.address.empty()) {
      return Fail(Code::kInvalidArgument,
                  "socket " + Quoted(target.path) + " has neither port nor address: name a port or a path");
    }
    if (target.path[0] != '/' || target.path.find('\0') != std::string::npos) {
      return Fail(Code::kInvalidArgument,
                  "the path " + Quoted(target.path) + " of the socket must be absolute");
    }
  }
  unsigned char parsed[sizeof(in6_addr)];
  if (!target.address.empty() && ::inet_pton(AF_INET, target.address.c_str(), parsed) != 1 &&
      ::inet_pton(AF_INET6, target.address.c_str(), parsed) != 1) {
    return Fail(Code::kInvalidArgument, "the address " + Quoted(target.address) +
                                            " is neither IPv4 nor IPv6: names are not looked up");
  }
  return {};
}

Error DialError(const DialTarget& target, int error) {
  const std::string where = target.container.empty() ? "the pod" : "container " + Quoted(target.container);
  const std::string what = "connect to " + DialTargetName(target) + " in " + where;
  switch (error) {
    case ECONNREFUSED:
      return Error(Code::kUnavailable, what + ": nothing listens there");
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EADDRNOTAVAIL:
      return Error(Code::kUnavailable, what + ": " + std::strerror(error));
    case ENOTDIR:
      return Error(Code::kNotFound, what + ": " + std::strerror(error));
    default:
      return ErrnoError(what, error);
  }
}

// A connection under way. Each of its two threads keeps it until that has ended; the connection's socket is
// closed when both have.
class DialPump : public std::enable_shared_from_this<DialPump> {
 public:
  DialPump(std::unique_ptr<Process> process, UniqueFd socket)
      : process_(std::move(process)), socket_(std::move(socket)) {}

  Status Start() {
    VC_ASSIGN_OR_RETURN(std::thread in, StartThread([self = shared_from_this()] { self->FromCaller(); }));
    in.detach();
    Result<std::thread> out = StartThread([self = shared_from_this()] { self->FromGuest(); });
    if (!out) {
      (void)::shutdown(socket_.get(), SHUT_RDWR);  // ends the other thread
      return Fail(std::move(out.error()));
    }
    out->detach();
    return {};
  }

 private:
  Status Say(uint32_t head, std::span<char> frame = {}) {
    char bare[kConnectHead];
    const std::span<char> whole = frame.empty() ? std::span<char>(bare) : frame;
    for (size_t i = 0; i < kConnectHead; ++i) whole[i] = static_cast<char>(head >> (8 * i));
    return process_->WriteStdin(std::string_view(whole.data(), whole.size()));
  }

  // Until the caller has closed its end, or the guest's process has ended.
  void FromCaller() {
    if (!Forward()) (void)::shutdown(socket_.get(), SHUT_RDWR);
    (void)process_->CloseStdin();
  }

  Status Forward() {
    std::string frame(kConnectHead + kConnectLargest, '\0');
    bool ended = false;
    const auto interval = std::chrono::milliseconds(kConnectInterval).count();
    while (true) {
      pollfd event{.fd = socket_.get(), .events = static_cast<short>(ended ? 0 : POLLIN), .revents = 0};
      const int ready = ::poll(&event, 1, static_cast<int>(interval));
      if (ready < 0 && errno != EINTR) return FailErrno("poll a connection");
      if (ready == 0) VC_RETURN_IF_ERROR(Say(kConnectAlive));
      if (ready <= 0) continue;
      if (ended) return Say(kConnectGone);  // both ends are shut
      const ssize_t count = ::recv(socket_.get(), frame.data() + kConnectHead, kConnectLargest, MSG_DONTWAIT);
      if (count > 0) {
        const auto size = static_cast<uint32_t>(count);
        VC_RETURN_IF_ERROR(Say(size, std::span(frame.data(), kConnectHead + size)));
      } else if (count == 0) {
        ended = true;
        VC_RETURN_IF_ERROR(Say(kConnectEnd));
      } else if (errno != EAGAIN && errno != EINTR) {
        return Say(kConnectGone);  // closed with bytes that were not read
      }
    }
  }

  // Until the guest's side has ended, or the caller has closed its end.
  void FromGuest() {
    std::string buffer(kConnectLargest, '\0');
    while (true) {
      const Result<size_t> count = process_->ReadStdout(buffer);
      if (!count) {
        (void)::shutdown(socket_.get(), SHUT_RDWR);
        return;
      }
      if (*count == 0) break;
      for (size_t sent = 0; sent < *count;) {
        const ssize_t piece = ::send(socket_.get(), buffer.data() + sent, *count - sent, MSG_NOSIGNAL);
        if (piece < 0 && errno == EINTR) continue;
        if (piece < 0) return;  // the caller has closed its end, as the other thread tells the guest
        sent += static_cast<size_t>(piece);
      }
    }
    (void)::shutdown(socket_.get(), SHUT_WR);
    // A process that ends by itself has lost the connection: writes fail from now on.
    if (process_->Wait(Deadline::After(kLettingGo))) (void)::shutdown(socket_.get(), SHUT_RD);
  }

  const std::unique_ptr<Process> process_;
  const UniqueFd socket_;
};

}  // namespace

Result<int> Runtime::Dial(std::string_view pod, const DialTarget& target, Deadline deadline) {
  VC_RETURN_IF_ERROR(CheckDialTarget(target));
  ProcessConfig config;
  if (target.port != 0) {
    config.args = {"connect", "tcp", std::to_string(target.port)};
    if (!target.address.empty()) config.args.push_back(target.address);
  } else {
    config.args = {"connect", "unix", target.path};
  }
  config.guest_program = !target.container.empty();
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return FailErrno("socketpair");
  UniqueFd ours(ends[0]), callers(ends[1]);
  VC_ASSIGN_OR_RETURN(std::unique_ptr<Process> process,
                      target.container.empty() ? EnterPod(pod, config, deadline)
                                               : EnterContainer(pod, target.container, config, deadline));
  char answer = 0;
  const Result<size_t> count = process->ReadStdout(std::span(&answer, 1), deadline);
  if (!count || *count == 0) {
    (void)process->Signal(SIGKILL, Deadline::After(kLettingGo));
    if (!count) return Fail(count.error());
    return Fail(Code::kUnavailable, "connect to " + DialTargetName(target) +
                                        ": the guest's program 'connect' ended without an answer");
  }
  if (answer != 0) return Fail(DialError(target, static_cast<unsigned char>(answer)));
  VC_RETURN_IF_ERROR(std::make_shared<DialPump>(std::move(process), std::move(ours))->Start());
  return callers.release();
}

}  // namespace virtcontainers
