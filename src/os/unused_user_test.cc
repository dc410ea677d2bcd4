#include "os/unused_user.h"

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virtcontainers {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

uint64_t First(uint64_t) { return 0; }
uint64_t Last(uint64_t below) { return below - 1; }

const std::vector<IdRange> kAll = {{0, 4294967295}};

TEST(IdMapTest, ParseIdMap_OfKernel_ReturnsRanges) {
  EXPECT_THAT(ParseIdMap("         0          0 4294967295\n"), ElementsAre(IdRange{0, 4294967295}));
  EXPECT_THAT(ParseIdMap("0 1000 1\n1 100000 65536\n"), ElementsAre(IdRange{0, 1}, IdRange{1, 65536}));
  EXPECT_THAT(ParseIdMap(""), IsEmpty());
  EXPECT_THAT(ParseIdMap("nonsense\n1 2\n4294967296 0 1\n7 0 99999999999999999999\n"), IsEmpty());
}

TEST(ChooseUserTest, ChooseUser_AllIdsMapped_ReturnsIdInReservedRange) {
  EXPECT_EQ(ChooseUser(kAll, kAll, {}, First), 0x78000000u);
  EXPECT_EQ(ChooseUser(kAll, kAll, {}, Last), 0x7bffffffu);
}

TEST(ChooseUserTest, ChooseUser_FewIdsMapped_ReturnsMappedIdOrNullopt) {
  // A container with the usual 65536 ids, and one with more.
  const std::vector<IdRange> usual = {{0, 65536}};
  EXPECT_EQ(ChooseUser(usual, usual, {}, First), 60706u);
  EXPECT_EQ(ChooseUser(usual, usual, {}, Last), 61183u);
  const std::vector<IdRange> more = {{0, 1}, {1, 1000000}};
  EXPECT_EQ(ChooseUser(more, more, {}, First), 65536u);
  EXPECT_EQ(ChooseUser(more, more, {}, Last), 1000000u);
  // The user and the group must both be there.
  EXPECT_EQ(ChooseUser({{0, 70000}}, {{0, 66000}, {66010, 5}}, {}, Last), 66014u);
  EXPECT_EQ(ChooseUser(kAll, {{0, 1}}, {}, First), std::nullopt);
  EXPECT_EQ(ChooseUser({}, {}, {}, First), std::nullopt);
}

TEST(ChooseUserTest, ChooseUser_IdsInUse_AreSkipped) {
  uint64_t next = 0;
  const auto in_order = [&next](uint64_t) { return next++; };
  EXPECT_EQ(ChooseUser(kAll, kAll, {0x78000000, 0x78000001}, in_order), 0x78000002u);
  EXPECT_EQ(ChooseUser({{61183, 1}}, kAll, {61183}, First), std::nullopt);
}

TEST(UsersOfProcessesTest, UsersOfProcesses_Now_HasThisUser) {
  const auto users = UsersOfProcesses();
  ASSERT_TRUE(users) << users.error().ToString();
  EXPECT_THAT(*users, Contains(::getuid()));
  EXPECT_THAT(*users, Contains(::getegid()));
}

}  // namespace
}  // namespace virtcontainers
