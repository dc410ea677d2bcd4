#include "guest/agent/connect/connect.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <string_view>

#include "base/connect_frames.h"
#include "guest/agent/connect/accepted.h"
#include "guest/agent/connect/relay.h"

namespace virtcontainers::guest {
namespace {

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
  static Relay relay(STDIN_FILENO, STDOUT_FILENO, fd, kConnectSilence);
  return relay.Run();
}

}  // namespace virtcontainers::guest
