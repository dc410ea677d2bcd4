#include "virtcontainers/deadline.h"

#include <chrono>
#include <gtest/gtest.h>
#include <stop_token>

namespace virtcontainers {
namespace {

using namespace std::chrono_literals;

TEST(Deadline, Infinite_Always_HasNotPassed) {
  const Deadline never = Deadline::Infinite();
  EXPECT_TRUE(never.infinite());
  EXPECT_FALSE(never.passed());
  EXPECT_EQ(never.PollTimeout(), -1);
  EXPECT_EQ(never.remaining(), std::chrono::nanoseconds::max());
  EXPECT_TRUE(Deadline::After(std::chrono::nanoseconds::max()).infinite());
}

TEST(Deadline, After_ZeroOrNegative_HasPassed) {
  for (const Deadline& past : {Deadline::After(0ns), Deadline::After(-1h)}) {
    EXPECT_TRUE(past.passed());
    EXPECT_EQ(past.remaining(), 0ns);
    EXPECT_EQ(past.PollTimeout(), 0);
  }
}

TEST(Deadline, PollTimeout_PartOfMillisecond_IsRoundedUp) {
  const Deadline soon = Deadline::After(1h);
  EXPECT_FALSE(soon.passed());
  EXPECT_GT(soon.PollTimeout(), 3'590'000);
  EXPECT_LE(soon.PollTimeout(), 3'600'000);
  // A poll of zero would spin while a part of a millisecond is left.
  EXPECT_GE(Deadline::After(1h + 1ns).PollTimeout(), 1);
  EXPECT_GT(Deadline::After(std::chrono::hours(24 * 365 * 100)).PollTimeout(), 0);
}

TEST(Deadline, OrStopped_TokenIsStopped_HasPassed) {
  std::stop_source source;
  for (const Deadline& deadline : {Deadline::Infinite(), Deadline::After(1h)}) {
    EXPECT_FALSE(deadline.cancelled());
    EXPECT_FALSE(deadline.passed());
  }
  const Deadline never = Deadline::Infinite().OrStopped(source.get_token());
  const Deadline soon = Min(Deadline::After(1h), never);
  EXPECT_FALSE(soon.passed());
  EXPECT_EQ(never.PollTimeout(), -1);
  source.request_stop();
  for (const Deadline& deadline : {never, soon}) {
    EXPECT_TRUE(deadline.cancelled());
    EXPECT_TRUE(deadline.passed());
    EXPECT_EQ(deadline.remaining(), 0ns);
    EXPECT_EQ(deadline.PollTimeout(), 0);
  }
  EXPECT_TRUE(never.infinite());
  EXPECT_FALSE(never.OrStopped({}).passed());
}

TEST(Deadline, Min_OfTwoDeadlines_IsSooner) {
  const Deadline soon = Deadline::After(1s), late = Deadline::After(1h);
  EXPECT_EQ(Min(soon, late).time(), soon.time());
  EXPECT_EQ(Min(Deadline::Infinite(), late).time(), late.time());
}

}  // namespace
}  // namespace virtcontainers
