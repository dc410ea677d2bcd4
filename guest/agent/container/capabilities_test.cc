#include "guest/agent/container/capabilities.h"

#include <linux/capability.h>

#include <gtest/gtest.h>

namespace virtcontainers::guest {
namespace {

TEST(CapabilitiesTest, CapabilityNumber_OfName_IsTheKernels) {
  EXPECT_EQ(CapabilityNumber("CAP_CHOWN"), CAP_CHOWN);
  EXPECT_EQ(CapabilityNumber("CAP_NET_BIND_SERVICE"), CAP_NET_BIND_SERVICE);
  EXPECT_EQ(CapabilityNumber("CAP_SYS_ADMIN"), CAP_SYS_ADMIN);
  EXPECT_EQ(CapabilityNumber("CAP_MKNOD"), CAP_MKNOD);
  EXPECT_EQ(CapabilityNumber("CAP_AUDIT_READ"), CAP_AUDIT_READ);
  EXPECT_EQ(CapabilityNumber("CAP_CHECKPOINT_RESTORE"), CAP_LAST_CAP);
  EXPECT_EQ(CapabilityNumber("net_raw"), CAP_NET_RAW);
}

TEST(CapabilitiesTest, ParseCapabilities_UnknownNames_AreLeftOutAndLogged) {
  EXPECT_EQ(CapabilityNumber("CAP_"), -1);
  EXPECT_EQ(CapabilityNumber(""), -1);
  EXPECT_EQ(CapabilityNumber("CAP_CHOWN_AND_MORE"), -1);
  grpc::LinuxCapabilities capabilities;
  capabilities.add_ambient("CAP_FLY");
  capabilities.add_bounding("CAP_FLY");
  capabilities.add_bounding("CAP_KILL");
  testing::internal::CaptureStderr();
  const CapabilitySets sets = ParseCapabilities(capabilities);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "virtcontainers-agent: warning: capability 'CAP_FLY' is unknown and ignored\n");
  EXPECT_EQ(sets.bounding, uint64_t{1} << CAP_KILL);
  EXPECT_EQ(sets.ambient, 0u);
}

}  // namespace
}  // namespace virtcontainers::guest
