#include "network/cni/capabilities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

namespace virtcontainers::cni {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(CniCapabilities, Network_BecomesArguments) {
  NetworkConfig network;
  network.mac = "02:00:00:00:00:01";
  network.addresses = {"10.1.0.7/24"};
  network.dns.servers = {"10.1.0.1"};
  network.limits.receive = {.rate = 1'000'000, .burst = 100'000};
  network.limits.transmit = {.rate = 10'000'000};
  network.forwards = {{.host_address = "127.0.0.1", .host_port = 8080, .guest_port = 80, .count = 2},
                      {.host_port = 53, .guest_port = 53, .protocol = NetworkProtocol::kUdp}};
  network.cni.capability_args = R"({"aliases": ["a"]})";
  Result<std::map<std::string, Json>> arguments = CapabilityArguments(network);
  ASSERT_TRUE(arguments) << arguments.error().ToString();
  EXPECT_EQ((*arguments)["mac"], "02:00:00:00:00:01");
  EXPECT_EQ((*arguments)["ips"].dump(), R"(["10.1.0.7/24"])");
  EXPECT_EQ((*arguments)["dns"].dump(), R"({"servers":["10.1.0.1"]})");
  // Bits, and 20 ms of the rate where no burst is given.
  EXPECT_EQ((*arguments)["bandwidth"].dump(),
            R"({"ingressRate":8000000,"ingressBurst":800000,"egressRate":80000000,"egressBurst":1600000})");
  EXPECT_EQ((*arguments)["portMappings"].dump(),
            R"([{"hostPort":8080,"containerPort":80,"protocol":"tcp","hostIP":"127.0.0.1"},)"
            R"({"hostPort":8081,"containerPort":81,"protocol":"tcp","hostIP":"127.0.0.1"},)"
            R"({"hostPort":53,"containerPort":53,"protocol":"udp"}])");
  EXPECT_EQ((*arguments)["aliases"].dump(), R"(["a"])");
}

TEST(CniCapabilities, EmptyNetwork_HasNone) { EXPECT_TRUE(CapabilityArguments({})->empty()); }

TEST(CniCapabilities, BadArguments_AreNamed) {
  NetworkConfig network;
  network.mac = "02:00:00:00:00:01";
  network.cni.capability_args = R"({"mac": "x"})";
  EXPECT_THAT(CapabilityArguments(network).error().message(), HasSubstr("'mac'"));
  network.cni.capability_args = "[]";
  EXPECT_EQ(CapabilityArguments(network).error().code(), Code::kInvalidArgument);
  network.cni.capability_args = "{";
  EXPECT_EQ(CapabilityArguments(network).error().code(), Code::kInvalidArgument);
  network.cni.capability_args = "";
  network.forwards = {{.host_port = 65535, .guest_port = 1, .count = 2}};
  EXPECT_THAT(CapabilityArguments(network).error().message(), HasSubstr("65535"));
}

TEST(CniCapabilities, OnlyDeclaredOnes_ReachAPlugin) {
  const Result<List> list = ParseList(
      R"({"cniVersion": "1.0.0", "name": "n", "plugins": [
          {"type": "a", "capabilities": {"mac": true, "ips": false}}, {"type": "b"}]})",
      "'x'");
  ASSERT_TRUE(list) << list.error().ToString();
  const std::map<std::string, Json> arguments = {{"mac", "m"}, {"ips", Json::array()}, {"bandwidth", 1}};
  EXPECT_THAT(UndeclaredCapabilities(*list, arguments), ElementsAre("bandwidth", "ips"));
  EXPECT_EQ(RuntimeConfig(list->plugins[0], arguments).dump(), R"({"mac":"m"})");
  EXPECT_TRUE(RuntimeConfig(list->plugins[1], arguments).empty());
}

}  // namespace
}  // namespace virtcontainers::cni
