#include "guest/agent/connect/relay.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/connect_frames.h"

namespace virtcontainers::guest {
namespace {

bool IsTransient(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

bool Passage::WriteTo(int fd) {
  while (!empty()) {
    const ssize_t count = ::write(fd, bytes_.data() + from_, bytes_.size() - from_);
    if (count < 0) return IsTransient(errno);
    from_ += static_cast<size_t>(count);
  }
  Drop();
  return true;
}

int Relay::Run() {
  for (const int fd : {in_, out_, socket_}) {
    (void)::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  }
  while (true) {
    if (to_socket_.empty() && ended_ && !shut_) {
      (void)::shutdown(socket_, SHUT_WR);
      shut_ = true;
    }
    if (to_host_.empty() && read_all_ && !closed_) {
      ::close(out_);
      closed_ = true;
    }
    if (reset_ && closed_) return 1;
    if (gone_ && to_socket_.empty()) return 0;
    // While the socket takes nothing, no frames are read: the host's silence means nothing.
    if (!to_socket_.empty()) heard_ = Clock::now();
    const auto silent = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - heard_);
    if (silent >= silence_) return 1;
    pollfd events[3] = {{.fd = to_socket_.empty() && !gone_ ? in_ : -1, .events = POLLIN, .revents = 0},
                        {.fd = -1, .events = 0, .revents = 0},
                        {.fd = to_host_.empty() ? -1 : out_, .events = POLLOUT, .revents = 0}};
    if (to_host_.empty() && !read_all_) events[1].events |= POLLIN;
    if (!to_socket_.empty()) events[1].events |= POLLOUT;
    if (events[1].events != 0) events[1].fd = socket_;
    const auto wait = silence_ - silent;
    if (::poll(events, 3, static_cast<int>(wait.count()) + 1) < 0 && errno != EINTR) return 1;
    if (events[0].revents != 0) TakeFrames();
    if ((events[1].revents & ~POLLOUT) != 0 && (events[1].events & POLLIN) != 0) ReadSocket();
    if (!to_socket_.empty() && !to_socket_.WriteTo(socket_)) {
      // The other side reads no more. What it has sent is still passed on.
      deaf_ = true;
      to_socket_.Drop();
    }
    if (!to_host_.empty() && !to_host_.WriteTo(out_)) return 1;
  }
}

void Relay::ReadSocket() {
  const ssize_t count = ::read(socket_, buffer_, sizeof(buffer_));
  if (count > 0) {
    to_host_.Add(buffer_, static_cast<size_t>(count));
  } else if (count == 0) {
    read_all_ = true;
  } else if (!IsTransient(errno)) {
    read_all_ = true;
    reset_ = true;
  }
}

void Relay::TakeFrames() {
  const ssize_t count = ::read(in_, buffer_, sizeof(buffer_));
  if (count < 0 && IsTransient(errno)) return;
  heard_ = Clock::now();
  if (count <= 0) {
    gone_ = true;
    return;
  }
  const char* data = buffer_;
  for (auto left = static_cast<size_t>(count); left > 0 && !gone_;) {
    if (body_ > 0) {
      const size_t piece = std::min<size_t>(body_, left);
      if (!deaf_) to_socket_.Add(data, piece);
      body_ -= static_cast<uint32_t>(piece);
      data += piece;
      left -= piece;
      continue;
    }
    head_ |= static_cast<uint32_t>(static_cast<unsigned char>(*data)) << (8 * head_size_);
    ++data;
    --left;
    if (++head_size_ < kConnectHead) continue;
    if (head_ == kConnectEnd) {
      ended_ = true;
    } else if (head_ == kConnectGone) {
      gone_ = true;
    } else if (head_ != kConnectAlive) {
      // The host's library sends no larger frame; another host ends the connection.
      if (head_ > kConnectLargest) gone_ = true;
      body_ = head_;
    }
    head_ = 0;
    head_size_ = 0;
  }
}

}  // namespace virtcontainers::guest
