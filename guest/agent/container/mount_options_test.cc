#include "guest/agent/container/mount_options.h"

#include <sys/mount.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virtcontainers::guest {
namespace {

TEST(MountOptionsTest, Parse_FlagsAndData_AreSeparated) {
  const MountOptions options = ParseMountOptions({"nosuid", "strictatime", "mode=755", "size=65536k", "ro"});
  EXPECT_EQ(options.attributes, uint64_t{MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME | MOUNT_ATTR_RDONLY});
  EXPECT_THAT(options.data, testing::ElementsAre("mode=755", "size=65536k"));
  EXPECT_FALSE(options.bind);
}

TEST(MountOptionsTest, Parse_ContradictingFlags_LastOneWins) {
  EXPECT_EQ(ParseMountOptions({"ro", "rw"}).attributes, 0u);
  EXPECT_EQ(ParseMountOptions({"rw", "ro"}).attributes, uint64_t{MOUNT_ATTR_RDONLY});
  EXPECT_EQ(ParseMountOptions({"noatime", "strictatime"}).attributes, uint64_t{MOUNT_ATTR_STRICTATIME});
}

TEST(MountOptionsTest, Parse_BindAndPropagation_AreRecognized) {
  const MountOptions options = ParseMountOptions({"rbind", "rprivate", "rro"});
  EXPECT_TRUE(options.bind);
  EXPECT_TRUE(options.recursive_bind);
  EXPECT_EQ(options.propagation, uint64_t{MS_PRIVATE});
  EXPECT_TRUE(options.recursive_propagation);
  EXPECT_EQ(options.recursive_attributes, uint64_t{MOUNT_ATTR_RDONLY});
  EXPECT_EQ(ParseMountOptions({"slave"}).propagation, uint64_t{MS_SLAVE});
  EXPECT_FALSE(ParseMountOptions({"slave"}).recursive_propagation);
}

TEST(MountOptionsTest, Parse_EmptyAndDefaults_AreNothing) {
  const MountOptions options = ParseMountOptions({"", "defaults"});
  EXPECT_TRUE(options.data.empty());
  EXPECT_EQ(options.attributes | options.cleared | options.propagation, 0u);
}

}  // namespace
}  // namespace virtcontainers::guest
