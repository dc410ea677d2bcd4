#include "base/sysctl_name.h"

#include <gtest/gtest.h>

namespace virtcontainers {
namespace {

TEST(SysctlName, SysctlPath_DotsAndSlashes_FirstDecidesSeparator) {
  EXPECT_EQ(SysctlPath("net.ipv4.ip_forward"), "net/ipv4/ip_forward");
  EXPECT_EQ(SysctlPath("net/ipv4/ip_forward"), "net/ipv4/ip_forward");
  EXPECT_EQ(SysctlPath("net/ipv4/conf/eth0.1/rp_filter"), "net/ipv4/conf/eth0.1/rp_filter");
  EXPECT_EQ(SysctlPath("net.ipv4.conf.eth0/1.rp_filter"), "net/ipv4/conf/eth0.1/rp_filter");
  EXPECT_EQ(SysctlPath("kernel"), "kernel");
}

TEST(SysctlName, SysctlPath_InvalidComponent_IsEmpty) {
  for (const char* name : {"", ".", "..", "/", "/etc/passwd", "net/", "net.", ".net", "net..x", "net//x",
                           "net/../x", "net/./x", "net.//.x", "net./.x", "../x", "net/.."}) {
    EXPECT_EQ(SysctlPath(name), "") << name;
  }
  EXPECT_EQ(SysctlPath(std::string_view("net\0x", 5)), "");
}

}  // namespace
}  // namespace virtcontainers
