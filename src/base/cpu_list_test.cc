#include "base/cpu_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virtcontainers {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;
using ::testing::Pair;

TEST(CpuList, ParseCpuList_RangesAndNumbers_InOrder) {
  EXPECT_THAT(ParseCpuList("0"), Optional(ElementsAre(Pair(0, 0))));
  EXPECT_THAT(ParseCpuList("3,0-1"), Optional(ElementsAre(Pair(3, 3), Pair(0, 1))));
  EXPECT_THAT(ParseCpuList("8191"), Optional(ElementsAre(Pair(8191, 8191))));
}

TEST(CpuList, ParseCpuList_MalformedOrOutOfRange_IsNullopt) {
  for (const char* text :
       {"", ",", "0,", ",0", "0-", "-1", "2-1", "0--1", "x", "0x1", "0 1", "0,,1", "8192", "4294967296"})
    EXPECT_FALSE(ParseCpuList(text)) << text;
}

}  // namespace
}  // namespace virtcontainers
