// One end of a TCP connection that a benchmark measures: static, for a guest and for a network namespace.
//
//   net_peer PORT
//
// Serves each connection in a process of its own. Its first byte says what the client wants (net_peer.h).

#include "net_peer.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <netinet/in.h>
#include <netinet/tcp.h>

namespace {

using virtcontainers::bench::kBlock;
using virtcontainers::bench::kMessage;
using virtcontainers::bench::kPeerEcho;
using virtcontainers::bench::kPeerSink;
using virtcontainers::bench::kPeerSource;

char buffer[kBlock];

void Serve(int fd) {
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  char wanted = 0;
  if (::read(fd, &wanted, 1) != 1) return;
  if (wanted == kPeerSource) {
    while (::send(fd, buffer, sizeof buffer, MSG_NOSIGNAL) > 0) {
    }
  } else if (wanted == kPeerSink) {
    uint64_t count = 0;
    for (ssize_t got; (got = ::read(fd, buffer, sizeof buffer)) > 0;) count += static_cast<uint64_t>(got);
    (void)!::write(fd, &count, sizeof count);
  } else if (wanted == kPeerEcho) {
    while (::recv(fd, buffer, kMessage, MSG_WAITALL) == static_cast<ssize_t>(kMessage)) {
      if (::send(fd, buffer, kMessage, MSG_NOSIGNAL) <= 0) return;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int port = argc == 2 ? std::atoi(argv[1]) : 0;
  if (port <= 0) {
    std::fputs("usage: net_peer PORT\n", stderr);
    return 2;
  }
  ::signal(SIGCHLD, SIG_IGN);
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int one = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = htons(static_cast<uint16_t>(port));
  if (::bind(listener, reinterpret_cast<sockaddr*>(&any), sizeof any) != 0 || ::listen(listener, 16) != 0) {
    std::perror("net_peer: listen");
    return EXIT_FAILURE;
  }
  for (;;) {
    const int fd = ::accept(listener, nullptr, nullptr);
    if (fd < 0) continue;
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(listener);
      Serve(fd);
      std::_Exit(EXIT_SUCCESS);
    }
    ::close(fd);
  }
}
