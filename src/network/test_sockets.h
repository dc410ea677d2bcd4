// Sockets in a namespace, with ten seconds for everything. For tests only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_TEST_SOCKETS_H_
#define VIRTCONTAINERS_SRC_NETWORK_TEST_SOCKETS_H_

#include <sys/socket.h>
#include <sys/time.h>

#include <arpa/inet.h>
#include <cerrno>
#include <cstdint>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <string>

#include "base/unique_fd.h"
#include "network/test_namespaces.h"

namespace virtcontainers {

struct TestAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  TestAddress(const std::string& ip, uint16_t port) {
    auto* const v4 = reinterpret_cast<sockaddr_in*>(&storage);
    auto* const v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    if (::inet_pton(AF_INET, ip.c_str(), &v4->sin_addr) == 1) {
      v4->sin_family = AF_INET;
      v4->sin_port = htons(port);
      size = sizeof *v4;
    } else {
      EXPECT_EQ(::inet_pton(AF_INET6, ip.c_str(), &v6->sin6_addr), 1) << ip;
      v6->sin6_family = AF_INET6;
      v6->sin6_port = htons(port);
      size = sizeof *v6;
    }
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
};

inline UniqueFd TestSocket(int family, int type, int seconds = 10) {
  UniqueFd fd(::socket(family, type | SOCK_CLOEXEC, 0));
  const timeval time{seconds, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
  return fd;
}

// A socket that is bound, and listens if it is a stream's.
inline UniqueFd Bind(const SocketSpace& space, const std::string& ip, uint16_t port, int type = SOCK_STREAM) {
  UniqueFd fd;
  space.Run([&] {
    const TestAddress address(ip, port);
    fd = TestSocket(address.family(), type);
    const int one = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    ASSERT_EQ(::bind(fd.get(), address.get(), address.size), 0) << ip << " " << port << ": " << errno;
    if (type == SOCK_STREAM) {
      ASSERT_EQ(::listen(fd.get(), 1024), 0);
    }
  });
  return fd;
}

// A socket that is connected; none, with errno, if that failed.
inline UniqueFd Connect(const SocketSpace& space, const std::string& ip, uint16_t port,
                        int type = SOCK_STREAM, int seconds = 10) {
  UniqueFd fd;
  int error = 0;
  space.Run([&] {
    const TestAddress address(ip, port);
    fd = TestSocket(address.family(), type, seconds);
    if (::connect(fd.get(), address.get(), address.size) != 0) {
      error = errno;
      fd.reset();
    }
  });
  errno = error;
  return fd;
}

inline UniqueFd Accept(const UniqueFd& listener) {
  UniqueFd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_TRUE(fd) << "accept: " << errno;
  const timeval time{10, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
  return fd;
}

inline void Say(const UniqueFd& fd, const std::string& text) {
  EXPECT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()))
      << errno;
}

// What comes next, at most 4 KiB: "" at the end, "error N" if nothing comes.
inline std::string Hear(const UniqueFd& fd) {
  char buffer[4096];
  const ssize_t got = ::recv(fd.get(), buffer, sizeof buffer, 0);
  return got < 0 ? "error " + std::to_string(errno) : std::string(buffer, static_cast<size_t>(got));
}

// A UDP server's turn: answers what comes next with `prefix` before it.
inline void AnswerOnce(const UniqueFd& fd, const std::string& prefix) {
  char buffer[4096];
  sockaddr_storage from{};
  socklen_t size = sizeof from;
  const ssize_t got =
      ::recvfrom(fd.get(), buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &size);
  ASSERT_GT(got, 0) << "no datagram: " << errno;
  const std::string answer = prefix + std::string(buffer, static_cast<size_t>(got));
  ::sendto(fd.get(), answer.data(), answer.size(), 0, reinterpret_cast<const sockaddr*>(&from), size);
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_TEST_SOCKETS_H_
