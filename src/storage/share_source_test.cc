#include "storage/share_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virtcontainers {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kMountinfo[] =
    "20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
    "21 20 8:2 / /data rw,noatime shared:2 master:3 - xfs /dev/sdb rw,attr2\n"
    "22 21 0:40 / /data/sub rw - tmpfs one rw\n"
    "23 22 0:41 / /data/sub/deep ro - tmpfs two rw\n"
    "24 20 0:42 / /database rw - tmpfs three rw\n"
    "25 20 8:2 /part /with\\040space rw,noatime shared:2 master:3 - xfs /dev/sdb rw,attr2\n"
    "26 25 0:43 / /with\\040space/sub rw - tmpfs four rw\n"
    "27 99 0:44 / /data/elsewhere rw - tmpfs five rw\n";

TEST(DescribeMountsTest, DescribeMounts_OfPath_HasMountOptions) {
  EXPECT_EQ(DescribeMounts(kMountinfo, 21, "/data", false),
            "rw,noatime shared:2 master:3 - xfs /dev/sdb rw,attr2");
  // Through another mount of the same options it is the same.
  EXPECT_EQ(DescribeMounts(kMountinfo, 25, "/with space", false),
            DescribeMounts(kMountinfo, 21, "/data", false));
}

TEST(DescribeMountsTest, DescribeMounts_Recursive_HasMountsBelow) {
  const std::string data = DescribeMounts(kMountinfo, 21, "/data", true);
  EXPECT_THAT(data, HasSubstr("/data/sub "));
  EXPECT_THAT(data, HasSubstr("/data/sub/deep "));
  EXPECT_THAT(data, Not(HasSubstr("/database"))) << "a path is not a prefix";
  EXPECT_THAT(data, Not(HasSubstr("elsewhere"))) << "it is on a mount that is not below";
  EXPECT_THAT(DescribeMounts(kMountinfo, 25, "/with space", true), HasSubstr("space/sub"));
  EXPECT_EQ(DescribeMounts(kMountinfo, 21, "/data/other", true),
            DescribeMounts(kMountinfo, 21, "/data/other", false));
  EXPECT_THAT(DescribeMounts(kMountinfo, 20, "/", true), HasSubstr("/database"));
}

TEST(DescribeMountsTest, DescribeMounts_MalformedLines_AreSkipped) {
  EXPECT_EQ(DescribeMounts("", 21, "/data", true), "");
  EXPECT_EQ(DescribeMounts("\n\n 21 \nx y z u v w\n21 20 8:2 /\n", 21, "/data", true), "");
  EXPECT_EQ(DescribeMounts("1 2 a b /p rw\n2 1 a b /p/q ro", 3, "/", true), "") << "parents in a circle";
}

}  // namespace
}  // namespace virtcontainers
