// What tests of networks run in containers, where nc has no datagrams. Static.
//
//   network_probe exchange ADDRESS PORT COUNT
//       sends datagrams to a server that answers each with itself, and prints how many came back
//   network_probe serve PORT
//       is such a server, over IPv4 and IPv6, until the datagram "end" comes; prints "ready", and then how
//       many were numbered ones
//   network_probe resolve NAME [SERVER]
//       asks the server, or the first of /etc/resolv.conf, for the IPv4 address of a name, and prints it
// Exit status 2: a call failed, and standard error says why.

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <netinet/in.h>
#include <string>

#include "datagrams.h"

namespace {

using virtcontainers::test::ExchangeDatagrams;

[[noreturn]] void Die(const char* what) {
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
  ::_exit(2);
}

// A datagram socket that is connected to an address.
int Connected(const std::string& address, uint16_t port) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  v4.sin_family = AF_INET;
  v6.sin6_family = AF_INET6;
  v4.sin_port = v6.sin6_port = htons(port);
  const bool is_v4 = ::inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1;
  if (!is_v4 && ::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) != 1) Die("address");
  const int fd = ::socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) Die("socket");
  const auto* const to = is_v4 ? reinterpret_cast<sockaddr*>(&v4) : reinterpret_cast<sockaddr*>(&v6);
  if (::connect(fd, to, is_v4 ? sizeof(v4) : sizeof(v6)) != 0) Die("connect");
  return fd;
}

int Serve(uint16_t port) {
  const int fd = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  any.sin6_port = htons(port);
  if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&any), sizeof(any)) != 0) Die("bind");
  std::printf("ready\n");
  std::fflush(stdout);
  unsigned numbered = 0;
  for (;;) {
    char data[2048];
    sockaddr_in6 from{};
    socklen_t length = sizeof(from);
    const ssize_t size = ::recvfrom(fd, data, sizeof(data), 0, reinterpret_cast<sockaddr*>(&from), &length);
    if (size < 0) Die("recvfrom");
    if (std::string(data, static_cast<size_t>(size)) == "end") {
      std::printf("%u\n", numbered);
      return 0;
    }
    if (size > 0 && data[0] == 'n') ++numbered;
    if (::sendto(fd, data, static_cast<size_t>(size), 0, reinterpret_cast<sockaddr*>(&from), length) < 0)
      Die("sendto");
  }
}

std::string FirstNameServer() {
  std::ifstream file("/etc/resolv.conf");
  for (std::string word; file >> word;) {
    if (word == "nameserver" && file >> word) return word;
  }
  Die("/etc/resolv.conf has no name server");
}

// (RFC 1035, section 4)
int Resolve(const std::string& name, const std::string& server) {
  std::string query("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
  for (size_t at = 0; at < name.size();) {
    const size_t end = std::min(name.find('.', at), name.size());
    query += static_cast<char>(end - at) + name.substr(at, end - at);
    at = end + 1;
  }
  query += std::string("\0\0\x01\0\x01", 5);
  const int fd = Connected(server, 53);
  if (::send(fd, query.data(), query.size(), 0) < 0) Die("send");
  pollfd waiting{fd, POLLIN, 0};
  char answer[512];
  if (::poll(&waiting, 1, 5000) <= 0) Die("no answer");
  const ssize_t size = ::recv(fd, answer, sizeof(answer), 0);
  if (size < static_cast<ssize_t>(query.size() + 4)) Die("answer");
  // The address is the last thing in an answer with one record.
  char text[INET_ADDRSTRLEN];
  std::printf("%s %s\n", server.c_str(), ::inet_ntop(AF_INET, answer + size - 4, text, sizeof(text)));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string command = argc > 2 ? argv[1] : "";
  const auto number = [&](int at) { return static_cast<uint32_t>(std::strtoul(argv[at], nullptr, 10)); };
  if (command == "exchange" && argc == 5) {
    const int fd = Connected(argv[2], static_cast<uint16_t>(number(3)));
    std::printf("%u\n", ExchangeDatagrams(fd, number(4)));
    return 0;
  }
  if (command == "serve") return Serve(static_cast<uint16_t>(number(2)));
  if (command == "resolve") return Resolve(argv[2], argc > 3 ? argv[3] : FirstNameServer());
  return 2;
}
