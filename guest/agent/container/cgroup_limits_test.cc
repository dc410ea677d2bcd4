#include "guest/agent/container/cgroup_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virtcontainers::guest {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<CgroupSetting> Settings(const grpc::LinuxResources& resources) {
  auto settings = CgroupSettings(resources);
  EXPECT_TRUE(settings) << settings.error().ToString();
  return settings.value_or(std::vector<CgroupSetting>());
}

TEST(CgroupLimitsTest, CgroupSettings_OfNoLimits_AreEmpty) { EXPECT_THAT(Settings({}), IsEmpty()); }

TEST(CgroupLimitsTest, CgroupSettings_MemoryAndSwap_AreConvertedToCgroup2) {
  grpc::LinuxResources resources;
  resources.mutable_memory()->set_limit(100);
  resources.mutable_memory()->set_swap(150);
  resources.mutable_memory()->set_reservation(50);
  EXPECT_THAT(Settings(resources),
              ElementsAre(CgroupSetting{"memory.swap.max", "50"}, CgroupSetting{"memory.max", "100"},
                          CgroupSetting{"memory.low", "50"}));
}

TEST(CgroupLimitsTest, CgroupSettings_MinusOne_IsMax) {
  grpc::LinuxResources resources;
  resources.mutable_memory()->set_limit(-1);
  resources.mutable_memory()->set_swap(-1);
  resources.mutable_pids()->set_limit(-1);
  EXPECT_THAT(Settings(resources),
              ElementsAre(CgroupSetting{"memory.swap.max", "max"}, CgroupSetting{"memory.max", "max"},
                          CgroupSetting{"pids.max", "max"}));
}

TEST(CgroupLimitsTest, CgroupSettings_SwapBelowMemory_IsRefused) {
  grpc::LinuxResources resources;
  resources.mutable_memory()->set_limit(100);
  resources.mutable_memory()->set_swap(99);
  EXPECT_EQ(CgroupSettings(resources).error().code(), Code::kInvalidArgument);
}

TEST(CgroupLimitsTest, CgroupSettings_Cpu_IsConvertedToCgroup2) {
  grpc::LinuxResources resources;
  resources.mutable_cpu()->set_shares(1024);
  resources.mutable_cpu()->set_quota(50000);
  resources.mutable_cpu()->set_period(100000);
  resources.mutable_cpu()->set_cpus("0-1");
  EXPECT_THAT(Settings(resources),
              ElementsAre(CgroupSetting{"cpu.weight", "39"}, CgroupSetting{"cpu.max", "50000 100000"},
                          CgroupSetting{"cpuset.cpus", "0-1"}));
}

TEST(CgroupLimitsTest, CpuWeight_OfAnyShares_StaysInRange) {
  EXPECT_EQ(CpuWeight(0), 1u);
  EXPECT_EQ(CpuWeight(2), 1u);
  EXPECT_EQ(CpuWeight(262144), 10000u);
  EXPECT_EQ(CpuWeight(UINT64_MAX), 10000u);
}

TEST(CgroupLimitsTest, CgroupSettings_ValueOfTwoLines_IsRefused) {
  grpc::LinuxResources resources;
  resources.mutable_cpu()->set_cpus("0\n1");
  EXPECT_FALSE(CgroupSettings(resources));
  grpc::LinuxResources pages;
  pages.add_hugepagelimits()->set_pagesize("../../x");
  EXPECT_FALSE(CgroupSettings(pages));
}

}  // namespace
}  // namespace virtcontainers::guest
