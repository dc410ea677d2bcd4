#include "os/descriptor_limit.h"

#include <sys/resource.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virtcontainers {
namespace {

class DescriptorLimitTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &old_), 0); }
  void TearDown() override { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &old_), 0); }

  void SetSoft(rlim_t count) const {
    const struct rlimit limit { count, old_.rlim_max };
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  }

  struct rlimit old_ {};
};

TEST_F(DescriptorLimitTest, Raise_SoftLimit_IsHardLimit) {
  SetSoft(40);
  RaiseDescriptorLimit();
  struct rlimit now {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &now), 0);
  EXPECT_EQ(now.rlim_cur, old_.rlim_max);
  EXPECT_EQ(now.rlim_max, old_.rlim_max);
}

TEST_F(DescriptorLimitTest, CheckDescriptorLimit_BelowMinimum_FailsAndNamesRemedy) {
  SetSoft(40);
  EXPECT_EQ(DescriptorLimit().value_or(0), 40u);
  EXPECT_TRUE(CheckDescriptorLimit(40, 40, "a VM"));
  const Status low = CheckDescriptorLimit(40, 41, "a VM");
  ASSERT_FALSE(low);
  EXPECT_EQ(low.error().code(), Code::kResourceExhausted);
  EXPECT_EQ(low.error().message(),
            "too many open files: the limit is 40, and a VM needs 41: raise it (ulimit -n, LimitNOFILE)");
}

TEST_F(DescriptorLimitTest, HighestDescriptorLimit_WantedLimit_IsCappedNoLowerThanHardLimit) {
  SetSoft(40);
  EXPECT_EQ(HighestDescriptorLimit(30), 30u);
  EXPECT_EQ(HighestDescriptorLimit(old_.rlim_max), old_.rlim_max);
  EXPECT_GE(HighestDescriptorLimit(1'000'000'000), old_.rlim_max);
}

}  // namespace
}  // namespace virtcontainers
