#include "network/user_mode.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <vector>

#include "network/test_user_mode.h"
#include "os/file.h"
#include "os/process_identity.h"

namespace virtcontainers {
namespace {

using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

INSTANTIATE_TEST_SUITE_P(Backends, UserModeTest,
                         testing::Values(UserModeBackend::kSlirp, UserModeBackend::kPasst),
                         UserModeBackendName);

// Bytes that no transfer is a multiple of: what is lost, doubled or moved is seen.
std::string MakePattern() {
  std::string bytes(1'000'003, '\0');
  uint32_t state = 1;
  for (char& c : bytes) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}

// Sends and receives at once; answers whether all came through unchanged.
bool Transfer(const UniqueFd& from, const UniqueFd& to, size_t size) {
  static const std::string pattern = MakePattern();
  std::thread sender([&] {
    for (size_t put = 0; put < size;) {
      const size_t at = put % pattern.size();
      const ssize_t n =
          ::send(from.get(), &pattern[at], std::min(pattern.size() - at, size - put), MSG_NOSIGNAL);
      if (n <= 0) break;
      put += static_cast<size_t>(n);
    }
    ::shutdown(from.get(), SHUT_WR);
  });
  std::string buffer(1 << 18, '\0');
  size_t got = 0;
  bool same = true;
  for (;;) {
    const size_t at = got % pattern.size();
    const ssize_t n = ::recv(to.get(), buffer.data(), std::min(buffer.size(), pattern.size() - at), 0);
    if (n <= 0) break;
    same = same && std::memcmp(buffer.data(), &pattern[at], static_cast<size_t>(n)) == 0;
    got += static_cast<size_t>(n);
  }
  sender.join();
  return same && got == size;
}

UniqueFd Open(const char* path) { return UniqueFd(::open(path, O_WRONLY | O_CLOEXEC)); }

// Sends one echo request by a raw socket; whether it is answered.
bool Pings(const SocketSpace& from, const std::string& ip) {
  bool answered = false;
  from.Run([&] {
    const TestAddress to(ip, 0);
    const bool ipv6 = to.family() == AF_INET6;
    const UniqueFd fd(
        ::socket(to.family(), SOCK_RAW | SOCK_CLOEXEC, ipv6 ? int{IPPROTO_ICMPV6} : int{IPPROTO_ICMP}));
    const timeval time{0, 300'000};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    // type, code, checksum (the kernel's, for IPv6), id, sequence
    const std::string request =
        ipv6 ? std::string("\x80\0\0\0\x12\x34\0\x01", 8) : std::string("\x08\0\xe5\xca\x12\x34\0\x01", 8);
    for (int i = 0; i < 10 && !answered; ++i) {
      ::sendto(fd.get(), request.data(), request.size(), 0, to.get(), to.size);
      for (std::string got = Hear(fd); got.rfind("error", 0) != 0 && !answered; got = Hear(fd)) {
        const std::string message = ipv6 ? got : got.substr(20);
        answered = message.size() >= 8 && message.substr(4) == request.substr(4) &&
                   (ipv6 ? message[0] == '\x81' : message[0] == 0);
      }
    }
  });
  return answered;
}

TEST_P(UserModeTest, Start_Defaults_DescribesTheGuest) {
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_THAT(network_->description(), AnyOf(StartsWith("libslirp 4"), StartsWith("passt 20")));
  EXPECT_THAT(network_->guest().addresses, ElementsAre("10.0.2.15/24", "fd76:6370:6f64::15/64"));
  EXPECT_EQ(network_->guest().routes.size(), 2U);
  EXPECT_EQ(network_->guest().mtu, 65520U);
  EXPECT_THAT(network_->dns().servers, ElementsAre("10.0.2.3"));
  EXPECT_THAT(network_->dns().searches, ElementsAre("example.org"));
}

TEST_P(UserModeTest, Dns_QueryToForwarder_ReachesHostsResolver) {
  const UniqueFd resolver = Bind(host(), kHostIpv4, 53, SOCK_DGRAM);
  ASSERT_NO_FATAL_FAILURE(Start());
  const UniqueFd client = Connect(guest(), network_->dns().servers[0], 53, SOCK_DGRAM);
  // A query for the A record of "a".
  const std::string query(
      "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01"
      "a\x00\x00\x01\x00\x01",
      19);
  Say(client, query);
  AnswerOnce(resolver, query.substr(0, 2) + "\x81\x80");
  EXPECT_EQ(Hear(client), query.substr(0, 2) + "\x81\x80" + query);
}

TEST_P(UserModeTest, TcpOut_BothFamilies_Connect) {
  ASSERT_NO_FATAL_FAILURE(Start());
  for (const char* address : {kHostIpv4, kHostIpv6}) {
    const UniqueFd server = Bind(host(), address, 5000);
    const UniqueFd client = Connect(guest(), address, 5000);
    ASSERT_TRUE(client) << address << ": " << errno;
    const UniqueFd served = Accept(server);
    Say(client, "question");
    EXPECT_EQ(Hear(served), "question");
    Say(served, "answer");
    EXPECT_EQ(Hear(client), "answer");
  }
}

TEST_P(UserModeTest, TcpOut_NobodyListens_IsRefused) {
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_FALSE(Connect(guest(), kHostIpv4, 5001));
  EXPECT_EQ(errno, ECONNREFUSED);
}

TEST_P(UserModeTest, TcpForward_EitherSideSpeaksFirst_Works) {
  ForwardTcp("", 8080, 80);
  ASSERT_NO_FATAL_FAILURE(Start());
  for (const bool ipv6 : {false, true}) {
    const UniqueFd server = Bind(guest(), ipv6 ? guest_ipv6() : guest_ipv4(), 80);
    for (const char* address : {ipv6 ? kHostIpv6 : kHostIpv4, ipv6 ? "::1" : "127.0.0.1"}) {
      // What comes from ::1, passt sends to the guest's link-local address.
      if (GetParam() == UserModeBackend::kPasst && address == std::string("::1")) continue;
      const UniqueFd client = Connect(host(), address, 8080);
      ASSERT_TRUE(client) << address;
      const UniqueFd served = Accept(server);
      Say(served, "banner");
      EXPECT_EQ(Hear(client), "banner") << address;
      Say(client, "hello");
      EXPECT_EQ(Hear(served), "hello") << address;

      const UniqueFd eager = Connect(host(), address, 8080);
      Say(eager, "request");
      const UniqueFd second = Accept(server);
      EXPECT_EQ(Hear(second), "request") << address;
    }
  }
}

TEST_P(UserModeTest, TcpForward_Range_MapsEachPort) {
  ForwardTcp(kHostIpv4, 9000, 7000, 3);
  ASSERT_NO_FATAL_FAILURE(Start());
  for (uint16_t i = 0; i < 3; ++i) {
    const UniqueFd server = Bind(guest(), guest_ipv4(), 7000 + i);
    const UniqueFd client = Connect(host(), kHostIpv4, 9000 + i);
    ASSERT_TRUE(client);
    Say(Accept(server), std::to_string(i));
    EXPECT_EQ(Hear(client), std::to_string(i));
  }
}

TEST_P(UserModeTest, Ping_GatewayAndHost_IsAnswered) {
  ASSERT_NO_FATAL_FAILURE(Start());
  // By default no group may have the sockets that pings leave by.
  host().Run(
      [] { ASSERT_TRUE(WriteAll(Open("/proc/sys/net/ipv4/ping_group_range").get(), "0 2147483647")); });
  EXPECT_TRUE(Pings(guest(), kHostIpv4));
  // Where the gateway is not the host, passt has nobody to answer in its name.
  if (GetParam() == UserModeBackend::kPasst) return;
  EXPECT_TRUE(Pings(guest(), "10.0.2.2"));
  EXPECT_TRUE(Pings(guest(), "fd76:6370:6f64::2"));
}

TEST_P(UserModeTest, Limits_BothDirections_SlowTransfersDown) {
  if (GetParam() == UserModeBackend::kPasst) GTEST_SKIP() << "skipped: passt has no limits";
  constexpr uint64_t kRate = 4'000'000;
  options_.limits = {{kRate, 100'000}, {2 * kRate, 100'000}};
  const UniqueFd server = Bind(host(), kHostIpv4, 5000);
  ASSERT_NO_FATAL_FAILURE(Start());
  const UniqueFd client = Connect(guest(), kHostIpv4, 5000), served = Accept(server);
  const auto seconds = [](const UniqueFd& from, const UniqueFd& to) {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_TRUE(Transfer(from, to, 4 << 20));
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const double up = seconds(client, served), down = seconds(served, client);
  RecordProperty("up", std::to_string(up));
  RecordProperty("down", std::to_string(down));
  // Never faster than was asked for; how much slower, the machine has a say in.
  EXPECT_GT(up, 0.4);
  EXPECT_GT(down, 0.8);
}

TEST_P(UserModeTest, Udp_OutAndForwarded_IsAnswered) {
  options_.forwards.push_back({"", 5353, 53, 1, NetworkProtocol::kUdp});
  ASSERT_NO_FATAL_FAILURE(Start());
  for (const bool ipv6 : {false, true}) {
    const char* const host_address = ipv6 ? kHostIpv6 : kHostIpv4;
    const UniqueFd server = Bind(host(), host_address, 6000, SOCK_DGRAM);
    const UniqueFd client = Connect(guest(), host_address, 6000, SOCK_DGRAM);
    Say(client, "out");
    AnswerOnce(server, "re: ");
    EXPECT_EQ(Hear(client), "re: out");

    const UniqueFd inside = Bind(guest(), ipv6 ? guest_ipv6() : guest_ipv4(), 53, SOCK_DGRAM);
    const UniqueFd outside = Connect(host(), host_address, 5353, SOCK_DGRAM);
    Say(outside, "in");
    AnswerOnce(inside, "re: ");
    EXPECT_EQ(Hear(outside), "re: in");
    // What comes from ::1, passt sends to the guest's link-local address.
    if (ipv6 && GetParam() == UserModeBackend::kPasst) continue;
    const UniqueFd local = Connect(host(), ipv6 ? "::1" : "127.0.0.1", 5353, SOCK_DGRAM);
    for (const UniqueFd* sender : {&local, &outside, &local, &local}) {
      Say(*sender, "from the loopback");
      AnswerOnce(inside, "re: ");
      EXPECT_EQ(Hear(*sender), "re: from the loopback");
    }
  }
}

TEST_P(UserModeTest, Tcp_HundredMegabytesEachWay_ArriveUnchanged) {
  const UniqueFd server = Bind(host(), kHostIpv4, 5000);
  ASSERT_NO_FATAL_FAILURE(Start());
  for (const bool up : {true, false}) {
    const UniqueFd client = Connect(guest(), kHostIpv4, 5000);
    ASSERT_TRUE(client);
    const UniqueFd served = Accept(server);
    EXPECT_TRUE(up ? Transfer(client, served, 100 << 20) : Transfer(served, client, 100 << 20)) << up;
  }
}

TEST_P(UserModeTest, Tcp_HundredMegabytesAfterGuestHalfClosed_ArriveUnchanged) {
  if (GetParam() == UserModeBackend::kPasst)
    GTEST_SKIP() << "skipped: passt 2025_05_03 cuts about every second such transfer short";
  const UniqueFd server = Bind(host(), kHostIpv4, 5000);
  ASSERT_NO_FATAL_FAILURE(Start());
  const UniqueFd client = Connect(guest(), kHostIpv4, 5000), served = Accept(server);
  EXPECT_TRUE(Transfer(client, served, 100 << 20));
  EXPECT_TRUE(Transfer(served, client, 100 << 20));
}

TEST_P(UserModeTest, Tcp_HalfClosedByEitherSide_OtherDirectionStaysOpen) {
  const UniqueFd server = Bind(host(), kHostIpv4, 5000);
  ASSERT_NO_FATAL_FAILURE(Start());
  for (const bool guest_first : {true, false}) {
    UniqueFd a = Connect(guest(), kHostIpv4, 5000), b = Accept(server);
    if (!guest_first) std::swap(a, b);
    ::shutdown(a.get(), SHUT_WR);
    EXPECT_EQ(Hear(b), "");
    Say(b, "late");
    EXPECT_EQ(Hear(a), "late");
    b.reset();
    EXPECT_EQ(Hear(a), "");
  }
}

TEST_P(UserModeTest, Tcp_PeerOfASenderHasGone_StackGoesOn) {
  ForwardTcp("", 8080, 80);
  ASSERT_NO_FATAL_FAILURE(Start());
  const UniqueFd server = Bind(guest(), guest_ipv4(), 80);
  const std::string bytes(128 << 10, 'x');
  for (int i = 0; i < 30; ++i) {
    UniqueFd client = Connect(host(), kHostIpv4, 8080);
    const UniqueFd sender = Accept(server);
    std::thread sending([&] {
      while (::send(sender.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0) {
      }
    });
    std::string buffer(128 << 10, '\0');
    for (size_t got = 0; got < 8 << 20;) {
      const ssize_t n = ::recv(client.get(), buffer.data(), buffer.size(), 0);
      ASSERT_GT(n, 0);
      got += static_cast<size_t>(n);
    }
    client.reset();
    sending.join();
    ASSERT_FALSE(HasExited()) << i;
  }
  const UniqueFd client = Connect(host(), kHostIpv4, 8080), served = Accept(server);
  Say(client, "still here");
  EXPECT_EQ(Hear(served), "still here");
}

TEST_P(UserModeTest, Tcp_TwoHundredConnectionsAtOnce_AllWork) {
  constexpr int kCount = 200;
  ForwardTcp("", 8080, 80);
  const UniqueFd out_server = Bind(host(), kHostIpv4, 5000);
  ASSERT_NO_FATAL_FAILURE(Start());
  const UniqueFd in_server = Bind(guest(), guest_ipv4(), 80);
  std::vector<UniqueFd> clients, served;
  for (int i = 0; i < kCount; ++i) {
    clients.push_back(i % 2 == 0 ? Connect(guest(), kHostIpv4, 5000) : Connect(host(), kHostIpv4, 8080));
    ASSERT_TRUE(clients.back()) << i << ": " << errno;
    served.push_back(Accept(i % 2 == 0 ? out_server : in_server));
  }
  for (size_t i = 0; i < clients.size(); ++i) Say(clients[i], std::to_string(i));
  for (size_t i = 0; i < clients.size(); ++i) EXPECT_EQ(Hear(served[i]), std::to_string(i));
  for (size_t i = 0; i < clients.size(); ++i) Say(served[i], std::to_string(i));
  for (size_t i = 0; i < clients.size(); ++i) EXPECT_EQ(Hear(clients[i]), std::to_string(i));
}

TEST_P(UserModeTest, Start_PortIsTaken_FailsAndNamesIt) {
  for (const bool udp : {false, true}) {
    const UniqueFd other = Bind(host(), "0.0.0.0", 8080, udp ? SOCK_DGRAM : SOCK_STREAM);
    options_.forwards = {{"0.0.0.0", 8079, 80, 3, udp ? NetworkProtocol::kUdp : NetworkProtocol::kTcp}};
    const auto started = TryStart();
    ASSERT_FALSE(started);
    EXPECT_THAT(started.error().ToString(), HasSubstr(std::string("port 8080/") + (udp ? "udp" : "tcp") +
                                                      " of 0.0.0.0 is taken on the host"));
    EXPECT_EQ(started.error().code(), Code::kFailedPrecondition);
  }
}

TEST_P(UserModeTest, Process_IsKilled_OnExitSaysSo) {
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_TRUE(KillAndWait(network_->process(), SoonEnough()));
  EXPECT_THAT(AwaitExit(), HasSubstr("killed by signal 9"));
}

TEST_P(UserModeTest, Stream_ClosedByVm_ProcessEnds) {
  ASSERT_NO_FATAL_FAILURE(Start());
  guest_.reset();
  EXPECT_THAT(AwaitExit(), HasSubstr("exited with status 0"));
}

TEST_P(UserModeTest, Stop_Running_EndsProcessWithoutOnExit) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const ProcessIdentity process = network_->process();
  EXPECT_TRUE(network_->Stop(SoonEnough()));
  EXPECT_FALSE(IsAlive(process));
  EXPECT_TRUE(network_->Stop(SoonEnough()));
  EXPECT_FALSE(HasExited());
}

TEST_P(UserModeTest, Rejoin_AfterDetach_GoesOnWithTheProcess) {
  ForwardTcp("", 8080, 80);
  ASSERT_NO_FATAL_FAILURE(Start());
  const ProcessIdentity process = network_->process();
  const std::string description = network_->description();
  network_->Detach();
  network_.reset();
  ASSERT_TRUE(IsAlive(process));
  host().Run([&] {
    auto rejoined = UserModeNetwork::Rejoin(options_, process);
    ASSERT_TRUE(rejoined) << rejoined.error().ToString();
    network_ = std::move(*rejoined);
  });
  EXPECT_EQ(network_->description(), description);
  EXPECT_THAT(network_->guest().addresses, ElementsAre("10.0.2.15/24", "fd76:6370:6f64::15/64"));
  const UniqueFd server = Bind(guest(), guest_ipv4(), 80);
  const UniqueFd client = Connect(host(), kHostIpv4, 8080);
  Say(Accept(server), "banner");
  EXPECT_EQ(Hear(client), "banner");
  network_.reset();
  EXPECT_FALSE(IsAlive(process));
  EXPECT_EQ(UserModeNetwork::Rejoin(options_, process).error().code(), Code::kNotFound);
}

}  // namespace
}  // namespace virtcontainers
