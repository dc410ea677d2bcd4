#include "network/cni/list_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "os/test_directory.h"

namespace virtcontainers::cni {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string ListText(const std::string& name, const std::string& type = "bridge",
                     const std::string& version = "1.0.0") {
  return R"({"cniVersion": ")" + version + R"(", "name": ")" + name + R"(", "plugins": [{"type": ")" + type +
         R"("}]})";
}

class CniListFile : public ::testing::Test {
 protected:
  Result<List> Load(const std::string& name) const {
    CniOptions options;
    options.directories = {directory_.path()};
    return LoadList(name, options);
  }

  TestDirectory directory_;
};

TEST_F(CniListFile, Name_IsFoundAmongOtherFiles) {
  directory_.Write("05-torn.conflist", R"({"cniVersion": "1.0.0", "na)");
  directory_.Write("10-a.conflist", ListText("a"));
  directory_.Write("20-b.conf", R"({"cniVersion": "0.4.0", "name": "b", "type": "macvlan"})");
  directory_.Write("30-c.txt", ListText("c"));
  const Result<List> list = Load("b");
  ASSERT_TRUE(list) << list.error().ToString();
  EXPECT_EQ(list->name, "b");
  EXPECT_EQ(list->plugins[0].type, "macvlan");
  EXPECT_EQ(list->plugin_directories.size(), 3U);
  EXPECT_FALSE(Load("c"));
}

TEST_F(CniListFile, NoName_TakesTheFirstFile) {
  directory_.Write("20-b.conf", R"({"cniVersion": "0.4.0", "name": "b", "type": "macvlan"})");
  directory_.Write("10-a.conflist", ListText("a"));
  directory_.Write("05-x.txt", "");
  const Result<List> list = Load("");
  ASSERT_TRUE(list) << list.error().ToString();
  EXPECT_EQ(list->name, "a");

  directory_.Write("01-torn.json", R"({"cniVersion": "1.0.0", "na)");
  const Result<List> torn = Load("");
  ASSERT_FALSE(torn);
  EXPECT_EQ(torn.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(torn.error().message(), HasSubstr("01-torn.json"));
}

TEST_F(CniListFile, MissingName_NamesDirectoryListsAndBrokenFiles) {
  directory_.Write("10-a.conflist", ListText("a"));
  directory_.Write("20-torn.conflist", "{");
  const Result<List> list = Load("zzz");
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().code(), Code::kNotFound);
  EXPECT_THAT(list.error().message(), AllOf(HasSubstr("'zzz'"), HasSubstr(directory_.path()),
                                            HasSubstr("'a'"), HasSubstr("20-torn.conflist")));
}

TEST_F(CniListFile, TwoListsOfOneName_AreRefused) {
  directory_.Write("10-a.conflist", ListText("a"));
  directory_.Write("20-a.conflist", ListText("a", "ptp"));
  const Result<List> list = Load("a");
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(list.error().message(), AllOf(HasSubstr("10-a.conflist"), HasSubstr("20-a.conflist")));
}

TEST_F(CniListFile, EarlierDirectory_Wins) {
  directory_.Write("one/10-a.conflist", ListText("a", "ptp"));
  directory_.Write("two/05-a.conflist", ListText("a"));
  CniOptions options;
  options.directories = {directory_ / "missing", directory_ / "one", directory_ / "two"};
  const Result<List> list = LoadList("a", options);
  ASSERT_TRUE(list) << list.error().ToString();
  EXPECT_EQ(list->plugins[0].type, "ptp");
}

TEST_F(CniListFile, HugeFile_IsNamedWithItsSize) {
  directory_.Write("10-a.conflist", std::string(10 << 20, ' '));
  const Result<List> list = Load("");
  ASSERT_FALSE(list);
  EXPECT_THAT(list.error().message(), AllOf(HasSubstr("10-a.conflist"), HasSubstr("10485760 bytes")));
}

TEST_F(CniListFile, DirectoryThatIsNone_IsNamed) {
  directory_.Write("file");
  CniOptions options;
  options.directories = {directory_ / "file"};
  const Result<List> list = LoadList("a", options);
  ASSERT_FALSE(list);
  EXPECT_THAT(list.error().ToString(), HasSubstr(directory_ / "file"));
}

TEST_F(CniListFile, RelativeDirectory_IsRefused) {
  CniOptions options;
  options.directories = {"net.d"};
  const Result<List> list = LoadList("a", options);
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().code(), Code::kInvalidArgument);
}

TEST_F(CniListFile, PluginFiles_AreAddedToListsOfVersion11) {
  directory_.Write("a/20-y.conf", R"({"type": "y"})");
  directory_.Write("a/10-x.conf", R"({"type": "x"})");
  directory_.Write("10-a.conflist", ListText("a", "bridge", "1.1.0"));
  Result<List> list = Load("a");
  ASSERT_TRUE(list) << list.error().ToString();
  ASSERT_EQ(list->plugins.size(), 3U);
  EXPECT_EQ(list->plugins[1].type, "x");
  EXPECT_EQ(list->plugins[2].type, "y");

  directory_.Write("10-a.conflist", ListText("a", "bridge", "1.0.0"));
  list = Load("a");
  ASSERT_TRUE(list) << list.error().ToString();
  EXPECT_EQ(list->plugins.size(), 1U);
}

TEST_F(CniListFile, TextOfAnotherName_IsRefused) {
  CniOptions options;
  options.config = ListText("a");
  EXPECT_TRUE(LoadList("a", options));
  EXPECT_TRUE(LoadList("", options));
  const Result<List> list = LoadList("b", options);
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace virtcontainers::cni
