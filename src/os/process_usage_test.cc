#include "os/process_usage.h"

#include <unistd.h>

#include <gtest/gtest.h>
#include <vector>

namespace virtcontainers {
namespace {

TEST(ProcessUsageTest, Read_ThisProcess_HasUsage) {
  const auto before = ReadProcessUsage(::getpid());
  ASSERT_TRUE(before) << before.error().ToString();
  EXPECT_GT(before->resident, 1u << 20);
  EXPECT_GT(before->proportional, 100u << 10);
  EXPECT_LE(before->proportional, before->resident + (1u << 20));

  std::vector<char> memory(64 << 20, 'x');
  volatile uint64_t sum = 0;
  for (int round = 0; round < 20; ++round) {
    for (size_t i = 0; i < memory.size(); i += 8) sum = sum + static_cast<uint64_t>(memory[i]);
  }
  const auto after = ReadProcessUsage(::getpid());
  ASSERT_TRUE(after);
  EXPECT_GT(after->resident, before->resident + (48u << 20));
  EXPECT_GT(after->cpu, before->cpu);
}

TEST(ProcessUsageTest, Read_NoProcess_FailsWithNotFound) {
  const auto usage = ReadProcessUsage(0x3ffffff);
  ASSERT_FALSE(usage);
  EXPECT_EQ(usage.error().code(), Code::kNotFound);
}

}  // namespace
}  // namespace virtcontainers
