#include "parse.h"

#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virtc {
namespace {

using testing::HasSubstr;

TEST(ParseSize, ParseSize_AnySpelling_IsBytes) {
  for (const char* text : {"256M", "256m", "256MB", "256MiB", "256Mi", "262144K", "268435456b"}) {
    const auto size = ParseSize("--memory", text);
    ASSERT_TRUE(size) << text;
    EXPECT_EQ(size->count, 256u << 20) << text;
  }
  EXPECT_EQ(ParseSize("--memory", "2G")->count, 2ull << 30);
  EXPECT_EQ(ParseSize("--memory", "1T")->count, 1ull << 40);
  EXPECT_EQ(ParseSize("--memory", "0M")->count, 0u);
}

TEST(ParseSize, ParseSize_Malformed_NamesValueAndWayOut) {
  for (const char* text : {"", "256", "M", "1.5G", "-1M", "256X", "256 M", "+1M", "256MM",
                           "18446744073709551616K", "18446744073709551615K", "99999999999999999999999M"}) {
    const auto size = ParseSize("--memory", text);
    ASSERT_FALSE(size) << text;
    EXPECT_THAT(size.error().message(), HasSubstr(std::string("--memory '") + text + "'"));
    EXPECT_THAT(size.error().message(), HasSubstr("such as 256M"));
  }
  EXPECT_THAT(ParseSize("--memory", "256").error().message(), HasSubstr("has no unit"));
}

TEST(ParseCount, ParseCount_NoWholeNumber_Fails) {
  EXPECT_EQ(ParseCount("--cpus", "10000").value(), 10000u);
  for (const char* text : {"", "-1", "1.5", "two", "4294967296", "1 "})
    EXPECT_FALSE(ParseCount("--cpus", text)) << text;
}

TEST(ParseSeconds, ParseSeconds_Fractions_AreMilliseconds) {
  EXPECT_EQ(ParseSeconds("--time", "0.5")->count(), 500);
  EXPECT_EQ(ParseSeconds("--time", "0")->count(), 0);
  for (const char* text : {"", "-1", "nan", "inf", "1e99", "5s"})
    EXPECT_FALSE(ParseSeconds("--time", text)) << text;
}

TEST(ParseUser, TwoNumbers_AreIds) {
  const auto user = ParseUser("--user", "1000:50");
  ASSERT_TRUE(user);
  EXPECT_EQ(user->uid, 1000u);
  EXPECT_EQ(user->gid, 50u);
  EXPECT_EQ(user->name, "");
  EXPECT_EQ(user->group, "");
}

TEST(ParseUser, WhatIsLookedUp_IsKeptAsItIs) {
  EXPECT_EQ(ParseUser("--user", "1000")->name, "1000") << "its group is the container's to say";
  EXPECT_EQ(ParseUser("--user", "1000")->uid, 0u);
  EXPECT_EQ(ParseUser("--user", "nobody")->name, "nobody");
  EXPECT_EQ(ParseUser("--user", "nobody")->group, "");
  EXPECT_EQ(ParseUser("--user", "nobody:nogroup")->group, "nogroup");
  EXPECT_EQ(ParseUser("--user", "1000:nogroup")->name, "1000");
  EXPECT_EQ(ParseUser("--user", "nobody:5")->group, "5");
  for (const char* text : {"", "1:", ":1", ":", "1:2:3", "a:b:c"}) {
    const auto user = ParseUser("--user", text);
    ASSERT_FALSE(user) << text;
    EXPECT_THAT(user.error().message(), HasSubstr(std::string("--user '") + text + "'"));
  }
}

TEST(ParseOwner, ParseOwner_Numbers_AreIds) {
  EXPECT_EQ(ParseOwner("--user", "1000")->uid, 1000u);
  EXPECT_EQ(ParseOwner("--user", "1000")->gid, 0u);
  EXPECT_EQ(ParseOwner("--user", "1000:50")->gid, 50u);
  for (const char* text : {"", "alice", "1:", ":1", "1:2:3", "-1"}) {
    const auto user = ParseOwner("--user", text);
    ASSERT_FALSE(user) << text;
    EXPECT_THAT(user.error().message(), HasSubstr(std::string("'") + text + "'"));
  }
}

TEST(ParseEnvironment, ParseEnvironment_ValueOrName_IsVariable) {
  EXPECT_EQ(ParseEnvironment("A=b=c").value(), "A=b=c");
  EXPECT_EQ(ParseEnvironment("A=").value(), "A=");
  ASSERT_EQ(::setenv("VIRTC_TEST_VARIABLE", "x y", 1), 0);
  EXPECT_EQ(ParseEnvironment("VIRTC_TEST_VARIABLE").value(), "VIRTC_TEST_VARIABLE=x y");
  ASSERT_EQ(::unsetenv("VIRTC_TEST_VARIABLE"), 0);
  EXPECT_FALSE(ParseEnvironment("VIRTC_TEST_VARIABLE"));
  EXPECT_FALSE(ParseEnvironment(""));
  EXPECT_FALSE(ParseEnvironment("=x"));
}

TEST(ParsePair, ParsePair_WithoutName_Fails) {
  EXPECT_EQ(ParsePair("--annotation", "a.b/c=d=e").value(),
            std::pair(std::string("a.b/c"), std::string("d=e")));
  EXPECT_FALSE(ParsePair("--annotation", "a"));
  EXPECT_FALSE(ParsePair("--annotation", "=a"));
}

TEST(ParseChoice, ParseChoice_Unknown_ListsChoices) {
  EXPECT_EQ(ParseChoice("--machine", "microvm", {"q35", "microvm"}).value(), 1u);
  EXPECT_EQ(ParseChoice("--machine", "pc", {"q35", "microvm"}).error().message(),
            "--machine 'pc' is not one of: q35, microvm");
}

TEST(Nearest, Nearest_Mistyped_FindsWord) {
  const std::vector<std::string_view> words = {"create", "start", "stop", "delete", "list", "status"};
  EXPECT_EQ(Nearest("craete", words), "create");
  EXPECT_EQ(Nearest("lst", words), "list");
  EXPECT_EQ(Nearest("del", words), "delete");
  EXPECT_EQ(Nearest("stopp", words), "stop");
  EXPECT_EQ(Nearest("frobnicate", words), "");
  EXPECT_EQ(Nearest("", words), "");
  EXPECT_EQ(Nearest(std::string(100000, 'x'), words), "");
}

TEST(ShellQuote, ShellQuote_AnyWords_CanBePastedBack) {
  EXPECT_EQ(ShellQuote({"sh", "-c", "echo 'hi'", ""}), "sh -c 'echo '\\''hi'\\''' ''");
}

}  // namespace
}  // namespace virtc
