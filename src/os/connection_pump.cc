#include "os/connection_pump.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <utility>

#include "base/connect_frames.h"
#include "base/errors.h"

namespace virtcontainers {
namespace {

// How long the end of a process in the guest is waited for that nobody needs any more.
constexpr std::chrono::seconds kLettingGo{1};

}  // namespace

Result<int> AwaitConnection(ConnectionStreams& streams, Deadline deadline) {
  char answer = 0;
  const Result<size_t> count = streams.ReadStdout(std::span(&answer, 1), deadline);
  if (count && *count == 1) return static_cast<unsigned char>(answer);
  streams.Kill();
  if (!count) return Fail(count.error());
  return Fail(Code::kUnavailable, "the guest's program 'connect' ended without an answer");
}

ConnectionPump::ConnectionPump(std::unique_ptr<ConnectionStreams> streams, UniqueFd socket)
    : streams_(std::move(streams)), socket_(std::move(socket)) {}

void ConnectionPump::Abort() const { (void)::shutdown(socket_.get(), SHUT_RDWR); }

Status ConnectionPump::Say(uint32_t head, std::span<char> frame) {
  char bare[kConnectHead];
  const std::span<char> whole = frame.empty() ? std::span<char>(bare) : frame;
  for (size_t i = 0; i < kConnectHead; ++i) whole[i] = static_cast<char>(head >> (8 * i));
  return streams_->WriteStdin(std::string_view(whole.data(), whole.size()));
}

void ConnectionPump::FromCaller() {
  if (!Forward()) Abort();
  streams_->CloseStdin();
}

Status ConnectionPump::Forward() {
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

void ConnectionPump::FromGuest() {
  std::string buffer(kConnectLargest, '\0');
  while (true) {
    const Result<size_t> count = streams_->ReadStdout(buffer, Deadline::Infinite());
    if (!count) return Abort();
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
  if (streams_->HasEnded(Deadline::After(kLettingGo))) (void)::shutdown(socket_.get(), SHUT_RD);
}

}  // namespace virtcontainers
