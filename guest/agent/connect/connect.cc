#include "guest/agent/connect/connect.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <string_view>
#include <vector>

#include "base/connect_frames.h"
#include "guest/agent/connect/accepted.h"

namespace virtcontainers::guest {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kConnectBuffer = 64 << 10;

// Connects `fd` and sets `*error` to 0 or the error's number. A connection takes a minute at most.
int TryConnect(int family, const sockaddr* address, socklen_t size, int* error) {
  const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    *error = errno;
    return -1;
  }
  const timeval limit{.tv_sec = kConnectSilence.count(), .tv_usec = 0};
  (void)::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  *error = ::connect(fd, address, size) == 0 ? 0 : errno;
  if (*error == 0) return fd;
  if (*error == EINPROGRESS || *error == EAGAIN) *error = ETIMEDOUT;
  ::close(fd);
  return -1;
}

int ConnectTcp(const char* host, uint16_t port, int* error) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  int fd = -1;
  if (::inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
    fd = TryConnect(AF_INET, reinterpret_cast<const sockaddr*>(&v4), sizeof(v4), error);
  } else if (::inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
    fd = TryConnect(AF_INET6, reinterpret_cast<const sockaddr*>(&v6), sizeof(v6), error);
  } else {
    *error = EINVAL;
  }
  const int on = 1;
  if (fd >= 0) (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

int ConnectUnix(std::string path, int* error) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos || ::chdir(path.substr(0, slash + 1).c_str()) < 0) {
      *error = slash == std::string::npos ? ENAMETOOLONG : errno;
      return -1;
    }
    path.erase(0, slash + 1);
  }
  if (path.size() >= sizeof(address.sun_path)) {
    *error = ENAMETOOLONG;
    return -1;
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return TryConnect(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof(address), error);
}

// A connection that the program "listen" of that name has accepted, or accepts next.
int TakeAccepted(const std::string& name, int* error) {
  sockaddr_un address{};
  const socklen_t size = AbstractAddress(name, address);
  const int listener = TryConnect(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), size, error);
  if (listener < 0) return -1;
  const int fd = ReceiveConnection(listener);
  *error = fd < 0 ? errno : 0;
  ::close(listener);
  return fd;
}

bool IsTransient(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

// Bytes on their way from one descriptor to another.
class Passage {
 public:
  bool empty() const { return from_ == bytes_.size(); }
  void Add(const char* data, size_t count) { bytes_.insert(bytes_.end(), data, data + count); }
  void Drop() {
    bytes_.clear();
    from_ = 0;
  }
  // Whether `fd` takes bytes; false, with errno, when it takes none any more.
  bool WriteTo(int fd) {
    while (!empty()) {
      const ssize_t count = ::write(fd, bytes_.data() + from_, bytes_.size() - from_);
      if (count < 0) return IsTransient(errno);
      from_ += static_cast<size_t>(count);
    }
    Drop();
    return true;
  }

 private:
  std::vector<char> bytes_;
  size_t from_ = 0;
};

// The two directions of a connection.
class Relay {
 public:
  explicit Relay(int socket) : socket_(socket) {}

  int Run() {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, socket_}) {
      (void)::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    }
    while (true) {
      if (to_socket_.empty() && ended_ && !shut_) {
        (void)::shutdown(socket_, SHUT_WR);
        shut_ = true;
      }
      if (to_host_.empty() && read_all_ && !closed_) {
        ::close(STDOUT_FILENO);
        closed_ = true;
      }
      if (reset_ && closed_) return 1;
      if (gone_ && to_socket_.empty()) return 0;
      // While the socket takes nothing, no frames are read: the host's silence means nothing.
      if (!to_socket_.empty()) heard_ = Clock::now();
      const auto silent = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - heard_);
      if (silent >= kConnectSilence) return 1;
      pollfd events[3] = {
          {.fd = to_socket_.empty() && !gone_ ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0},
          {.fd = -1, .events = 0, .revents = 0},
          {.fd = to_host_.empty() ? -1 : STDOUT_FILENO, .events = POLLOUT, .revents = 0}};
      if (to_host_.empty() && !read_all_) events[1].events |= POLLIN;
      if (!to_socket_.empty()) events[1].events |= POLLOUT;
      if (events[1].events != 0) events[1].fd = socket_;
      const auto wait = std::chrono::milliseconds(kConnectSilence) - silent;
      if (::poll(events, 3, static_cast<int>(wait.count()) + 1) < 0 && errno != EINTR) return 1;
      if (events[0].revents != 0) TakeFrames();
      if ((events[1].revents & ~POLLOUT) != 0 && (events[1].events & POLLIN) != 0) ReadSocket();
      if (!to_socket_.empty() && !to_socket_.WriteTo(socket_)) {
        // The other side reads no more. What it has sent is still passed on.
        deaf_ = true;
        to_socket_.Drop();
      }
      if (!to_host_.empty() && !to_host_.WriteTo(STDOUT_FILENO)) return 1;
    }
  }

 private:
  void ReadSocket() {
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

  void TakeFrames() {
    const ssize_t count = ::read(STDIN_FILENO, buffer_, sizeof(buffer_));
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

  const int socket_;
  Passage to_socket_, to_host_;
  uint32_t head_ = 0, body_ = 0;
  size_t head_size_ = 0;
  bool ended_ = false;     // the host writes no more
  bool shut_ = false;      // ... and the other side has been told
  bool gone_ = false;      // the host has closed the connection
  bool deaf_ = false;      // the other side reads no more
  bool read_all_ = false;  // the other side writes no more
  bool closed_ = false;    // ... and the host has been told
  bool reset_ = false;
  Clock::time_point heard_ = Clock::now();
  char buffer_[kConnectBuffer];
};

}  // namespace

int RunConnect(int argc, char** argv) {
  if (argc < 3 || argc > 4) return 2;
  // A write to a connection that has ended is an error, not the program's end.
  ::signal(SIGPIPE, SIG_IGN);
  const std::string_view kind = argv[1];
  int error = EINVAL, fd = -1;
  if (kind == "unix") {
    fd = ConnectUnix(argv[2], &error);
  } else if (kind == "accepted") {
    fd = TakeAccepted(argv[2], &error);
  } else if (kind == "tcp") {
    const auto port = static_cast<uint16_t>(std::strtoul(argv[2], nullptr, 10));
    fd = ConnectTcp(argc > 3 ? argv[3] : "127.0.0.1", port, &error);
    if (argc < 4 && error == ECONNREFUSED) {
      int second = 0;
      fd = ConnectTcp("::1", port, &second);
      if (fd >= 0) error = 0;
    }
  }
  const char answer = static_cast<char>(error);
  if (::write(STDOUT_FILENO, &answer, 1) != 1 || error != 0) return 1;
  static Relay relay(fd);
  return relay.Run();
}

}  // namespace virtcontainers::guest
