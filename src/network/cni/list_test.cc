#include "network/cni/list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

namespace virtcontainers::cni {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ErrorOf(const std::string& text) {
  const Result<List> list = ParseList(text, "'x'");
  if (list) return "";
  EXPECT_EQ(list.error().code(), Code::kInvalidArgument);
  return list.error().message();
}

TEST(CniList, List_IsReadWithItsPlugins) {
  const Result<List> list = ParseList(
      R"({"cniVersion": "1.0.0", "name": "net-1", "disableCheck": true,
          "plugins": [{"type": "bridge", "x": 1}, {"type": "portmap", "capabilities": {"portMappings": true}}]})",
      "'x'");
  ASSERT_TRUE(list) << list.error().ToString();
  EXPECT_EQ(list->name, "net-1");
  EXPECT_THAT(list->versions, ElementsAre(Version::kV100));
  EXPECT_TRUE(list->disable_check);
  EXPECT_FALSE(list->disable_gc);
  ASSERT_EQ(list->plugins.size(), 2U);
  EXPECT_EQ(list->plugins[0].type, "bridge");
  EXPECT_EQ(list->plugins[0].config["x"], 1);
}

TEST(CniList, SinglePlugin_IsAListOfOne) {
  const Result<List> list = ParseList(R"({"cniVersion": "0.3.1", "name": "n", "type": "loopback"})", "'x'");
  ASSERT_TRUE(list) << list.error().ToString();
  ASSERT_EQ(list->plugins.size(), 1U);
  EXPECT_EQ(list->plugins[0].type, "loopback");
}

TEST(CniList, SeveralVersions_AreSortedAndUnknownOnesLeftOut) {
  const Result<List> list = ParseList(
      R"({"cniVersion": "1.0.0", "cniVersions": ["1.1.0", "0.4.0", "1.0.0", "7.0.0"], "name": "n", "type": "x"})",
      "'x'");
  ASSERT_TRUE(list) << list.error().ToString();
  EXPECT_THAT(list->versions, ElementsAre(Version::kV040, Version::kV100, Version::kV110));
}

TEST(CniList, FormattedList_IsReadAsTheSame) {
  const Result<List> list = ParseList(
      R"({"cniVersions": ["1.1.0", "0.4.0"], "name": "n", "disableGC": "true", "plugins": [{"type": "a", "z": [1.5]}]})",
      "'x'");
  ASSERT_TRUE(list) << list.error().ToString();
  const std::string text = FormatList(*list);
  const Result<List> again = ParseList(text, "'x'");
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_EQ(FormatList(*again), text);
  EXPECT_EQ(again->versions, list->versions);
  EXPECT_TRUE(again->disable_gc);
  EXPECT_EQ(again->plugins[0].config, list->plugins[0].config);
}

TEST(CniList, UnsupportedVersion_IsNamedWithTheSupportedOnes) {
  const std::string error = ErrorOf(R"({"cniVersion": "0.2.0", "name": "n", "plugins": [{"type": "a"}]})");
  EXPECT_THAT(error, HasSubstr("'0.2.0'"));
  EXPECT_THAT(error, HasSubstr("0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0"));
}

TEST(CniList, WhatIsNoList_IsRefusedWithItsField) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("'x': "));
  EXPECT_THAT(ErrorOf(R"({"cniVersion": "1.0.0", "name": "n", "plug)"), HasSubstr("'x': "));
  EXPECT_THAT(ErrorOf("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(ErrorOf(R"({"cniVersion": "1.0.0", "plugins": [{"type": "a"}]})"),
              HasSubstr("'name' is missing"));
  EXPECT_THAT(ErrorOf(R"({"name": "n", "plugins": [{"type": "a"}]})"), HasSubstr("'cniVersion' is missing"));
  EXPECT_THAT(ErrorOf(R"({"cniVersion": "1.0.0", "name": "../n", "plugins": [{"type": "a"}]})"),
              HasSubstr("'../n'"));
  EXPECT_THAT(ErrorOf(R"({"cniVersion": "1.0.0", "name": "n"})"), HasSubstr("'plugins' is missing"));
  EXPECT_THAT(ErrorOf(R"({"cniVersion": "1.0.0", "name": "n", "plugins": []})"),
              HasSubstr("'plugins' is empty"));
  EXPECT_THAT(ErrorOf(R"({"cniVersion": "1.0.0", "name": "n", "plugins": {}})"), HasSubstr("not an array"));
  EXPECT_THAT(ErrorOf(R"({"cniVersion": "1.0.0", "name": "n", "plugins": [7]})"), HasSubstr("'plugins[0]'"));
  EXPECT_THAT(ErrorOf(R"({"cniVersion": "1.0.0", "name": "n", "plugins": [{"type": "a"}, {}]})"),
              HasSubstr("'plugins[1].type' is missing"));
  EXPECT_THAT(ErrorOf(R"({"cniVersion": "1.0.0", "name": "n", "plugins": [{"type": "../../bin/sh"}]})"),
              HasSubstr("'../../bin/sh'"));
  EXPECT_THAT(
      ErrorOf(R"({"cniVersion": "1.0.0", "name": "n", "plugins": [{"type": "a", "ipam": {"type": "/x"}}]})"),
      HasSubstr("'plugins[0].ipam.type'"));
  EXPECT_THAT(
      ErrorOf(R"({"cniVersion": "1.0.0", "name": "n", "disableCheck": 1, "plugins": [{"type": "a"}]})"),
      HasSubstr("'disableCheck'"));
  EXPECT_THAT(ErrorOf(R"({"cniVersion": "1.1.0", "name": "n", "loadOnlyInlinedPlugins": true})"),
              HasSubstr("'plugins' is missing"));
}

TEST(CniList, TenMegabytes_AreRefusedUnread) {
  const std::string error = ErrorOf(std::string(10 << 20, ' '));
  EXPECT_THAT(error, HasSubstr("10485760 bytes"));
}

TEST(CniList, DeepText_IsRefused) { EXPECT_NE(ErrorOf(std::string(100'000, '[')), ""); }

}  // namespace
}  // namespace virtcontainers::cni
