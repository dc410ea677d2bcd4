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

// One attempt: 0 or an errno value. A guest whose agent does not listen yet answers with a reset; one that
// has no vsock driver yet with nothing at all.
Result<int> TryVsock(int fd, uint32_t cid, Deadline deadline) {
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = cid;
  address.svm_port = kAgentVsockPort;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  VC_ASSIGN_OR_RETURN(const bool writable, WaitWritable(fd, deadline));
  if (!writable) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof(error);
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return FailErrno("getsockopt");
  return error;
}

Result<std::unique_ptr<Stream>> ConnectVsock(uint32_t cid, const std::function<bool()>& cancelled,
                                             Deadline deadline) {
  constexpr auto kAttempt = std::chrono::milliseconds(500);
  constexpr auto kPause = std::chrono::milliseconds(10);
  while (!cancelled()) {
    UniqueFd fd(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return FailErrno("make a vsock socket");
    VC_ASSIGN_OR_RETURN(const int error, TryVsock(fd.get(), cid, Min(deadline, Deadline::After(kAttempt))));
    if (error == 0) {
      VC_ASSIGN_OR_RETURN(std::unique_ptr<ttrpc::FdStream> stream, ttrpc::FdStream::Create(std::move(fd)));
      return std::unique_ptr<Stream>(std::move(stream));
    }
    if (deadline.passed()) {
      return Fail(Code::kDeadlineExceeded, "nothing listens on vsock port " +
                                               std::to_string(kAgentVsockPort) +
                                               " of the guest: " + ErrnoError("connect", error).message());
    }
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(kPause, deadline.remaining()));
  }
  return Fail(Code::kCancelled, "the connection to the agent was given up");
}

}  // namespace

Result<std::unique_ptr<Stream>> ConnectAgent(const AgentAddress& address,
                                             const std::function<bool()>& cancelled, Deadline deadline) {
  if (address.transport == AgentTransport::kVsock)
    return ConnectVsock(address.vsock_cid, cancelled, deadline);
  VC_ASSIGN_OR_RETURN(UniqueFd fd, ttrpc::ConnectUnix(address.socket, deadline));
  VC_ASSIGN_OR_RETURN(std::unique_ptr<ttrpc::FdStream> port, ttrpc::FdStream::Create(std::move(fd)));
  VC_ASSIGN_OR_RETURN(std::unique_ptr<link::SessionStream> session,
                      link::SessionStream::Open(std::move(port), deadline));
  return std::unique_ptr<Stream>(std::move(session));
}

}  // namespace virtcontainers
