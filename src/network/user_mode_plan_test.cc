#include "network/user_mode_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "network/passt.h"

namespace virtcontainers {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const UserModeHost kHost = {true, {{"192.0.2.1", "fe80::1%eth0"}, {"example.org"}, {}}};

TEST(UserModePlanTest, Plan_Defaults_HasBothFamilies) {
  const auto plan = PlanUserMode({}, 0, {}, kHost);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->ipv4, (UsernetSubnet{"10.0.2.0", 24, "10.0.2.15", "10.0.2.2", "10.0.2.3"}));
  EXPECT_EQ(plan->ipv6, (UsernetSubnet{"fd76:6370:6f64::", 64, "fd76:6370:6f64::15", "fd76:6370:6f64::2",
                                       "fd76:6370:6f64::3"}));
  EXPECT_EQ(plan->mtu, kUserModeMtu);
  EXPECT_THAT(UserModeDns(*plan, kHost).servers, ElementsAre("10.0.2.3", "fd76:6370:6f64::3"));
  EXPECT_THAT(UserModeDns(*plan, kHost).searches, ElementsAre("example.org"));
}

TEST(UserModePlanTest, Plan_OwnAddress_ChoosesOthersOfItsSubnet) {
  const auto plan = PlanUserMode({"192.168.7.2/24"}, 0, {}, kHost);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->ipv4, (UsernetSubnet{"192.168.7.0", 24, "192.168.7.2", "192.168.7.3", "192.168.7.4"}));
  const auto small = PlanUserMode({"192.168.7.11/29"}, 0, {}, kHost);
  ASSERT_TRUE(small);
  EXPECT_EQ(small->ipv4, (UsernetSubnet{"192.168.7.8", 29, "192.168.7.11", "192.168.7.9", "192.168.7.10"}));
}

TEST(UserModePlanTest, Plan_HostWithoutIpv6OrSmallMtu_HasIpv4Only) {
  EXPECT_FALSE(PlanUserMode({}, 0, {}, {false, {}})->ipv6);
  EXPECT_FALSE(PlanUserMode({}, 1279, {}, kHost)->ipv6);
  const auto plan = PlanUserMode({}, 1280, {}, kHost);
  EXPECT_TRUE(plan->ipv6);
  EXPECT_EQ(UserModeGuest(*PlanUserMode({}, 0, {}, {false, {}})).routes.size(), 1U);
  EXPECT_TRUE(UserModeDns(*plan, {true, {}}).empty());
}

TEST(UserModePlanTest, Plan_WrongValues_AreNamed) {
  const auto error = [](std::vector<std::string> addresses, uint32_t mtu, std::vector<PortForward> forwards) {
    const auto plan = PlanUserMode(addresses, mtu, forwards, kHost);
    return plan ? "" : plan.error().ToString();
  };
  EXPECT_THAT(error({"10.0.0.1"}, 0, {}),
              HasSubstr("'10.0.0.1' of a user-mode network needs a prefix of 8 to 29"));
  EXPECT_THAT(error({"10.0.0.1/30"}, 0, {}), HasSubstr("10.0.0.1/30"));
  EXPECT_THAT(error({"127.0.0.1/8"}, 0, {}), HasSubstr("cannot be the guest's"));
  EXPECT_THAT(error({"10.0.0.0/8"}, 0, {}), HasSubstr("cannot be the guest's"));
  EXPECT_THAT(error({"fe80::1/64"}, 0, {}), HasSubstr("cannot be the guest's"));
  EXPECT_THAT(error({"10.0.0.1/8", "10.1.0.1/8"}, 0, {}), HasSubstr("one address of each family"));
  EXPECT_THAT(error({"x"}, 0, {}), HasSubstr("'x'"));
  EXPECT_THAT(error({}, 100, {}), HasSubstr("mtu 100"));
  EXPECT_THAT(error({}, 65522, {}), HasSubstr("mtu 65522"));
  EXPECT_THAT(error({}, 0, {{"", 0, 80, 1, NetworkProtocol::kTcp}}), HasSubstr("ports are 1 to 65535"));
  EXPECT_THAT(error({}, 0, {{"", 65535, 80, 2, NetworkProtocol::kTcp}}), HasSubstr("65535"));
}

