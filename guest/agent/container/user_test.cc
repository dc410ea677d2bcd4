#include "guest/agent/container/user.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virtcontainers::guest {
namespace {

constexpr std::string_view kPasswd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "broken line\n"
    "bad:x:many:0::/:/bin/sh\n"
    "7:x:70:71::/home/seven:/bin/sh\n"
    "web:x:1000:1001:a,b:/srv/web:\n"
    "last:x:7:8::/home/last:/bin/sh";

constexpr std::string_view kGroup =
    "root:x:0:\n"
    "nonsense\n"
    "www:x:33:web,other\n"
    "video:x:44:other,web\n"
    "almost:x:45:webmaster\n";

TEST(UserTest, ByName) {
  const auto user = FindUser(kPasswd, "web");
  ASSERT_TRUE(user);
  EXPECT_EQ(user->uid, 1000u);
  EXPECT_EQ(user->gid, 1001u);
  EXPECT_EQ(user->home, "/srv/web");
}

TEST(UserTest, ANameThatIsANumberWinsOverTheNumber) {
  EXPECT_EQ(FindUser(kPasswd, "7")->uid, 70u);
  EXPECT_EQ(FindUser(kPasswd, "1000")->name, "web");
}

TEST(UserTest, WhoIsNotThere) {
  EXPECT_FALSE(FindUser(kPasswd, "nobody"));
  EXPECT_FALSE(FindUser(kPasswd, "bad"));
  EXPECT_FALSE(FindUser(kPasswd, ""));
  EXPECT_FALSE(FindUser("", "root"));
}

TEST(UserTest, ALastLineWithoutItsEndCounts) { EXPECT_EQ(FindUser(kPasswd, "last")->uid, 7u); }

TEST(UserTest, Groups) {
  EXPECT_EQ(FindGroup(kGroup, "www"), 33u);
  EXPECT_FALSE(FindGroup(kGroup, "nonsense"));
  EXPECT_THAT(GroupsOf(kGroup, "web"), testing::ElementsAre(33, 44));
  EXPECT_TRUE(GroupsOf(kGroup, "root").empty());
}

}  // namespace
}  // namespace virtcontainers::guest
