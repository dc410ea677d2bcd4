#include "guest/agent/connect/listen.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "guest/agent/connect/accepted.h"

namespace virtcontainers::guest {
namespace {

constexpr mode_t kPermissions = 0777;
constexpr mode_t kDirectoryMode = 0755;

const sockaddr* Generic(const sockaddr_un& address) { return reinterpret_cast<const sockaddr*>(&address); }

int MakeSocket() { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); }

// Makes the directories that are missing, and enters the last one: a socket's address is short.
bool EnterParent(const std::string& path) {
  const size_t last = path.rfind('/');
  for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    if (::mkdir(path.substr(0, slash).c_str(), kDirectoryMode) < 0 && errno != EEXIST) return false;
  }
  return ::chdir(last == 0 ? "/" : path.substr(0, last).c_str()) == 0;
}

// False, with errno, if there is something else, or somebody listens there.
bool RemoveStale(const sockaddr_un& address) {
  struct stat info {};
  if (::lstat(address.sun_path, &info) < 0) return errno == ENOENT;
  if (!S_ISSOCK(info.st_mode)) {
    errno = EEXIST;
    return false;
  }
  const int probe = MakeSocket();
  const bool heard = ::connect(probe, Generic(address), sizeof(address)) == 0;
  ::close(probe);
  if (!heard) return ::unlink(address.sun_path) == 0;
  errno = EADDRINUSE;
  return false;
}

// A listening socket, or -1 with errno.
int ListenAt(const std::string& path, mode_t mode, uid_t uid, gid_t gid) {
  const std::string name = path.substr(path.rfind('/') + 1);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.empty() || name.size() >= sizeof(address.sun_path)) {
    errno = name.empty() ? EISDIR : ENAMETOOLONG;
    return -1;
  }
  std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
  if (!EnterParent(path) || !RemoveStale(address)) return -1;
  const int fd = MakeSocket();
  if (fd < 0) return -1;
  // Nobody connects before it has its owner.
  const mode_t before = ::umask(kPermissions);
  const bool bound = ::bind(fd, Generic(address), sizeof(address)) == 0 &&
                     ::lchown(address.sun_path, uid, gid) == 0 && ::chmod(address.sun_path, mode) == 0 &&
                     ::listen(fd, SOMAXCONN) == 0;
  (void)::umask(before);
  return bound ? fd : -1;
}

int ListenByName(const char* name) {
  sockaddr_un address{};
  const socklen_t size = AbstractAddress(name, address);
  const int fd = MakeSocket();
  if (fd < 0 || ::bind(fd, Generic(address), size) < 0 || ::listen(fd, SOMAXCONN) < 0) return -1;
  return fd;
}

// Another user of the container may not have what comes from those who may connect.
bool IsOwn(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == ::geteuid();
}

// Waits for a connection as long as `taker` lives. -1: it has ended.
int AcceptFor(int socket, int taker) {
  while (true) {
    pollfd events[2] = {{.fd = socket, .events = POLLIN, .revents = 0},
                        {.fd = taker, .events = 0, .revents = 0}};
    if (::poll(events, 2, -1) < 0) continue;
    if (events[1].revents != 0) return -1;
    const int fd = ::accept4(socket, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) return fd;
  }
}

}  // namespace

int RunListen(int argc, char** argv) {
  if (argc != 6 || argv[2][0] != '/') return 2;
  ::signal(SIGPIPE, SIG_IGN);
  const auto number = [&](int index) {
    return static_cast<unsigned>(std::strtoul(argv[index], nullptr, 10));
  };
  const int socket = ListenAt(argv[2], number(3), number(4), number(5));
  const int takers = socket < 0 ? -1 : ListenByName(argv[1]);
  const char answer = static_cast<char>(takers < 0 ? errno : 0);
  if (::write(STDOUT_FILENO, &answer, 1) != 1 || answer != 0) return 1;
  while (true) {
    const int taker = ::accept4(takers, nullptr, nullptr, SOCK_CLOEXEC);
    if (taker < 0 && errno != EINTR && errno != ECONNABORTED) return 1;
    if (taker < 0) continue;
    const int connection = IsOwn(taker) ? AcceptFor(socket, taker) : -1;
    if (connection >= 0) {
      (void)SendConnection(taker, connection);
      ::close(connection);
    }
    ::close(taker);
  }
}

}  // namespace virtcontainers::guest
