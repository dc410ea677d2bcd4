#include "storage/share_entries.h"

#include <unistd.h>

#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virtcontainers {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kA[] = "0123456789abcdef-0000000000000001", kB[] = "0123456789abcdef-0000000000000002";

TEST(ShareEntriesTest, NewName_SameSourceTwice_GivesDistinctCandidates) {
  const auto source = ShareSource::Open("/", {.recursive = false});
  ASSERT_TRUE(source) << source.error().ToString();
  const std::string first = ShareEntries::NewName(*source), second = ShareEntries::NewName(*source);
  EXPECT_NE(first, second);
  ShareEntries entries({first, second, kA});
  EXPECT_THAT(entries.Candidates(*source), testing::UnorderedElementsAre(first, second));
}

TEST(ShareEntriesTest, UsedByAndUnused_FromFileNames_ReturnMatchingEntries) {
  const ShareEntries entries({kA, std::string(kA) + ".web", std::string(kA) + ".db.1",
                              std::string(kB) + ".web", "c1", ".hidden", "0123456789abcdef-000000000000000g",
                              std::string(kB) + "x", std::string(kB) + "."});
  EXPECT_THAT(entries.UsedBy("web"), ElementsAre(kA, kB));
  EXPECT_THAT(entries.UsedBy("db.1"), ElementsAre(kA));
  EXPECT_THAT(entries.UsedBy("db"), IsEmpty());
  EXPECT_THAT(entries.Unused(), IsEmpty());
  EXPECT_THAT(ShareEntries({std::string(kA)}).Unused(), ElementsAre(kA));
}

TEST(ShareEntriesTest, Remove_LastUser_RemovesEntry) {
  ShareEntries entries;
  entries.Add(kA, "web");
  entries.Add(kA, "db");
  entries.Add(kA, "db");
  EXPECT_TRUE(entries.HasOtherUsers(kA, "web"));
  entries.Remove(kA, "web");
  entries.Remove(kA, "nobody");
  EXPECT_FALSE(entries.HasOtherUsers(kA, "db"));
  EXPECT_THAT(entries.UsedBy("db"), ElementsAre(kA));
  entries.Remove(kA, "db");
  EXPECT_THAT(entries.UsedBy("db"), IsEmpty());
  EXPECT_THAT(entries.Unused(), IsEmpty());
  entries.Remove(kB, "db");
}

}  // namespace
}  // namespace virtcontainers
