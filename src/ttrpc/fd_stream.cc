#include "ttrpc/fd_stream.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <ctime>
#include <utility>

#include "base/errors.h"

namespace virtcontainers::ttrpc {
namespace {

// write(2) without the SIGPIPE that it may raise: the process is not ours, nor are its signal handlers.
ssize_t WriteWithoutSigpipe(int fd, std::string_view bytes) {
  sigset_t pipe_only;
  sigset_t before;
  sigset_t pending;
  ::sigemptyset(&pipe_only);
  ::sigaddset(&pipe_only, SIGPIPE);
  ::sigpending(&pending);
  const bool was_pending = ::sigismember(&pending, SIGPIPE) == 1;
  ::pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
  const ssize_t written = ::write(fd, bytes.data(), bytes.size());
  const int error = errno;
  if (written < 0 && error == EPIPE && !was_pending) {
    const timespec now{};
    while (::sigtimedwait(&pipe_only, nullptr, &now) < 0 && errno == EINTR) {
    }
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return written;
}

}  // namespace

Result<std::unique_ptr<FdStream>> FdStream::Create(UniqueFd fd) {
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return FailErrno("fstat of a stream");
  const bool socket = S_ISSOCK(info.st_mode);
  if (!socket) {
    const int flags = ::fcntl(fd.get(), F_GETFL);
    if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0)
      return FailErrno("fcntl of a stream");
  }
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return FailErrno("eventfd");
  return std::unique_ptr<FdStream>(new FdStream(std::move(fd), std::move(wake), socket));
}

FdStream::FdStream(UniqueFd fd, UniqueFd wake, bool socket)
    : fd_(std::move(fd)), wake_(std::move(wake)), socket_(socket) {}

Result<size_t> FdStream::Read(std::span<char> buffer) {
  while (!shut_) {
    const ssize_t count = socket_ ? ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)
                                  : ::read(fd_.get(), buffer.data(), buffer.size());
    if (count >= 0) return static_cast<size_t>(count);
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return FailErrno("read");
    VC_RETURN_IF_ERROR(Wait(POLLIN));
  }
  return Fail(Code::kCancelled, "the stream was shut down");
}

Status FdStream::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    if (shut_) return Fail(Code::kCancelled, "the stream was shut down");
    const ssize_t count = WriteSome(bytes);
    if (count >= 0) {
      bytes.remove_prefix(static_cast<size_t>(count));
    } else if (errno == EAGAIN) {
      VC_RETURN_IF_ERROR(Wait(POLLOUT));
    } else if (errno != EINTR) {
      return FailErrno("write");
    }
  }
  return {};
}

void FdStream::Shutdown() {
  if (shut_.exchange(true)) return;
  const uint64_t one = 1;
  // Cannot fail: it is the only write there ever is to this eventfd.
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof(one));
  if (socket_) ::shutdown(fd_.get(), SHUT_RDWR);
}

Status FdStream::Wait(short events) const {
  pollfd fds[] = {{fd_.get(), events, 0}, {wake_.get(), POLLIN, 0}};
  if (::poll(fds, 2, -1) < 0 && errno != EINTR) return FailErrno("poll");
  return {};
}

ssize_t FdStream::WriteSome(std::string_view bytes) const {
  if (!socket_) return WriteWithoutSigpipe(fd_.get(), bytes);
  return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace virtcontainers::ttrpc