TEST(UserModePlanTest, ResolvConf_Lines_AreUnderstood) {
  const DnsConfig dns =
      ParseResolvConf("# x\nnameserver 1.2.3.4\n nameserver\t::1 \nsearch a\nsearch b c\noptions ndots:2\nx");
  EXPECT_THAT(dns.servers, ElementsAre("1.2.3.4", "::1"));
  EXPECT_THAT(dns.searches, ElementsAre("b", "c"));
  EXPECT_THAT(dns.options, ElementsAre("ndots:2"));
}

TEST(UsernetOptionsTest, Json_EveryField_RoundTrips) {
  UsernetOptions options = *PlanUserMode(
      {}, 1400, {{"::1", 80, 8080, 3, NetworkProtocol::kTcp}, {"", 53, 53, 1, NetworkProtocol::kUdp}}, kHost);
  options.host_loopback = true;
  options.limits = {{1, 2}, {3, 4}};
  options.user = 2013265920;
  const auto read = UsernetOptionsFromJson(UsernetOptionsToJson(options));
  ASSERT_TRUE(read) << read.error().ToString();
  EXPECT_EQ(*read, options);
  EXPECT_FALSE(UsernetOptionsFromJson("{}"));
  EXPECT_FALSE(UsernetOptionsFromJson("x"));
}

TEST(PasstVersionTest, Version_OfUpstreamAndDebian_IsItsDay) {
  EXPECT_EQ(PasstVersion("passt 2025_05_04.587980c\nCopyright"), "2025_05_04");
  EXPECT_EQ(PasstVersion("passt 0.0~git20250504.587980c-2+deb13u1\r\n"), "2025_05_04");
  EXPECT_EQ(PasstVersion("passt 2026_01_20.1234567\n"), "2026_01_20");
}

TEST(PasstVersionTest, Version_OldOrUnknown_IsRefusedWithReason) {
  EXPECT_THAT(PasstVersion("passt 2023_03_29.b10b983\n").error().message(), HasSubstr("it is of 2023_03_29"));
  EXPECT_THAT(PasstVersion("passt 0.0~git20250503.587980c-2\n").error().message(), HasSubstr("half-closed"));
  for (const char* text :
       {"passt unknown version\n", "", "passt ", "pasta 2025_05_03", "passt 2025", "passt 0.0~git"})
    EXPECT_THAT(PasstVersion(text).error().message(), HasSubstr("does not say of which day")) << text;
}

TEST(PasstArgumentsTest, Arguments_ByDefault_GiveNothingOfTheHostAway) {
  UsernetOptions options = *PlanUserMode({}, 0, {}, kHost);
  auto words = PasstArguments({"/usr/bin/passt", ""}, options, 3);
  EXPECT_THAT(words, Contains("--no-map-gw"));
  EXPECT_THAT(words, Contains("--foreground"));
  EXPECT_THAT(words, Contains("none").Times(2));
  EXPECT_THAT(words, Not(Contains("--runas")));
  options.host_loopback = true;
  options.user = 7;
  options.forwards = {{"1.2.3.4", 80, 8080, 3, NetworkProtocol::kTcp},
                      {"", 53, 54, 1, NetworkProtocol::kUdp}};
  words = PasstArguments({"/usr/bin/passt", ""}, options, 3);
  EXPECT_THAT(words, Not(Contains("--no-map-gw")));
  EXPECT_THAT(words, Contains("7:7"));
  EXPECT_THAT(words, Contains("1.2.3.4/80-82:8080-8082"));
  EXPECT_THAT(words, Contains("53:54"));
  EXPECT_THAT(words, Not(Contains("none")));
}

}  // namespace
}  // namespace virtcontainers
