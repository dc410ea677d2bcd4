#include "network_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config_options.h"

namespace virtc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using virtcontainers::NetworkConfig;
using virtcontainers::NetworkKind;
using virtcontainers::NetworkProtocol;
using virtcontainers::PortForward;

TEST(ParseNetwork, EachKindWithOptions_IsRead) {
  EXPECT_EQ(ParseNetwork("user").value(), NetworkConfig());
  EXPECT_EQ(ParseNetwork("cni")->kind, NetworkKind::kCni);
  EXPECT_EQ(ParseNetwork("cni:podman")->source, "podman");
  EXPECT_EQ(ParseNetwork("namespace:/run/netns/x")->source, "/run/netns/x");
  EXPECT_EQ(ParseNetwork("tap:tap0,mtu=9000")->mtu, 9000u);
  const auto bridge = ParseNetwork(
      "bridge:br0,name=lan,mac=02:00:00:00:00:01,address=10.0.0.2/24,address=fd00::2/64,gateway=10.0.0.1,"
      "gateway=fd00::1,route=10.0.0.0/8@10.0.0.9,dns=10.0.0.53,receive=1M,transmit=2M/128K,allow-spoofing");
  ASSERT_TRUE(bridge) << bridge.error().ToString();
  EXPECT_EQ(bridge->name, "lan");
  EXPECT_THAT(bridge->addresses, ElementsAre("10.0.0.2/24", "fd00::2/64"));
  ASSERT_EQ(bridge->routes.size(), 3u);
  EXPECT_EQ(bridge->routes[0].destination, "0.0.0.0/0");
  EXPECT_EQ(bridge->routes[1].destination, "::/0");
  EXPECT_EQ(bridge->routes[1].gateway, "fd00::1");
  EXPECT_EQ(bridge->routes[2].destination, "10.0.0.0/8");
  EXPECT_EQ(bridge->limits.receive.rate, 1u << 20);
  EXPECT_EQ(bridge->limits.transmit.burst, 128u << 10);
  EXPECT_TRUE(bridge->allow_spoofing);
  EXPECT_THAT(ParseNetwork("cni:podman,cni-arg=A=b")->cni.args.at("A"), "b");
}

TEST(ParseNetwork, Mistyped_NamesTheWordAndWhatThereIs) {
  EXPECT_THAT(ParseNetwork("host").error().message(), HasSubstr("unknown kind 'host': use none, user, cni"));
  EXPECT_THAT(ParseNetwork("user:x").error().message(), HasSubstr("has no source"));
  EXPECT_THAT(ParseNetwork("tap").error().message(), HasSubstr("names no device: add it, as in 'tap:x0'"));
  EXPECT_THAT(ParseNetwork("namespace").error().message(), HasSubstr("names no namespace"));
  EXPECT_THAT(ParseNetwork("user,colour=red").error().message(), HasSubstr("unknown option 'colour'"));
  EXPECT_THAT(ParseNetwork("user,mtu=big").error().message(), HasSubstr("'big'"));
  EXPECT_THAT(ParseNetwork("cni:/nowhere.conflist").error().message(), HasSubstr("/nowhere.conflist"));
}

TEST(ParseForward, AnySpelling_ReadsBack) {
  EXPECT_EQ(ParseForward("8080:80").value(), (PortForward{"", 8080, 80, 1, NetworkProtocol::kTcp}));
  EXPECT_EQ(ParseForward("127.0.0.1:53:53/udp").value(),
            (PortForward{"127.0.0.1", 53, 53, 1, NetworkProtocol::kUdp}));
  EXPECT_EQ(ParseForward("[::1]:9000-9009:80-89/tcp").value(),
            (PortForward{"::1", 9000, 80, 10, NetworkProtocol::kTcp}));
  for (const char* text : {"8080:80/tcp", "127.0.0.1:53:53/udp", "[::1]:9000-9009:80-89/tcp"}) {
    EXPECT_EQ(ForwardText(ParseForward(text).value()), text);
  }
}

TEST(ParseForward, Mistyped_NamesTheValue) {
  EXPECT_THAT(ParseForward("80").error().message(), HasSubstr("'80' is not [ADDRESS:]HOST:GUEST"));
  EXPECT_THAT(ParseForward("0:80").error().message(), HasSubstr("'0' is not a port"));
  EXPECT_THAT(ParseForward("70000:80").error().message(), HasSubstr("'70000' is not a port"));
  EXPECT_THAT(ParseForward("1:2/sctp").error().message(), HasSubstr("'sctp'"));
  EXPECT_THAT(ParseForward("9-1:9-1").error().message(), HasSubstr("ends before it begins"));
  EXPECT_THAT(ParseForward("1-3:1-2").error().message(), HasSubstr("3 and 2 ports"));
  EXPECT_THAT(ParseForward("::1:1:1").error().message(), HasSubstr("is not [ADDRESS:]HOST:GUEST"));
}

TEST(NetworkOptions, NothingTyped_IsUserWhereSomethingRuns) {
  PodOptions options;
  ASSERT_EQ(options.Config()->networks.size(), 1u);
  EXPECT_EQ(options.Config()->networks[0].kind, NetworkKind::kUser);
  options.agent = "noop";
  EXPECT_TRUE(options.Config()->networks.empty());
  options.agent = "";
  options.network.networks = {"none"};
  EXPECT_TRUE(options.Config()->networks.empty());
}

TEST(NetworkOptions, Ports_GoToTheFirstNetworkThatForwards) {
  PodOptions options;
  options.network.networks = {"tap:t0", "cni"};
  options.network.ports = {"80:80", "81:81/udp"};
  const auto config = options.Config();
  ASSERT_TRUE(config);
  EXPECT_TRUE(config->networks[0].forwards.empty());
  EXPECT_EQ(config->networks[1].forwards.size(), 2u);
  options.network.networks = {"tap:t0"};
  EXPECT_THAT(options.Config().error().message(),
              HasSubstr("--publish '80:80' needs a network that forwards"));
  options.network.networks = {"none", "user"};
  EXPECT_THAT(options.Config().error().message(), HasSubstr("excludes other networks"));
}

}  // namespace
}  // namespace virtc
