#include "archive/pack.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "archive/test_tar.h"
#include "archive/unpack.h"
#include "base/errors.h"
#include "base/unique_fd.h"
#include "os/file.h"
#include "os/test_directory.h"

namespace virtcontainers {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class PackTest : public testing::Test {
 protected:
  PackTest() {
    for (const char* name : {"source", "in"}) fs::create_directory(directory_ / name);
    source_ = directory_ / "source";
  }

  Result<CopyReport> Packed(const CopyOptions& options = {}) {
    archive_.clear();
    const UniqueFd directory(::open(source_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return Pack(directory.get(), source_, "b", options, [this](std::string_view bytes) -> Status {
      archive_ += bytes;
      return {};
    });
  }

  // Packs, and unpacks to in/copy.
  void Copy() {
    const auto packed = Packed();
    ASSERT_TRUE(packed) << packed.error().ToString();
    const UniqueFd in(::open((directory_ / "in").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const auto unpacked = Unpack(ReaderOf(archive_), "b", in.get(), "copy", {});
    ASSERT_TRUE(unpacked) << unpacked.error().ToString();
    EXPECT_EQ(unpacked->entries, packed->entries);
    EXPECT_EQ(unpacked->bytes, packed->bytes);
  }

  std::string Content(const std::string& path) const {
    return ReadFile(directory_ / ("in/copy/" + path), 1 << 20).value_or("[none]");
  }

  const TestDirectory directory_;
  std::string source_;
  std::string archive_;
};

TEST_F(PackTest, Tree_WithNamesOfAllKinds_ArrivesWhole) {
  const std::string longest(255, 'n');
  fs::create_directories(source_ + "/" + longest + "/" + longest);
  const std::vector<std::string> names = {
      "plain",        "with space", "quo'te\"", "new\nline",
      "\xc3\xa9\xff", "-dash",      "*",        longest + "/" + longest + "/deep"};
  for (const std::string& name : names) ASSERT_TRUE(WriteNewFile(source_ + "/" + name, "of " + name));
  ASSERT_TRUE(WriteNewFile(source_ + "/empty", ""));
  fs::create_symlink(longest, source_ + "/link");
  fs::create_symlink("nowhere", source_ + "/dangling");
  fs::create_hard_link(source_ + "/plain", source_ + "/same");
  fs::permissions(source_ + "/plain", fs::perms(0751));
  Copy();
  for (const std::string& name : names) EXPECT_EQ(Content(name), "of " + name) << name;
  EXPECT_EQ(Content("empty"), "");
  EXPECT_EQ(Content("same"), "of plain");
  EXPECT_TRUE(fs::equivalent(directory_ / "in/copy/same", directory_ / "in/copy/plain"));
  EXPECT_EQ(fs::read_symlink(directory_ / "in/copy/link"), longest);
  EXPECT_EQ(fs::read_symlink(directory_ / "in/copy/dangling"), "nowhere");
  EXPECT_EQ(fs::status(directory_ / "in/copy/plain").permissions(), fs::perms(0751));
}

TEST_F(PackTest, SocketsAndPipes_AreSkippedAndNamed) {
  ASSERT_EQ(::mkfifo((source_ + "/pipe").c_str(), 0600), 0);
  ASSERT_TRUE(WriteNewFile(source_ + "/file", "x"));
  const auto report = Packed();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->skipped, 1u);
  EXPECT_THAT(report->skipped_paths, ElementsAre("pipe"));
  EXPECT_EQ(report->entries, 2u);
  EXPECT_EQ(report->bytes, 1u);
}

TEST_F(PackTest, Owner_IsThatOfTheOptions) {
  ASSERT_TRUE(WriteNewFile(source_ + "/file", "x"));
  ASSERT_TRUE(Packed({.uid = 0123, .gid = 0456}));
  EXPECT_EQ(archive_.substr(108, 7), "0000123") << "the uid of the first header (tar(5))";
  EXPECT_EQ(archive_.substr(116, 7), "0000456");
}

TEST_F(PackTest, WriteFails_ErrorIsThatOfTheWriteAndNothingFollows) {
  ASSERT_TRUE(WriteNewFile(source_ + "/file", std::string(100'000, 'x')));
  const UniqueFd directory(::open(source_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int calls = 0;
  const auto report = Pack(directory.get(), source_, "b", {}, [&](std::string_view) -> Status {
    ++calls;
    return Fail(Code::kUnavailable, "gone");
  });
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().ToString(), "gone");
  EXPECT_EQ(calls, 1);
}

TEST_F(PackTest, DirectoriesDeeperThanTheBound_AreRefused) {
  std::string path = source_;
  for (int i = 0; i < 300; ++i) fs::create_directory(path += "/d");
  const auto report = Packed();
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().ToString(), HasSubstr("is below 256 directories"));
}

}  // namespace
}  // namespace virtcontainers
