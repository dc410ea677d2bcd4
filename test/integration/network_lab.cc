#include "integration/network_lab.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <netinet/in.h>
#include <sstream>

namespace virtcontainers::test {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  SocketAddress(const std::string& address, uint16_t port) {
    auto* const v4 = reinterpret_cast<sockaddr_in*>(&storage);
    auto* const v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    if (::inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
      v4->sin_family = AF_INET;
      v4->sin_port = htons(port);
      size = sizeof(*v4);
    } else if (::inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
      v6->sin6_family = AF_INET6;
      v6->sin6_port = htons(port);
      size = sizeof(*v6);
    }
  }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

UniqueFd Bound(const std::string& address, uint16_t port, int type) {
  SocketAddress to(address, port);
  UniqueFd socket(::socket(to.storage.ss_family, type | SOCK_CLOEXEC, 0));
  const int one = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
  EXPECT_EQ(::bind(socket.get(), to.get(), to.size), 0) << address << ": " << std::strerror(errno);
  if (type == SOCK_STREAM) {
    EXPECT_EQ(::listen(socket.get(), 256), 0) << std::strerror(errno);
  }
  return socket;
}

bool Readable(int fd, int stop) {
  pollfd waiting[] = {{fd, POLLIN, 0}, {stop, POLLIN, 0}};
  while (::poll(waiting, 2, -1) < 0) {
  }
  return waiting[1].revents == 0;
}

}  // namespace

std::string EnterNetworkLab() {
  if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) return std::string("unshare: ") + std::strerror(errno);
  // `ip netns` keeps names below /run/netns, and iptables a lock in /run.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return "make mounts private";
  if (::mount("tmpfs", "/run", "tmpfs", 0, "mode=0755") != 0) return "mount a tmpfs at /run";
  RunAll(
      "ip link set lo up\n"
      "sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_dad=0");
  return "";
}

void RunAll(const std::string& commands) {
  const Finished ran = RunOnHost({"sh", "-e", "-c", commands});
  EXPECT_EQ(ran.code, 0) << commands << "\n" << ran.out << ran.err;
}

std::string OutputOf(const std::string& command) {
  const Finished ran = RunOnHost({"sh", "-c", command});
  return ran.out + ran.err;
}

std::string LinksAndRules() {
  // What iptables adds once and keeps, tables and chains without rules for an address, is not of interest.
  return OutputOf(
      "{ ip -br link | cut -d' ' -f1 | cut -d@ -f1; ip netns; nft list ruleset | grep -E 'saddr|dport|jump "
      "CNI-[0-9a-f]';"
      " tc qdisc | grep -Ev 'noqueue|pfifo_fast'; } 2>/dev/null");
}

LabServer::LabServer(const std::string& address, uint16_t port, Handler handler)
    : socket_(Bound(address, port, SOCK_STREAM)),
      stop_(::eventfd(0, EFD_CLOEXEC)),
      handler_(std::move(handler)),
      thread_([this] { Accept(); }) {}

LabServer::LabServer(const std::string& address, uint16_t port)
    : LabServer(address, port, Responder{[](const std::string& datagram) { return datagram; }}) {}

LabServer::LabServer(const std::string& address, uint16_t port, Responder responder)
    : socket_(Bound(address, port, SOCK_DGRAM)),
      stop_(::eventfd(0, EFD_CLOEXEC)),
      responder_(std::move(responder)),
      thread_([this] { Answer(); }) {}

LabServer::~LabServer() {
  const uint64_t one = 1;
  EXPECT_EQ(::write(stop_.get(), &one, sizeof(one)), static_cast<ssize_t>(sizeof(one)));
  thread_.join();
  for (std::thread& connection : connections_) connection.join();
}

void LabServer::Accept() {
  while (Readable(socket_.get(), stop_.get())) {
    UniqueFd connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection) continue;
    const int fd = connection.release();
    connections_.emplace_back([this, fd] {
      const UniqueFd owned(fd);
      handler_(fd);
    });
  }
}

void LabServer::Answer() {
  char data[2048];
  while (Readable(socket_.get(), stop_.get())) {
    sockaddr_storage from{};
    socklen_t size = sizeof(from);
    const ssize_t got =
        ::recvfrom(socket_.get(), data, sizeof(data), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got <= 0) continue;
    const std::string answer = responder_.answer(std::string(data, static_cast<size_t>(got)));
    ::sendto(socket_.get(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
  }
}

UniqueFd ConnectTo(const std::string& address, uint16_t port) {
  SocketAddress to(address, port);
  const auto until = steady_clock::now() + seconds(2);
  do {
    UniqueFd socket(::socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval patience{2, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (::connect(socket.get(), to.get(), to.size) == 0) {
      const timeval none{0, 0};
      ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none));
      return socket;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  } while (steady_clock::now() < until);
  return UniqueFd();
}

UniqueFd DatagramsTo(const std::string& address, uint16_t port) {
  SocketAddress to(address, port);
  UniqueFd socket(::socket(to.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(socket.get(), to.get(), to.size), 0) << address << ": " << std::strerror(errno);
  return socket;
}

std::string AnswerQuery(std::string query, const std::string& address) {
  constexpr size_t kHeader = 12;
  if (query.size() < kHeader) return query;
  query[2] = static_cast<char>(query[2] | 0x80);  // a response
  query[7] = 1;  // with one answer: the question's name, an address, for 60 s
  return query + std::string("\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04", 12) + address;
}

std::string ReadToEnd(int fd) {
  const timeval patience{20, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  std::string all;
  char buffer[65536];
  for (;;) {
    const ssize_t got = ::recv(fd, buffer, sizeof(buffer), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return all;
    all.append(buffer, static_cast<size_t>(got));
  }
}

void SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

}  // namespace virtcontainers::test
