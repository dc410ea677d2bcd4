#include "guest/agent/container/cgroup_stats.h"

#include <gtest/gtest.h>

namespace virtcontainers::guest {
namespace {

TEST(CgroupStatsTest, ParseFlatKeys_WithBrokenLines_SkipsThem) {
  const auto keys = ParseFlatKeys("usage_usec 12\n\nbroken\nuser_usec 7\nlast 3");
  EXPECT_EQ(keys.at("usage_usec"), 12u);
  EXPECT_EQ(keys.at("user_usec"), 7u);
  EXPECT_EQ(keys.at("last"), 3u);
  EXPECT_EQ(keys.count("broken"), 0u);
}

TEST(CgroupStatsTest, ParseLimit_MaxOrNumber_IsConverted) {
  EXPECT_EQ(ParseLimit("max\n"), UINT64_MAX);
  EXPECT_EQ(ParseLimit("4096\n"), 4096u);
  EXPECT_EQ(ParseLimit(""), 0u);
}

TEST(CgroupStatsTest, ParseIoStat_SeveralDevices_AreListed) {
  const grpc::BlkioStats stats =
      ParseIoStat("254:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\nnonsense\n8:16 \n");
  ASSERT_EQ(stats.io_service_bytes_recursive_size(), 2);
  EXPECT_EQ(stats.io_service_bytes_recursive(1).op(), "Write");
  EXPECT_EQ(stats.io_service_bytes_recursive(1).value(), 20u);
  EXPECT_EQ(stats.io_service_bytes_recursive(0).major(), 254u);
  ASSERT_EQ(stats.io_serviced_recursive_size(), 2);
  EXPECT_EQ(stats.io_serviced_recursive(0).value(), 1u);
}

}  // namespace
}  // namespace virtcontainers::guest
