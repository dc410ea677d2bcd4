#include "guest/agent/sandbox/share_budget.h"

#include <gtest/gtest.h>

namespace virtcontainers::guest {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t kAll = 16000, kFastest = 100;

TEST(ShareBudgetTest, ShouldForget_BeyondHalf_AndNotAgainWithoutNewInodes) {
  ShareBudget budget(kAll, kFastest);
  EXPECT_FALSE(budget.ShouldForget({8000, 0}));
  EXPECT_TRUE(budget.ShouldForget({8010, 0}));
  EXPECT_TRUE(budget.ShouldForget({5000, 3010}));
  budget.Forgot({7500, 1000});
  EXPECT_FALSE(budget.ShouldForget({8500, 1000})) << "the 7500 are in use";
  EXPECT_TRUE(budget.ShouldForget({8510, 1000}));
  // Those that were in use are not any more.
  EXPECT_FALSE(budget.ShouldForget({1000, 0}));
  EXPECT_TRUE(budget.ShouldForget({8010, 0}));
}

TEST(ShareBudgetTest, ShouldCount_BeyondThreeQuarters_AndNotAgainWithoutNewFiles) {
  ShareBudget budget(kAll, kFastest);
  EXPECT_FALSE(budget.ShouldCount({6000, 6000}));
  EXPECT_TRUE(budget.ShouldCount({6010, 6000}));
  budget.Counted({6010, 6000});
  EXPECT_FALSE(budget.ShouldCount({6260, 6000}));
  EXPECT_TRUE(budget.ShouldCount({6260, 6010}));
  EXPECT_FALSE(budget.ShouldCount({0, 100}));
  EXPECT_TRUE(budget.ShouldCount({6010, 6000})) << "they were closed, and opened again";
}

TEST(ShareBudgetTest, Budget_UsageCrossesMarks_IsAmpleOrShort) {
  const ShareBudget budget(kAll, kFastest);
  EXPECT_TRUE(budget.IsAmple({8000, 0}));
  EXPECT_FALSE(budget.IsAmple({8000, 10}));
  EXPECT_FALSE(budget.IsShort({12000, 0}));
  EXPECT_TRUE(budget.IsShort({12000, 10}));
  EXPECT_FALSE(budget.IsLost({15000, 0}));
  EXPECT_TRUE(budget.IsLost({15000, 10}));
  EXPECT_EQ(budget.Surplus({10000, 0}), 0u);
  EXPECT_EQ(budget.Surplus({12000, 500}), 500u);
}

TEST(ShareBudgetTest, Marks_OfFewDescriptors_KeepMoreOfThemFree) {
  const ShareBudget few(4096, kFastest), fewer(2048, kFastest), least(512, kFastest);
  EXPECT_TRUE(few.IsShort({3073, 0}));
  EXPECT_FALSE(few.IsShort({3072, 0}));
  EXPECT_TRUE(few.IsLost({3585, 0}));
  EXPECT_FALSE(few.IsLost({3584, 0}));
  EXPECT_TRUE(fewer.IsShort({1025, 0}));
  EXPECT_TRUE(fewer.IsLost({1537, 0}));
  EXPECT_FALSE(fewer.IsLost({1536, 0}));
  EXPECT_TRUE(least.IsAmple({256, 0}));
  EXPECT_TRUE(least.IsShort({257, 0}));
  EXPECT_FALSE(least.IsLost({384, 0}));
  EXPECT_TRUE(least.IsLost({385, 0}));
}

TEST(ShareBudgetTest, FilesOf_AllContainersTogether_LeaveAnEighthOfTheDescriptors) {
  const ShareBudget budget(kAll, kFastest);
  for (size_t containers : {0u, 1u, 2u, 3u, 7u}) {
    EXPECT_LE(budget.FilesOf(containers) * 2 * containers, kAll / 8 * 7) << containers;
    EXPECT_GT(budget.FilesOf(containers), 0u) << containers;
  }
  EXPECT_LE(budget.FilesOf(1) * 2, kAll / 2) << "one alone leaves room for a second";
}

TEST(ShareBudgetTest, NextLook_IsBeforeTheNextMarkCanBeReached) {
  const ShareBudget budget(kAll, kFastest);
  EXPECT_EQ(budget.NextLook({0, 0}), milliseconds(80));
  EXPECT_EQ(budget.NextLook({4000, 2000}), milliseconds(20));
  EXPECT_EQ(budget.NextLook({7990, 0}), milliseconds(10));
  EXPECT_EQ(budget.NextLook({8000, 0}), milliseconds(40));
  EXPECT_EQ(budget.NextLook({12000, 0}), milliseconds(30));
  EXPECT_EQ(budget.NextLook({50000, 50000}), milliseconds(10));
  EXPECT_EQ(ShareBudget(1'000'000, 100).NextLook({1000, 1000}), milliseconds(2000));
}

}  // namespace
}  // namespace virtcontainers::guest
