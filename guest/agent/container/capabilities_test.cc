#include "guest/agent/container/capabilities.h"

#include <linux/capability.h>

#include <gtest/gtest.h>

namespace virtcontainers::guest {
namespace {

TEST(CapabilitiesTest, NamesHaveTheKernelsNumbers) {
  EXPECT_EQ(CapabilityNumber("CAP_CHOWN"), CAP_CHOWN);
  EXPECT_EQ(CapabilityNumber("CAP_NET_BIND_SERVICE"), CAP_NET_BIND_SERVICE);
  EXPECT_EQ(CapabilityNumber("CAP_SYS_ADMIN"), CAP_SYS_ADMIN);
  EXPECT_EQ(CapabilityNumber("CAP_MKNOD"), CAP_MKNOD);
  EXPECT_EQ(CapabilityNumber("CAP_AUDIT_READ"), CAP_AUDIT_READ);
  EXPECT_EQ(CapabilityNumber("CAP_CHECKPOINT_RESTORE"), CAP_LAST_CAP);
  EXPECT_EQ(CapabilityNumber("net_raw"), CAP_NET_RAW);
}

TEST(CapabilitiesTest, AnUnknownNameIsRefusedByName) {
  EXPECT_EQ(CapabilityNumber("CAP_"), -1);
  grpc::LinuxCapabilities capabilities;
  capabilities.add_ambient("CAP_FLY");
  const auto sets = ParseCapabilities(capabilities);
  ASSERT_FALSE(sets);
  EXPECT_EQ(sets.error().ToString(), "there is no capability 'CAP_FLY'");
}

}  // namespace
}  // namespace virtcontainers::guest
