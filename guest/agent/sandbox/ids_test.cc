#include "guest/agent/sandbox/ids.h"

#include <gtest/gtest.h>
#include <string>

namespace virtcontainers::guest {
namespace {

TEST(IdsTest, CheckId_NoDirectoryName_Fails) {
  EXPECT_TRUE(CheckId("a", "id"));
  EXPECT_TRUE(CheckId("web_1.x-y+z", "id"));
  EXPECT_TRUE(CheckId(std::string(128, 'a'), "id"));
  for (const char* id : {"", ".", "..", "-a", "a/b", "../a", "a b", "a\n", "\xc3\xa9"})
    EXPECT_FALSE(CheckId(id, "id")) << id;
  EXPECT_FALSE(CheckId(std::string(129, 'a'), "id"));
  EXPECT_FALSE(CheckId(std::string_view("a\0b", 3), "id"));
}

TEST(IdsTest, CheckPathInside_PathLeadsOut_Fails) {
  EXPECT_TRUE(CheckPathInside("/run/x/y", "/run/x"));
  EXPECT_TRUE(CheckPathInside("/run/x/y/..z", "/run/x"));
  for (const char* path : {"/run/x", "/run/xy", "/run/x/../y", "/run/x/y/..", "/run/x/./y", "run/x/y", ""}) {
    EXPECT_FALSE(CheckPathInside(path, "/run/x")) << path;
  }
}

}  // namespace
}  // namespace virtcontainers::guest
