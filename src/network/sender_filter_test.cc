#include "network/sender_filter.h"

#include <linux/pkt_cls.h>
#include <sys/syscall.h>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/network_address.h"
#include "network/test_network.h"

namespace virtcontainers {
namespace {

using namespace std::string_literals;

const std::string kOwnMac = "\x02\0\0\0\0\x02"s, kOtherMac = "\x02\0\0\0\0\x09"s;
const std::string kBroadcast = "\xff\xff\xff\xff\xff\xff"s;

std::string Ip(const std::string& text) { return ParseIp(text)->bytes; }

std::string Ethernet(const std::string& type, const std::string& payload, const std::string& from = kOwnMac) {
  return kBroadcast + from + type + payload;
}

std::string Arp(const std::string& mac, const std::string& sender, const std::string& target) {
  return Ethernet("\x08\x06"s,
                  "\0\x01\x08\0\x06\x04\0\x01"s + mac + Ip(sender) + std::string(6, '\0') + Ip(target));
}

std::string Ip4(const std::string& source, char protocol = 17,
                const std::string& rest = std::string(8, 'u')) {
  return Ethernet("\x08\0"s,
                  "\x45\0\0\0\0\0\0\0\x40"s + protocol + "\0\0"s + Ip(source) + Ip("10.9.0.1") + rest);
}

std::string Ip6(const std::string& source, int next, const std::string& rest) {
  return Ethernet("\x86\xdd"s,
                  "\x60\0\0\0\0\0"s + static_cast<char>(next) + "\xff"s + Ip(source) + Ip("ff02::1") + rest);
}

// ICMPv6 with a target, as neighbor discovery has it.
std::string Icmp6(int type, const std::string& target = "::") {
  return std::string(1, static_cast<char>(type)) + std::string(7, '\0') + Ip(target);
}

// Runs the program in the kernel on frames, by BPF_PROG_TEST_RUN.
class SenderFilterTest : public testing::Test {
 protected:
  void SetUp() override { VC_SKIP_UNLESS_ROOT(); }

  void Use(const std::vector<std::string>& addresses, bool any = false) {
    const auto program = SenderFilter({"02:00:00:00:00:02", addresses, any});
    ASSERT_TRUE(program) << program.error().ToString();
    auto loaded = LoadClassifier(*program);
    ASSERT_TRUE(loaded) << loaded.error().ToString();
    program_ = std::move(*loaded);
  }

  bool Passes(const std::string& frame) {
    bpf_attr attributes{};
    attributes.test.prog_fd = static_cast<uint32_t>(program_.get());
    attributes.test.data_in = reinterpret_cast<uintptr_t>(frame.data());
    attributes.test.data_size_in = static_cast<uint32_t>(frame.size());
    const long ran = ::syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attributes, sizeof(attributes));
    EXPECT_EQ(ran, 0) << std::strerror(errno);
    const auto verdict = static_cast<int32_t>(attributes.test.retval);
    EXPECT_TRUE(verdict == TC_ACT_UNSPEC || verdict == TC_ACT_SHOT) << verdict;
    return verdict == TC_ACT_UNSPEC;
  }

