#include "pod/validate_network.h"

#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace virtcontainers {
namespace {

using ::testing::HasSubstr;

NetworkConfig Network(NetworkKind kind, std::string source = "") {
  NetworkConfig network;
  network.kind = kind;
  network.source = std::move(source);
  return network;
}

void ExpectRefused(NetworkConfig network, const std::function<void(NetworkConfig&)>& spoil,
                   const std::string& message) {
  spoil(network);
  const Status status = ValidateNetworks({network});
  ASSERT_FALSE(status) << message;
  EXPECT_EQ(status.error().code(), Code::kInvalidArgument) << status.error().ToString();
  EXPECT_THAT(status.error().ToString(), HasSubstr(message));
}

void ExpectRefused(const std::function<void(NetworkConfig&)>& spoil, const std::string& message) {
  ExpectRefused(Network(NetworkKind::kUser), spoil, message);
}

TEST(ValidateNetworkTest, EachKind_WithWhatItNeeds_IsAccepted) {
  NetworkConfig user = Network(NetworkKind::kUser);
  user.addresses = {"10.9.0.2/24", "fd00::2/64"};
  user.forwards = {{"127.0.0.1", 8080, 80, 1, NetworkProtocol::kTcp},
                   {"::1", 8080, 80, 1, NetworkProtocol::kTcp},
                   {"", 8080, 80, 10, NetworkProtocol::kUdp}};
  user.host_loopback = true;
  user.limits.receive = {1000, 0};
  NetworkConfig tap = Network(NetworkKind::kTap, "tap0");
  tap.mac = "02:00:00:00:00:0a";
  tap.mtu = 65535;
  tap.addresses = {"192.0.2.2/32"};
  tap.routes = {{"0.0.0.0/0", "169.254.1.1", "192.0.2.2", 100, true}};
  NetworkConfig cni = Network(NetworkKind::kCni, "podman");
  cni.cni.args = {{"K8S_POD_NAME", "web"}};
  cni.cni.capability_args = R"({"bandwidth":{"ingressRate":1}})";
  NetworkConfig dns = Network(NetworkKind::kDescriptor);
  dns.dns.servers = {"192.0.2.53"};
  const Status status = ValidateNetworks({user, tap, cni, dns, Network(NetworkKind::kBridge, "br0"),
                                          Network(NetworkKind::kNamespace, "/run/netns/x")});
  EXPECT_TRUE(status) << status.error().ToString();
}

TEST(ValidateNetworkTest, Names_TwiceOrNotOfInterfaces_AreRefused) {
  NetworkConfig named = Network(NetworkKind::kUser);
  named.name = "eth1";
  const Status twice = ValidateNetworks({named, Network(NetworkKind::kUser)});
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code(), Code::kAlreadyExists);
  EXPECT_THAT(twice.error().ToString(), HasSubstr("network 'eth1' is there twice"));
  for (const char* name : {"lo", "a/b", "sixteen-letters-", ".", "..", "a b", "a:0", "\xc3\xbc", "eth%d"}) {
    ExpectRefused([&](NetworkConfig& network) { network.name = name; },
                  name == std::string("\xc3\xbc") ? "is not valid" : "'" + std::string(name) + "'");
  }
}

TEST(ValidateNetworkTest, MacAndMtu_OutOfRange_AreRefused) {
  ExpectRefused([](NetworkConfig& n) { n.mac = "01:00:5e:00:00:01"; }, "is a group's");
  ExpectRefused([](NetworkConfig& n) { n.mac = "00:00:00:00:00:00"; }, "is no station's");
  ExpectRefused([](NetworkConfig& n) { n.mac = "52:54:00:12:34"; }, "'52:54:00:12:34' is not a MAC address");
  ExpectRefused([](NetworkConfig& n) { n.mtu = 67; }, "mtu 67 is out of range: give 68 to 65535");
  ExpectRefused([](NetworkConfig& n) { n.mtu = 70000; }, "mtu 70000 is out of range");
  ExpectRefused(
      [](NetworkConfig& n) {
        n.mtu = 1279;
        n.addresses = {"fd00::2/64"};
      },
      "IPv6 needs 1280");
}

TEST(ValidateNetworkTest, AddressesAndRoutes_Malformed_AreRefused) {
  for (const char* address : {"10.0.0.2", "10.0.0.2/33", "10.0.0.2/0", "x/8", ""}) {
    ExpectRefused([&](NetworkConfig& n) { n.addresses = {address}; }, "is not an address with its prefix");
  }
  ExpectRefused(
      [](NetworkConfig& n) {
        n.addresses = {"10.0.0.2/24", "10.0.1.2/24"};
      },
      "'10.0.1.2/24' is the second of its family");
  ExpectRefused(
      Network(NetworkKind::kTap, "tap0"),
      [](NetworkConfig& n) {
        n.addresses = {"10.0.0.2/24", "10.0.0.2/8"};
      },
      "'10.0.0.2/8' is there twice");
  ExpectRefused(
      [](NetworkConfig& n) {
        n.routes = {{"default", "10.0.0.1", "", 0, false}};
      },
      "that is not a network");
  ExpectRefused(
      [](NetworkConfig& n) {
        n.routes = {{"0.0.0.0/0", "fd00::1", "", 0, false}};
      },
      "gateway 'fd00::1' is of the other family");
  ExpectRefused(
      [](NetworkConfig& n) {
        n.routes = {{"0.0.0.0/0", "10.0.0.1/8", "", 0, false}};
      },
      "'10.0.0.1/8' is not an IP address");
  ExpectRefused([](NetworkConfig& n) { n.dns.servers = {"one"}; }, "dns server 'one'");
}

