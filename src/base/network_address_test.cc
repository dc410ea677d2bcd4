#include "base/network_address.h"

#include <sys/socket.h>

#include <gtest/gtest.h>

namespace virtcontainers {
namespace {

TEST(AddressTest, ParseIp_ThenFormat_IsTheSame) {
  for (const char* text : {"10.0.0.1", "255.255.255.255", "fe80::1", "::", "2001:db8::a:b"}) {
    const auto address = ParseIp(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(FormatIp(address->bytes), text);
  }
  EXPECT_EQ(ParseIp("10.1.0.0/16")->prefix, 16);
  EXPECT_EQ(ParseIp("10.1.0.1")->prefix, 32);
  EXPECT_EQ(ParseIp("fd00::/8")->family, AF_INET6);
  EXPECT_EQ(FormatIp("abc"), "");
}

TEST(AddressTest, ParseIp_NoAddress_Fails) {
  for (const char* text :
       {"", "10.0.0", "10.0.0.1/33", "10.0.0.1/", "10.0.0.1/-1", "10.0.0.1/8x", "fe80::1/129", "::1%lo"}) {
    EXPECT_FALSE(ParseIp(text)) << text;
  }
}

TEST(AddressTest, ParseMac_ThenFormat_IsTheSame) {
  EXPECT_EQ(FormatMac(*ParseMac("52:54:00:Ab:0c:ff")), "52:54:00:ab:0c:ff");
  for (const char* text :
       {"", "52:54:00:12:34", "52-54-00-12-34-56", "52:54:00:12:34:5g", "52:54:00:12:34:567"}) {
    EXPECT_FALSE(ParseMac(text)) << text;
  }
}

}  // namespace
}  // namespace virtcontainers