  UniqueFd program_;
};

TEST_F(SenderFilterTest, Frame_OtherSourceMac_IsDropped) {
  Use({"10.9.0.2"});
  EXPECT_TRUE(Passes(Ip4("10.9.0.2")));
  std::string frame = Ip4("10.9.0.2");
  frame.replace(6, 6, kOtherMac);
  EXPECT_FALSE(Passes(frame));
  for (size_t byte = 6; byte < 12; ++byte) {
    frame = Ip4("10.9.0.2");
    frame[byte] ^= 0x40;
    EXPECT_FALSE(Passes(frame)) << byte;
  }
}

TEST_F(SenderFilterTest, Frame_OtherProtocol_IsDropped) {
  Use({"10.9.0.2"});
  for (const auto& type : {"\x88\xcc"s, "\x88\x63"s, "\x00\x26"s, "\x88\xa8"s, "\x81\x00"s})
    EXPECT_FALSE(Passes(Ethernet(type, std::string(46, 'x'))));
}

TEST_F(SenderFilterTest, Arp_SenderOfList_Passes) {
  Use({"10.9.0.2/24", "10.9.0.3"});
  EXPECT_TRUE(Passes(Arp(kOwnMac, "10.9.0.2", "10.9.0.1")));
  EXPECT_TRUE(Passes(Arp(kOwnMac, "10.9.0.3", "10.9.0.1")));
  EXPECT_TRUE(Passes(Arp(kOwnMac, "0.0.0.0", "10.9.0.2"))) << "a probe for an own address";
  EXPECT_FALSE(Passes(Arp(kOwnMac, "0.0.0.0", "10.9.0.1")));
  EXPECT_FALSE(Passes(Arp(kOwnMac, "10.9.0.1", "10.9.0.7")));
  EXPECT_FALSE(Passes(Arp(kOtherMac, "10.9.0.2", "10.9.0.1")));
  EXPECT_FALSE(Passes(Arp(kOwnMac, "10.9.0.2", "10.9.0.1").substr(0, 30)));
}

TEST_F(SenderFilterTest, Ip4_SourceOfList_Passes) {
  Use({"10.9.0.2", "10.9.0.3", "fd09::2"});
  EXPECT_TRUE(Passes(Ip4("10.9.0.2")));
  EXPECT_TRUE(Passes(Ip4("10.9.0.3", 6)));
  EXPECT_FALSE(Passes(Ip4("10.9.0.1")));
  EXPECT_FALSE(Passes(Ip4("0.0.0.0")));
  EXPECT_FALSE(Passes(Ip4("0.0.0.0", 17, "\0\x44\0\x43uuuu"s))) << "DHCP beside a static address";
}

TEST_F(SenderFilterTest, Ip4_NoneInList_OnlyDhcpPasses) {
  Use({"fd09::2"});
  EXPECT_TRUE(Passes(Ip4("0.0.0.0", 17, "\0\x44\0\x43uuuu"s)));
  EXPECT_FALSE(Passes(Ip4("0.0.0.0", 17, "\0\x43\0\x44uuuu"s)));
  EXPECT_FALSE(Passes(Ip4("0.0.0.0", 6, "\0\x44\0\x43uuuu"s)));
  EXPECT_FALSE(Passes(Ip4("10.9.0.2", 17, "\0\x44\0\x43uuuu"s)));
}

TEST_F(SenderFilterTest, Ip6_SourceOfListOrLinkLocal_Passes) {
  Use({"10.9.0.2", "fd09::2/64"});
  const std::string udp(8, 'u');
  EXPECT_TRUE(Passes(Ip6("fd09::2", 17, udp)));
  EXPECT_TRUE(Passes(Ip6("fe80::ff:fe00:2", 17, udp)));
  EXPECT_TRUE(Passes(Ip6("fe80::1", 17, udp)));
  EXPECT_FALSE(Passes(Ip6("fd09::1", 17, udp)));
  EXPECT_FALSE(Passes(Ip6("::", 17, udp)));
  EXPECT_FALSE(Passes(Ip6("fec0::1", 17, udp)));
}

TEST_F(SenderFilterTest, NeighborDiscovery_OfOwnAddresses_Passes) {
  Use({"fd09::2"});
  const auto passes = [&](const std::string& source, int type, const std::string& target) {
    return Passes(Ip6(source, 58, Icmp6(type, target)));
  };
  EXPECT_TRUE(passes("fd09::2", 136, "fd09::2"));
  EXPECT_TRUE(passes("fd09::2", 136, "fe80::ff:fe00:2"));
  EXPECT_FALSE(passes("fd09::2", 136, "fd09::1")) << "an advertisement for somebody else";
  EXPECT_FALSE(passes("fd09::2", 136, "fe80::1"));
  EXPECT_FALSE(passes("fe80::1", 136, "fd09::2"));
  EXPECT_FALSE(passes("::", 136, "fd09::1"));
  EXPECT_TRUE(passes("fd09::2", 135, "fd09::1"));
  EXPECT_TRUE(passes("::", 135, "fd09::2")) << "duplicate address detection";
  EXPECT_FALSE(passes("::", 135, "fd09::1"));
  EXPECT_FALSE(passes("fe80::1", 135, "fd09::1"));
  EXPECT_TRUE(passes("fe80::ff:fe00:2", 133, "::"));
  EXPECT_FALSE(passes("fe80::ff:fe00:2", 134, "::")) << "a router's advertisement";
  EXPECT_FALSE(passes("fd09::2", 137, "fd09::1")) << "a redirect";
  EXPECT_TRUE(passes("fd09::2", 128, "::")) << "an echo request";
  EXPECT_TRUE(passes("fe80::1", 128, "::"));
  EXPECT_FALSE(passes("::", 128, "::"));
  EXPECT_TRUE(Passes(Ip6("::", 0, "\x3a\0\x05\x02\0\0\x01\0"s + Icmp6(143)))) << "a multicast report";
}

TEST_F(SenderFilterTest, NeighborDiscovery_BehindOtherHeaders_IsChecked) {
  Use({"fd09::2"});
  const std::string options = "\x3a\0\x01\x04\0\0\0\0"s, more = "\x3c\0\x01\x04\0\0\0\0"s;
  for (const int header : {0, 43, 60}) {
    EXPECT_FALSE(Passes(Ip6("fd09::2", header, options + Icmp6(136, "fd09::1")))) << header;
    EXPECT_TRUE(Passes(Ip6("fd09::2", header, options + Icmp6(136, "fd09::2")))) << header;
    EXPECT_FALSE(Passes(Ip6("fd09::2", header, more + more + options + Icmp6(136, "fd09::1")))) << header;
  }
  std::string many;
  for (int i = 0; i < 9; ++i) many += more;
  EXPECT_FALSE(Passes(Ip6("fd09::2", 60, many + options + Icmp6(128))));
  // The first fragment, a later one, and one that hides what it has.
  EXPECT_FALSE(Passes(Ip6("fd09::2", 44, "\x3a\0\0\x01\0\0\0\x07"s + Icmp6(136, "fd09::1"))));
  EXPECT_TRUE(Passes(Ip6("fd09::2", 44, "\x3a\0\0\x01\0\0\0\x07"s + Icmp6(128))));
  EXPECT_TRUE(Passes(Ip6("fd09::2", 44, "\x3a\0\x05\xa8\0\0\0\x07"s + Icmp6(136, "fd09::1"))));
  EXPECT_FALSE(Passes(Ip6("fd09::2", 44, "\x3c\0\0\x01\0\0\0\x07"s)));
}

TEST_F(SenderFilterTest, AnyAddress_OnlyMacsAreChecked) {
  Use({}, true);
  EXPECT_TRUE(Passes(Ip4("1.2.3.4")));
  EXPECT_TRUE(Passes(Ip6("fd09::7", 17, "u")));
  EXPECT_TRUE(Passes(Ethernet("\x88\xcc"s, "lldp")));
  EXPECT_TRUE(Passes(Arp(kOwnMac, "1.2.3.4", "10.9.0.1")));
  EXPECT_FALSE(Passes(Arp(kOtherMac, "1.2.3.4", "10.9.0.1")));
  std::string frame = Ip4("1.2.3.4");
  frame.replace(6, 6, kOtherMac);
  EXPECT_FALSE(Passes(frame));
}

TEST_F(SenderFilterTest, List_OfManyAddresses_IsAccepted) {
  std::vector<std::string> addresses;
  for (int i = 0; i < 1000; ++i) {
    addresses.push_back("10.10." + std::to_string(i / 250) + "." + std::to_string(i % 250));
    addresses.push_back("fd10::" + std::to_string(i));
  }
  Use(addresses);
  EXPECT_TRUE(Passes(Ip4("10.10.3.249")));
  EXPECT_TRUE(Passes(Ip6("fd10::999", 17, "u")));
  EXPECT_FALSE(Passes(Ip4("10.10.3.250")));
}

TEST(SenderFilterTextTest, Rules_NoAddresses_AreRefused) {
  EXPECT_EQ(SenderFilter({"02:00", {}}).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(SenderFilter({"02:00:00:00:00:02", {"10.9"}}).error().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace virtcontainers
