#include "guest/agent/container/user.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "guest/agent/testing/temp_dir.h"

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

TEST(UserTest, FindUser_ByName_ReturnsIdsAndHome) {
  const auto user = FindUser(kPasswd, "web");
  ASSERT_TRUE(user);
  EXPECT_EQ(user->uid, 1000u);
  EXPECT_EQ(user->gid, 1001u);
  EXPECT_EQ(user->home, "/srv/web");
}

TEST(UserTest, FindUser_ByNumber_IgnoresNamesThatAreNumbers) {
  EXPECT_EQ(FindUser(kPasswd, "7")->name, "last");
  EXPECT_EQ(FindUser(kPasswd, "1000")->name, "web");
  EXPECT_FALSE(FindUser(kPasswd, "70000"));
}

TEST(UserTest, FindUser_Missing_Fails) {
  EXPECT_FALSE(FindUser(kPasswd, "nobody"));
  EXPECT_FALSE(FindUser(kPasswd, "bad"));
  EXPECT_FALSE(FindUser(kPasswd, ""));
  EXPECT_FALSE(FindUser("", "root"));
}

TEST(UserTest, FindUser_LastLineWithoutNewline_IsFound) { EXPECT_EQ(FindUser(kPasswd, "last")->uid, 7u); }

TEST(UserTest, FindGroup_ByNameAndMember_ReturnsIds) {
  EXPECT_EQ(FindGroup(kGroup, "www"), 33u);
  EXPECT_FALSE(FindGroup(kGroup, "nonsense"));
  EXPECT_THAT(GroupsOf(kGroup, "web"), testing::ElementsAre(33, 44));
  EXPECT_TRUE(GroupsOf(kGroup, "root").empty());
}

// ---- with files

class ResolveUserTest : public testing::Test {
 protected:
  ResolveUserTest() {
    std::filesystem::create_directories(root_.path() + "/etc");
    Write("passwd", kPasswd);
    Write("group", kGroup);
  }

  std::string PathOf(const std::string& name) const { return root_.path() + "/etc/" + name; }
  void Write(const std::string& name, std::string_view content) const {
    std::ofstream(PathOf(name)) << content;
  }

  Result<Credentials> Resolve(const std::string& user, const std::string& group = {},
                              const std::vector<std::string>& additional = {}) const {
    grpc::StringUser strings;
    strings.set_uid(user);
    strings.set_gid(group);
    for (const std::string& name : additional) strings.add_additionalgids(name);
    return ResolveUser(*RootedPath::Open(root_.path()), grpc::User(), &strings, true);
  }

  std::string ErrorOf(const Result<Credentials>& result) const {
    return result ? "resolved" : result.error().ToString();
  }

  TempDir root_;
};

TEST_F(ResolveUserTest, UserByName_HasTheEntrysGroupHomeAndMemberships) {
  for (const char* name : {"web", "1000"}) {
    const auto web = Resolve(name);
    ASSERT_TRUE(web) << web.error().ToString();
    EXPECT_EQ(web->uid, 1000u);
    EXPECT_EQ(web->gid, 1001u);
    EXPECT_EQ(web->home, "/srv/web");
    EXPECT_THAT(web->groups, testing::ElementsAre(33, 44));
  }
}

TEST_F(ResolveUserTest, GivenGroup_ReplacesTheMemberships) {
  for (const char* group : {"video", "44"}) {
    const auto web = Resolve("web", group);
    ASSERT_TRUE(web) << web.error().ToString();
    EXPECT_EQ(web->gid, 44u);
    EXPECT_TRUE(web->groups.empty());
  }
  EXPECT_THAT(Resolve("web", "video", {"www", "5"})->groups, testing::ElementsAre(33, 5));
}

TEST_F(ResolveUserTest, NumberWithoutAnEntry_IsTakenWithGroupZero) {
  const auto other = Resolve("4711");
  ASSERT_TRUE(other) << other.error().ToString();
  EXPECT_EQ(other->uid, 4711u);
  EXPECT_EQ(other->gid, 0u);
  EXPECT_EQ(other->home, "");
  EXPECT_EQ(Resolve("4711", "4712")->gid, 4712u);
}

TEST_F(ResolveUserTest, UnknownName_IsNotFoundAndNamesTheFile) {
  EXPECT_THAT(ErrorOf(Resolve("bob")),
              testing::HasSubstr("no user 'bob' in '/etc/passwd' of its root file system"));
  EXPECT_THAT(ErrorOf(Resolve("web", "staff")),
              testing::HasSubstr("no group 'staff' in '/etc/group' of its root file system"));
  EXPECT_THAT(ErrorOf(Resolve("web", "", {"staff"})), testing::HasSubstr("no group 'staff'"));
  EXPECT_EQ(Resolve("bob").error().code(), Code::kNotFound);
}

TEST_F(ResolveUserTest, MissingFiles_KnowNobody) {
  std::filesystem::remove_all(root_.path() + "/etc");
  EXPECT_EQ(Resolve("bob").error().code(), Code::kNotFound);
  EXPECT_EQ(Resolve("0")->uid, 0u);
}

TEST_F(ResolveUserTest, FileThatIsNotRegular_IsRefusedAtOnceAndNamed) {
  std::filesystem::remove(PathOf("passwd"));
  ASSERT_EQ(::mkfifo(PathOf("passwd").c_str(), 0600), 0);
  EXPECT_THAT(ErrorOf(Resolve("web")),
              testing::HasSubstr("'/etc/passwd' of its root file system is a FIFO and not a regular file"));
  std::filesystem::remove(PathOf("passwd"));
  std::filesystem::create_directory(PathOf("passwd"));
  EXPECT_THAT(ErrorOf(Resolve("web")),
              testing::HasSubstr("'/etc/passwd' of its root file system is a directory"));
  std::filesystem::remove(PathOf("passwd"));
  std::filesystem::create_symlink("/dev/null", PathOf("passwd"));
  EXPECT_EQ(Resolve("web").error().code(), Code::kNotFound) << "a link does not lead out of the root";
  std::filesystem::remove(PathOf("passwd"));
  Write("passwd", kPasswd);
  std::filesystem::remove(PathOf("group"));
  ASSERT_EQ(::mkfifo(PathOf("group").c_str(), 0600), 0);
  EXPECT_THAT(ErrorOf(Resolve("web")), testing::HasSubstr("'/etc/group' of its root file system is a FIFO"));
  EXPECT_EQ(Resolve("web", "44")->gid, 44u) << "numbers need no file";
}

TEST_F(ResolveUserTest, HugeFile_IsRefusedAndNamed) {
  std::filesystem::resize_file(PathOf("passwd"), 1 << 30);
  EXPECT_THAT(ErrorOf(Resolve("web")),
              testing::HasSubstr("'/etc/passwd' of its root file system is larger than 8 MiB"));
}

TEST_F(ResolveUserTest, LinkWithinTheRoot_IsFollowed) {
  std::filesystem::rename(PathOf("passwd"), root_.path() + "/accounts");
  std::filesystem::create_symlink("/accounts", PathOf("passwd"));
  EXPECT_EQ(Resolve("web")->uid, 1000u);
}

}  // namespace
}  // namespace virtcontainers::guest
