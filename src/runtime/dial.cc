#include "virtcontainers/dial.h"

#include <signal.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/errors.h"
#include "base/unique_fd.h"
#include "os/connection_pump.h"
#include "os/thread.h"
#include "virtcontainers/process.h"
#include "virtcontainers/runtime.h"

namespace virtcontainers {
namespace {

// How long the death of a process in the guest is waited for that nobody needs any more.
constexpr std::chrono::seconds kKilling{1};

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

class ProcessStreams : public ConnectionStreams {
 public:
  explicit ProcessStreams(std::unique_ptr<Process> process) : process_(std::move(process)) {}

  Result<size_t> ReadStdout(std::span<char> buffer, Deadline deadline) override {
    return process_->ReadStdout(buffer, deadline);
  }
  Status WriteStdin(std::string_view data) override { return process_->WriteStdin(data); }
  void CloseStdin() override { (void)process_->CloseStdin(); }
  bool HasEnded(Deadline deadline) override { return process_->Wait(deadline).has_value(); }
  void Kill() override { (void)process_->Signal(SIGKILL, Deadline::After(kKilling)); }

 private:
  const std::unique_ptr<Process> process_;
};

// The threads that carry the connection's bytes keep `pump` until both have ended.
Status StartPump(const std::shared_ptr<ConnectionPump>& pump) {
  VC_ASSIGN_OR_RETURN(std::thread in, StartThread([pump] { pump->FromCaller(); }));
  in.detach();
  Result<std::thread> out = StartThread([pump] { pump->FromGuest(); });
  if (!out) {
    pump->Abort();  // ends the other thread
    return Fail(std::move(out.error()));
  }
  out->detach();
  return {};
}

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
  auto streams = std::make_unique<ProcessStreams>(std::move(process));
  Result<int> error = AwaitConnection(*streams, deadline);
  if (!error) return Fail(std::move(error.error()).AddContext("connect to " + DialTargetName(target)));
  if (*error != 0) return Fail(DialError(target, *error));
  VC_RETURN_IF_ERROR(StartPump(std::make_shared<ConnectionPump>(std::move(streams), std::move(ours))));
  return callers.release();
}

}  // namespace virtcontainers
