#include "network/test_network.h"

#include <fcntl.h>

#include "network/tap.h"

namespace virtcontainers {

TestGuest::TestGuest(int link, const std::string& mac, uint32_t mtu, const std::string& setup)
    : tap_(TestNamespace::Made(InNamespace(in_.space(), [] { return MakeTap("eth0", 1); }))) {
  for (const int fd : {link, tap_[0].get()}) {
    if (::ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) != 0)
      throw std::runtime_error("TUNSETOFFLOAD");
  }
  in_.Sh("ip link set eth0 address " + mac + " mtu " + std::to_string(mtu) + " up\n" + setup);
  thread_ = std::thread([this, link] { Relay(link); });
}

void TestGuest::Relay(int link) {
  std::vector<char> frame(80000);
  while (!stop_) {
    pollfd ready[2] = {{link, POLLIN, 0}, {tap_[0].get(), POLLIN, 0}};
    if (::poll(ready, 2, 20) <= 0) continue;
    for (int i = 0; i < 2; ++i) {
      if ((ready[i].revents & POLLIN) == 0) continue;
      const ssize_t size = ::read(ready[i].fd, frame.data(), frame.size());
      if (size > 0) (void)!::write(ready[1 - i].fd, frame.data(), static_cast<size_t>(size));
    }
  }
}

double MeasureTcp(const TestNamespace& from, const TestNamespace& to, const std::string& address,
                  std::chrono::milliseconds time, std::chrono::milliseconds patience) {
  const IpAddress ip = TestNamespace::Made(ParseIp(address));
  sockaddr_storage target{};
  socklen_t size = 0;
  if (ip.family == AF_INET) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&target);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(7000);
    std::memcpy(&v4->sin_addr, ip.bytes.data(), 4);
    size = sizeof(*v4);
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&target);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(7000);
    std::memcpy(&v6->sin6_addr, ip.bytes.data(), 16);
    size = sizeof(*v6);
  }
  const UniqueFd server = to.Socket(ip.family, SOCK_STREAM);
  const int on = 1;
  ::setsockopt(server.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (::bind(server.get(), reinterpret_cast<sockaddr*>(&target), size) != 0) return 0;
  if (::listen(server.get(), 1) != 0) return 0;

  std::atomic<uint64_t> received{0};
  std::atomic<bool> connected{false};
  std::thread reader([&] {
    pollfd ready{server.get(), POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(patience.count())) <= 0) return;
    const UniqueFd peer(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!peer || ::write(peer.get(), "!", 1) != 1) return;
    std::vector<char> buffer(1 << 18);
    while (true) {
      const ssize_t count = ::read(peer.get(), buffer.data(), buffer.size());
      if (count <= 0) return;
      received += static_cast<uint64_t>(count);
    }
  });
  double rate = 0;
  {
    const UniqueFd client = from.Socket(ip.family, SOCK_STREAM);
    const timeval limit{patience.count() / 1000, patience.count() % 1000 * 1000};
    ::setsockopt(client.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    char first = 0;
    if (::connect(client.get(), reinterpret_cast<sockaddr*>(&target), size) == 0 &&
        ::read(client.get(), &first, 1) == 1) {
      const std::vector<char> data(1 << 17);
      // What a limit lets pass at once, and what fills the buffers, is not measured.
      const auto begin = std::chrono::steady_clock::now();
      const auto measured = begin + time / 3;
      uint64_t before = 0;
      auto from_time = begin;
      while (std::chrono::steady_clock::now() < begin + time) {
        if (before == 0 && std::chrono::steady_clock::now() > measured) {
          before = received;
          from_time = std::chrono::steady_clock::now();
        }
        if (::send(client.get(), data.data(), data.size(), MSG_NOSIGNAL) <= 0) break;
      }
      const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - from_time;
      rate = static_cast<double>(received - before) / passed.count();
      connected = true;
    }
  }
  reader.join();
  if (connected && rate == 0) rate = static_cast<double>(received.load());
  return rate;
}

}  // namespace virtcontainers
