#include <sys/socket.h>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "network/test_user_mode.h"
#include "os/file.h"

namespace virtcontainers {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

class UserModeIsolationTest : public UserModeTest {};

INSTANTIATE_TEST_SUITE_P(Backends, UserModeIsolationTest,
                         testing::Values(UserModeBackend::kSlirp, UserModeBackend::kPasst),
                         UserModeBackendName);

bool Reaches(const SocketSpace& from, const std::string& address) {
  return static_cast<bool>(Connect(from, address, 4000, SOCK_STREAM, 1));
}

TEST_P(UserModeIsolationTest, HostLoopback_ByDefault_IsUnreachable) {
  const UniqueFd ipv4 = Bind(host(), "127.0.0.1", 4000), ipv6 = Bind(host(), "::1", 4000);
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_FALSE(Reaches(guest(), "10.0.2.2"));
  EXPECT_FALSE(Reaches(guest(), "10.0.2.3"));
  EXPECT_FALSE(Reaches(guest(), "fd76:6370:6f64::2"));
  EXPECT_FALSE(Reaches(guest(), "fd76:6370:6f64::77"));
}

// A datagram of the host's loopback to a forwarded port may be answered, which opens no other way.
TEST_P(UserModeIsolationTest, HostLoopback_AfterADatagramFromIt_IsUnreachableOtherwise) {
  options_.forwards.push_back({"127.0.0.1", 5353, 53, 1, NetworkProtocol::kUdp});
  ASSERT_NO_FATAL_FAILURE(Start());
  const UniqueFd client = Connect(host(), "127.0.0.1", 5353, SOCK_DGRAM);
  const UniqueFd other = Bind(host(), "127.0.0.1", 4000, SOCK_DGRAM);
  const UniqueFd inside = Bind(guest(), guest_ipv4(), 53, SOCK_DGRAM);
  Say(client, "question");
  AnswerOnce(inside, "re: ");
  EXPECT_EQ(Hear(client), "re: question");
  sockaddr_in own{};
  socklen_t size = sizeof own;
  ASSERT_EQ(::getsockname(client.get(), reinterpret_cast<sockaddr*>(&own), &size), 0);
  // To another port, from another port, and by TCP.
  const UniqueFd to_other = Connect(guest(), "10.0.2.2", 4000, SOCK_DGRAM);
  Say(to_other, "lie");
  const UniqueFd from_other = Connect(guest(), "10.0.2.2", ntohs(own.sin_port), SOCK_DGRAM);
  Say(from_other, "lie");
  EXPECT_FALSE(Reaches(guest(), "10.0.2.2"));
  char lie = 0;
  EXPECT_EQ(::recv(other.get(), &lie, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(::recv(client.get(), &lie, 1, MSG_DONTWAIT), -1);
}

TEST_P(UserModeIsolationTest, HostLoopback_AskedFor_IsReachedByTheGateway) {
  const UniqueFd ipv4 = Bind(host(), "127.0.0.1", 4000), ipv6 = Bind(host(), "::1", 4000);
  options_.host_loopback = true;
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_TRUE(Reaches(guest(), "10.0.2.2"));
  EXPECT_TRUE(Reaches(guest(), "fd76:6370:6f64::2"));
}

// A guest's kernel sends no packets to 127.0.0.1, unless it is told that this is an address like any other.
TEST_P(UserModeIsolationTest, HostLoopback_AddressedDirectly_IsUnreachable) {
  const UniqueFd ipv4 = Bind(host(), "0.0.0.0", 4000);
  ASSERT_NO_FATAL_FAILURE(Start());
  guest().Configure({"addr del 127.0.0.1/8 dev lo", "route add 127.0.0.0/8 via 10.0.2.2"});
  guest().Run([] {
    ASSERT_TRUE(WriteAll(
        UniqueFd(::open("/proc/sys/net/ipv4/conf/all/route_localnet", O_WRONLY | O_CLOEXEC)).get(), "1"));
  });
  EXPECT_FALSE(Reaches(guest(), "127.0.0.1"));
  EXPECT_TRUE(Reaches(guest(), kHostIpv4)) << "the way is open otherwise";
}

TEST_P(UserModeIsolationTest, Guest_SendsGarbageFrames_NetworkStaysUp) {
  if (GetParam() == UserModeBackend::kPasst) GTEST_SKIP() << "skipped: passt ends when a frame is too short";
  const UniqueFd server = Bind(host(), kHostIpv4, 4000);
  ASSERT_NO_FATAL_FAILURE(Start());
  uint32_t state = 7;
  for (int i = 0; i < 3000; ++i) {
    std::string frame(1 + (state >> 16) % 1500, '\0');
    for (char& c : frame) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
    const char* const types[] = {"\x08\x00\x45", "\x86\xdd\x60", "\x08\x06\x00"};
    if (frame.size() > 15) frame.replace(12, 3, types[i % 3], 3);
    guest_->SendFrame(frame);
  }
  guest_->SendFrame(std::string(65535 + 14, '\x45'));
  EXPECT_TRUE(Reaches(guest(), kHostIpv4));
}

TEST_P(UserModeIsolationTest, Guest_SendsImpossibleLength_ProcessEnds) {
  if (GetParam() == UserModeBackend::kPasst) GTEST_SKIP() << "skipped: passt has its own way to take it";
  ASSERT_NO_FATAL_FAILURE(Start());
  guest_->SendRaw(
      "\xff\xff\xff\xff"
      "x");
  EXPECT_THAT(AwaitExit(), HasSubstr("exited with status 1: the VM sent a frame of 4294967295 bytes"));
}

// The value of a line "Name:\tvalue" of /proc/PID/status.
std::string StatusOf(const ProcessIdentity& process, const std::string& name) {
  const std::string text = ReadFile("/proc/" + std::to_string(process.pid) + "/status", 1 << 16).value_or("");
  const size_t at = text.find("\n" + name + ":\t");
  if (at == std::string::npos) return "";
  const size_t begin = at + name.size() + 3;
  return text.substr(begin, text.find('\n', begin) - begin);
}

TEST_P(UserModeIsolationTest, Process_OfRoot_IsConfined) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const ProcessIdentity& process = network_->process();
  const std::string proc = "/proc/" + std::to_string(process.pid);
  EXPECT_THAT(StatusOf(process, "Uid"), Not(HasSubstr("\t0\t")));
  EXPECT_NE(StatusOf(process, "Uid").substr(0, 2), "0\t");
  EXPECT_EQ(StatusOf(process, "CapEff"), "0000000000000000");
  EXPECT_EQ(StatusOf(process, "CapPrm"), "0000000000000000");
  EXPECT_EQ(StatusOf(process, "NoNewPrivs"), "1");
  EXPECT_EQ(StatusOf(process, "Seccomp"), "2");
  const auto root = ListDirectory(proc + "/root");
  ASSERT_TRUE(root) << root.error().ToString();
  EXPECT_THAT(*root, AnyOf(testing::IsEmpty(), testing::ElementsAre("etc")));
  if (!root->empty()) {
    EXPECT_THAT(*ListDirectory(proc + "/root/etc"), testing::ElementsAre("resolv.conf"));
  }
}

TEST_P(UserModeIsolationTest, Process_OfRoot_HasTheDescriptorsThatItNeeds) {
  if (GetParam() == UserModeBackend::kPasst) GTEST_SKIP() << "skipped: passt's are its own";
  ForwardTcp("127.0.0.1", 8080, 80);
  ASSERT_NO_FATAL_FAILURE(Start());
  // /dev/null, the log twice, the stream, the port.
  EXPECT_EQ(ListDirectory("/proc/" + std::to_string(network_->process().pid) + "/fd")->size(), 5U);
}

}  // namespace
}  // namespace virtcontainers
