#include "agent/kata/connect.h"

#include <linux/vm_sockets.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/errors.h"
#include "base/unique_fd.h"
#include "link/session_stream.h"
#include "os/poll.h"
#include "ttrpc/fd_stream.h"
#include "ttrpc/unix_socket.h"

namespace virtcontainers {
namespace {

constexpr auto kAttempt = std::chrono::milliseconds(500);
constexpr auto kPause = std::chrono::milliseconds(10);

Error GivenUp() { return Error(Code::kCancelled, "the connection to the agent was given up"); }

// One attempt: 0 or an errno value. A guest whose agent does not listen yet answers with a reset; one that
// has no vsock driver yet with nothing at all.
Result<int> TryVsock(int fd, const VsockAddress& vsock, Deadline deadline) {
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = vsock.cid;
  address.svm_port = vsock.port;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  VC_ASSIGN_OR_RETURN(const bool writable, WaitWritable(fd, deadline));
  if (!writable) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof(error);
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return FailErrno("getsockopt");
  return error;
}

Result<std::unique_ptr<Stream>> Connect(const VsockAddress& vsock, const std::function<bool()>& cancelled,
                                        Deadline deadline) {
  while (!cancelled()) {
    UniqueFd fd(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return FailErrno("make a vsock socket");
    VC_ASSIGN_OR_RETURN(const int error, TryVsock(fd.get(), vsock, Min(deadline, Deadline::After(kAttempt))));
    if (error == 0) {
      VC_ASSIGN_OR_RETURN(std::unique_ptr<ttrpc::FdStream> stream, ttrpc::FdStream::Create(std::move(fd)));
      return std::unique_ptr<Stream>(std::move(stream));
    }
    if (deadline.passed()) {
      return Fail(Code::kDeadlineExceeded, "nothing listens on vsock port " + std::to_string(vsock.port) +
                                               " of the guest: " + ErrnoError("connect", error).message());
    }
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(kPause, deadline.remaining()));
  }
  return Fail(GivenUp());
}

// The VMM's answer to CONNECT, without its end of line. A VMM whose guest does not listen yet closes the
// connection. The answer is read byte by byte: what follows belongs to the agent.
Result<std::string> ReadAnswer(int fd, Deadline deadline) {
  constexpr size_t kMaxAnswer = 64;
  std::string answer;
  while (answer.size() < kMaxAnswer) {
    char byte = 0;
    const ssize_t n = ::recv(fd, &byte, 1, MSG_DONTWAIT);
    if (n == 1 && byte == '\n') return answer;
    if (n == 1) {
      answer += byte;
    } else if (n < 0 && errno == EAGAIN) {
      VC_ASSIGN_OR_RETURN(const bool readable, WaitReadable(fd, deadline));
      if (!readable) return Fail(Code::kDeadlineExceeded, "the VMM does not answer CONNECT");
    } else if (n == 0 || errno != EINTR) {
      return Fail(Code::kUnavailable, "the VMM closed the connection");
    }
  }
  return Fail(Code::kDataLoss, "the VMM's answer to CONNECT has no end");
}

Result<UniqueFd> TryHybrid(const HybridVsock& hybrid, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(UniqueFd fd, ttrpc::ConnectUnix(hybrid.path, deadline));
  const std::string request = "CONNECT " + std::to_string(hybrid.port) + "\n";
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return Fail(Code::kUnavailable, "the VMM closed the connection");
  }
  VC_ASSIGN_OR_RETURN(const std::string answer, ReadAnswer(fd.get(), deadline));
  if (answer.substr(0, 3) == "OK ") return fd;
  return Fail(Code::kUnavailable, "the VMM answered CONNECT with " + Quoted(answer));
}

Result<std::unique_ptr<Stream>> Connect(const HybridVsock& hybrid, const std::function<bool()>& cancelled,
                                        Deadline deadline) {
  while (!cancelled()) {
    Result<UniqueFd> fd = TryHybrid(hybrid, Min(deadline, Deadline::After(kAttempt)));
    if (fd) {
      VC_ASSIGN_OR_RETURN(std::unique_ptr<ttrpc::FdStream> stream, ttrpc::FdStream::Create(std::move(*fd)));
      return std::unique_ptr<Stream>(std::move(stream));
    }
    if (fd.error().code() == Code::kDataLoss) return Fail(std::move(fd.error()));
    if (deadline.passed()) {
      return Fail(Code::kDeadlineExceeded, "nothing listens on vsock port " + std::to_string(hybrid.port) +
                                               " of the guest: " + fd.error().message());
    }
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(kPause, deadline.remaining()));
  }
  return Fail(GivenUp());
}

Result<std::unique_ptr<Stream>> Connect(const SerialSocket& serial, const std::function<bool()>&,
                                        Deadline deadline) {
  VC_ASSIGN_OR_RETURN(UniqueFd fd, ttrpc::ConnectUnix(serial.path, deadline));
  VC_ASSIGN_OR_RETURN(std::unique_ptr<ttrpc::FdStream> port, ttrpc::FdStream::Create(std::move(fd)));
  VC_ASSIGN_OR_RETURN(std::unique_ptr<link::SessionStream> session,
                      link::SessionStream::Open(std::move(port), deadline));
  return std::unique_ptr<Stream>(std::move(session));
}

Result<std::unique_ptr<Stream>> Connect(std::monostate, const std::function<bool()>&, Deadline) {
  return Fail(Code::kFailedPrecondition, "the vm's hypervisor has no link to an agent: use agent 'noop'");
}

}  // namespace

Result<std::unique_ptr<Stream>> ConnectAgent(const AgentAddress& address,
                                             const std::function<bool()>& cancelled, Deadline deadline) {
  return std::visit([&](const auto& kind) { return Connect(kind, cancelled, deadline); }, address);
}

}  // namespace virtcontainers
