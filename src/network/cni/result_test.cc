#include "network/cni/result.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

namespace virtcontainers::cni {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kResult11[] = R"({"cniVersion": "1.1.0",
  "interfaces": [{"name": "cni0", "mac": "00:11:22:33:44:55"},
                 {"name": "eth0", "mac": "99:88:77:66:55:44", "mtu": 1400, "sandbox": "/run/netns/x",
                  "socketPath": "/run/s", "pciID": "0000:01:00.0"}],
  "ips": [{"address": "10.1.0.5/16", "gateway": "10.1.0.1", "interface": 1},
          {"address": "10.9.0.5/16", "gateway": null, "interface": 0},
          {"address": "fd00::5/64", "gateway": "fd00::1"}],
  "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}, {"dst": "10.7.0.0/16", "gw": "10.1.0.9", "priority": 7},
             {"dst": "10.8.0.0/16", "scope": 253}, {"dst": "10.6.0.0/16", "table": 100}],
  "dns": {"nameservers": ["10.1.0.1"], "domain": "a.example", "search": ["b.example"], "options": ["ndots:2"]}})";

TEST(CniResult, Version11_BecomesAnInterface) {
  const Result<CniResult> result = ParseResult(kResult11, Version::kV110);
  ASSERT_TRUE(result) << result.error().ToString();
  EXPECT_EQ(result->interfaces[1].socket_path, "/run/s");
  EXPECT_EQ(result->routes[4].table, 100U);
  EXPECT_THAT(result->dns.servers, ElementsAre("10.1.0.1"));
  EXPECT_THAT(result->dns.searches, ElementsAre("a.example", "b.example"));

  const Result<NetworkInterface> interface = InterfaceOf(*result, "eth0");
  ASSERT_TRUE(interface) << interface.error().ToString();
  EXPECT_EQ(interface->mac, "99:88:77:66:55:44");
  EXPECT_EQ(interface->mtu, 1400U);
  EXPECT_THAT(interface->addresses, ElementsAre("10.1.0.5/16", "fd00::5/64"));
  ASSERT_EQ(interface->routes.size(), 4U);
  EXPECT_EQ(interface->routes[0].gateway, "10.1.0.1");
  EXPECT_EQ(interface->routes[1].gateway, "fd00::1");
  EXPECT_EQ(interface->routes[2].gateway, "10.1.0.9");
  EXPECT_EQ(interface->routes[2].metric, 7U);
  EXPECT_EQ(interface->routes[3].gateway, "");

  EXPECT_EQ(InterfaceOf(*result, "eth7").error().code(), Code::kNotFound);
}

TEST(CniResult, Version03_MayLeaveOutInterfacesAndVersion) {
  const Result<CniResult> result = ParseResult(
      R"({"ips": [{"version": "4", "address": "10.1.0.5/16"}], "routes": null, "dns": {}})", Version::kV031);
  ASSERT_TRUE(result) << result.error().ToString();
  EXPECT_EQ(result->version, Version::kV031);
  EXPECT_THAT(result->text, HasSubstr(R"("cniVersion":"0.3.1")"));
  EXPECT_THAT(InterfaceOf(*result, "eth0")->addresses, ElementsAre("10.1.0.5/16"));
}

TEST(CniResult, WhatIsNone_IsRefusedWithItsField) {
  const auto error = [](const std::string& text) {
    const Result<CniResult> result = ParseResult(text, Version::kV100);
    return result ? "" : result.error().message();
  };
  EXPECT_NE(error(""), "");
  EXPECT_NE(error("[]"), "");
  EXPECT_THAT(error(R"({"cniVersion": "0.2.0"})"), HasSubstr("'0.2.0'"));
  EXPECT_THAT(error(R"({"ips": 7})"), HasSubstr("'ips'"));
  EXPECT_THAT(error(R"({"ips": [{"address": "10.1.0.5"}]})"), HasSubstr("'10.1.0.5'"));
  EXPECT_THAT(error(R"({"ips": [{"address": "x/8"}]})"), HasSubstr("'ips[0].address'"));
  EXPECT_THAT(error(R"({"ips": [{"address": "10.1.0.5/8", "interface": 1}]})"),
              HasSubstr("'ips[0].interface'"));
  EXPECT_THAT(error(R"({"ips": [{"address": "10.1.0.5/8", "interface": -1}]})"), HasSubstr("interface"));
  EXPECT_THAT(error(R"({"routes": [{"gw": "10.0.0.1"}]})"), HasSubstr("'routes[0].dst'"));
  EXPECT_THAT(error(R"({"interfaces": [{}]})"), HasSubstr("'interfaces[0].name'"));
  EXPECT_THAT(error(R"({"dns": {"nameservers": ["x"]}})"), HasSubstr("'dns.nameservers[0]'"));
}

}  // namespace
}  // namespace virtcontainers::cni