TEST(ValidateNetworkTest, Forwards_OutOfRangeOrTwice_AreRefused) {
  ExpectRefused(
      [](NetworkConfig& n) {
        n.forwards = {{"", 0, 80, 1, NetworkProtocol::kTcp}};
      },
      "'0:80/tcp': the host's port 0 is out of range");
  ExpectRefused(
      [](NetworkConfig& n) {
        n.forwards = {{"", 80, 0, 1, NetworkProtocol::kUdp}};
      },
      "the guest's port 0 is out of range");
  ExpectRefused(
      [](NetworkConfig& n) {
        n.forwards = {{"", 65535, 80, 2, NetworkProtocol::kTcp}};
      },
      "the host's port 65535 with 2 ports");
  ExpectRefused(
      [](NetworkConfig& n) {
        n.forwards = {{"here", 1, 80, 1, NetworkProtocol::kTcp}};
      },
      "'here' is not an IP address");
  ExpectRefused(
      [](NetworkConfig& n) {
        n.forwards = {{"", 80, 80, 10, NetworkProtocol::kTcp},
                      {"127.0.0.1", 89, 1, 1, NetworkProtocol::kTcp}};
      },
      "port forwards '80:80/tcp' and '127.0.0.1:89:1/tcp' take one port of the host");
}

TEST(ValidateNetworkTest, Limits_WithoutRateOrTooSmall_AreRefused) {
  ExpectRefused([](NetworkConfig& n) { n.limits.receive.burst = 1; }, "without a rate has no effect");
  ExpectRefused([](NetworkConfig& n) { n.limits.transmit.rate = 999; }, "at least 1000");
}

TEST(ValidateNetworkTest, Fields_OfAnotherKind_AreRefused) {
  ExpectRefused([](NetworkConfig& n) { n.source = "x"; }, "source 'x' is not for a network of kind 'user'");
  ExpectRefused([](NetworkConfig& n) { n.cni.config = "{}"; }, "cni is not for");
  const NetworkConfig ns = Network(NetworkKind::kNamespace, "/run/netns/x");
  ExpectRefused(
      ns, [](NetworkConfig& n) { n.source = "x"; }, "absolute");
  ExpectRefused(
      ns, [](NetworkConfig& n) { n.mtu = 1500; }, "set it on the namespace's interface");
  ExpectRefused(
      ns,
      [](NetworkConfig& n) {
        n.forwards = {{"", 1, 1, 1, NetworkProtocol::kTcp}};
      },
      "a port forward is not for");
  ExpectRefused(
      ns, [](NetworkConfig& n) { n.host_loopback = true; }, "host_loopback is not for");
  ExpectRefused(
      Network(NetworkKind::kTap), [](NetworkConfig&) {}, "tap device '' is not valid");
  ExpectRefused(
      Network(NetworkKind::kDescriptor), [](NetworkConfig& n) { n.limits.receive.rate = 5000; },
      "limit the device");
}

TEST(ValidateNetworkTest, Cni_MalformedTextOrArgs_AreRefused) {
  const NetworkConfig cni = Network(NetworkKind::kCni);
  ExpectRefused(
      cni, [](NetworkConfig& n) { n.cni.config = "{"; }, "cni.config");
  ExpectRefused(
      cni, [](NetworkConfig& n) { n.cni.config = std::string(10 << 20, ' '); }, "at most 1048576");
  ExpectRefused(
      cni, [](NetworkConfig& n) { n.cni.capability_args = "[]"; }, "is not a JSON object");
  ExpectRefused(
      cni,
      [](NetworkConfig& n) {
        n.cni.args = {{"a", "1;2"}};
      },
      "without ';' and '='");
  ExpectRefused(
      cni, [](NetworkConfig& n) { n.cni.plugin_directories = {"bin"}; }, "absolute");
  ExpectRefused(
      cni,
      [](NetworkConfig& n) {
        n.source = "podman";
        n.cni.config = "{}";
      },
      "give one");
}

TEST(NetworkNamesTest, NamesThatAreNotGiven_FollowThePosition) {
  NetworkConfig named = Network(NetworkKind::kUser);
  named.name = "up";
  const auto networks = NamedNetworks({Network(NetworkKind::kUser), named, Network(NetworkKind::kUser)});
  EXPECT_EQ(networks[0].name, "eth0");
  EXPECT_EQ(networks[1].name, "up");
  EXPECT_EQ(networks[2].name, "eth2");
  EXPECT_EQ(FreeNetworkName({"eth0", "eth2"}), "eth1");
}

}  // namespace
}  // namespace virtcontainers
