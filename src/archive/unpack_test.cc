#include "archive/unpack.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "archive/test_tar.h"
#include "base/errors.h"
#include "base/unique_fd.h"
#include "os/file.h"
#include "os/test_directory.h"

namespace virtcontainers {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class UnpackTest : public testing::Test {
 protected:
  UnpackTest() {
    fs::create_directory(directory_ / "in");
    fs::create_directory(directory_ / "outside");
    EXPECT_TRUE(WriteNewFile(directory_ / "outside/secret", "secret"));
    in_.reset(::open((directory_ / "in").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }

  // Whatever an archive says.
  ~UnpackTest() override {
    EXPECT_EQ(directory_.Entries("outside"), 1u);
    EXPECT_EQ(ReadFile(directory_ / "outside/secret", 100).value_or(""), "secret");
    EXPECT_EQ(directory_.Entries("."), 2u);
    EXPECT_LE(directory_.Entries("in"), 1u);
  }

  Result<CopyReport> Unpacked(const std::string& archive, const CopyLimits& limits = {},
                              const std::string& base = "b") {
    return Unpack(ReaderOf(archive), base, in_.get(), "copy", limits);
  }

  std::string ErrorOf(const Result<CopyReport>& result) {
    return result ? "it succeeded"
                  : std::string(CodeName(result.error().code())) + " " + result.error().ToString();
  }

  std::string Content(const std::string& path) const {
    return ReadFile(directory_ / ("in/copy" + path), 1 << 20).value_or("[none]");
  }
  struct stat StatOf(const std::string& path) const {
    struct stat info {};
    EXPECT_EQ(::lstat((directory_ / ("in/copy" + path)).c_str(), &info), 0) << path;
    return info;
  }

  const TestDirectory directory_;
  UniqueFd in_;
};

TEST_F(UnpackTest, Directory_WithFilesAndLinks_IsMade) {
  const std::string archive = TestTar()
                                  .Add("./b/", '5', "", "", 0750)
                                  .Add("./b/file", '0', "content", "", 0640)
                                  .Add("./b/sub/", '5', "", "", 0500)
                                  .Add("./b/sub/deep", '0', "deep")
                                  .Add("./b/link", '2', "", "/etc/passwd")
                                  .Add("./b/hard", '1', "", "./b/file")
                                  .End();
  const auto report = Unpacked(archive);
  ASSERT_TRUE(report) << ErrorOf(report);
  EXPECT_EQ(report->entries, 6u);
  EXPECT_EQ(report->bytes, 11u);
  EXPECT_EQ(report->skipped, 0u);
  EXPECT_EQ(Content("/file"), "content");
  EXPECT_EQ(Content("/sub/deep"), "deep");
  EXPECT_EQ(StatOf("").st_mode & 07777, 0750u);
  EXPECT_EQ(StatOf("/file").st_mode & 07777, 0640u);
  EXPECT_EQ(StatOf("/sub").st_mode & 07777, 0500u);
  EXPECT_EQ(StatOf("/sub").st_mtim.tv_sec, 1'600'000'000);
  EXPECT_EQ(StatOf("/file").st_mtim.tv_sec, 1'600'000'000);
  EXPECT_EQ(StatOf("/file").st_uid, ::geteuid()) << "it is the caller's, not the archive's user's";
  EXPECT_EQ(fs::read_symlink(directory_ / "in/copy/link"), "/etc/passwd");
  EXPECT_EQ(StatOf("/hard").st_ino, StatOf("/file").st_ino);
  fs::permissions(directory_ / "in/copy/sub", fs::perms(0700));
}

TEST_F(UnpackTest, FileOrLinkAlone_IsMade) {
  const auto file = Unpacked(TestTar().Add("./b", '0', "content", "", 04755).End());
  ASSERT_TRUE(file) << ErrorOf(file);
  EXPECT_EQ(Content(""), "content");
  EXPECT_EQ(StatOf("").st_mode & 07777, 0755u) << "no set-user-id bit";
  fs::remove(directory_ / "in/copy");
  ASSERT_TRUE(Unpacked(TestTar().Add("./b", '2', "", "../outside/secret").End()));
  EXPECT_TRUE(fs::is_symlink(directory_ / "in/copy"));
}

TEST_F(UnpackTest, EmptyBase_IsTheDirectoryOfTheArchive) {
  const auto report = Unpacked(TestTar().Add("./", '5').Add("./x", '0', "x").End(), {}, "");
  ASSERT_TRUE(report) << ErrorOf(report);
  EXPECT_EQ(Content("/x"), "x");
}

TEST_F(UnpackTest, EntryOutsideOfBase_IsRefused) {
  for (const char* path : {"../outside/x", "/outside/x", "c/x", "b/../../outside/x", "..", "b/.."}) {
    const auto report = Unpacked(TestTar().Add("b", '5').Add(path, '0', "x").End());
    EXPECT_THAT(ErrorOf(report), HasSubstr("PERMISSION_DENIED the archive has an entry outside")) << path;
    fs::remove_all(directory_ / "in/copy");
  }
}

TEST_F(UnpackTest, PathThroughASymbolicLink_IsRefused) {
  const std::string outside = directory_ / "outside";
  for (const std::string& target : {outside, std::string("../../outside"), std::string(".")}) {
    const auto report =
        Unpacked(TestTar().Add("b", '5').Add("b/s", '2', "", target).Add("b/s/x", '0', "x").End());
    EXPECT_FALSE(report) << target;
    EXPECT_THAT(ErrorOf(report), HasSubstr("open directory 's/'"));
    fs::remove_all(directory_ / "in/copy");
  }
}

TEST_F(UnpackTest, FileInThePlaceOfASymbolicLink_ReplacesTheLink) {
  const std::string secret = directory_ / "outside/secret";
  const auto report =
      Unpacked(TestTar().Add("b", '5').Add("b/s", '2', "", secret).Add("b/s", '0', "mine").End());
  ASSERT_TRUE(report) << ErrorOf(report);
  EXPECT_EQ(Content("/s"), "mine");
}

TEST_F(UnpackTest, DirectoryInThePlaceOfASymbolicLink_IsRefused) {
  const std::string outside = directory_ / "outside";
  const mode_t before = fs::status(outside).permissions() == fs::perms::none ? 0 : 1;
  const auto report =
      Unpacked(TestTar().Add("b", '5').Add("b/s", '2', "", outside).Add("b/s", '5', "", "", 0).End());
  EXPECT_FALSE(report);
  EXPECT_EQ(fs::status(outside).permissions() == fs::perms::none ? 0u : 1u, before);
}

TEST_F(UnpackTest, HardLinkToAFileOutside_IsRefused) {
  const std::string secret = directory_ / "outside/secret";
  for (const std::string& target : {secret, std::string("b/../../outside/secret"), std::string("b")}) {
    EXPECT_FALSE(Unpacked(TestTar().Add("b", '5').Add("b/h", '1', "", target).End())) << target;
    fs::remove_all(directory_ / "in/copy");
  }
  // Through a link: what is linked is the link.
  const auto report = Unpacked(TestTar()
                                   .Add("b", '5')
                                   .Add("b/s", '2', "", secret)
                                   .Add("b/h", '1', "", "b/s")
                                   .Add("b/h", '0', "mine")
                                   .End());
  ASSERT_TRUE(report) << ErrorOf(report);
  EXPECT_EQ(Content("/h"), "mine");
}

TEST_F(UnpackTest, EntriesBelowAFirstEntryThatIsNoDirectory_AreRefused) {
  const std::string outside = directory_ / "outside";
  EXPECT_FALSE(Unpacked(TestTar().Add("b", '2', "", outside).Add("b/x", '0', "x").End()));
  fs::remove_all(directory_ / "in/copy");
  EXPECT_FALSE(Unpacked(TestTar().Add("b", '2', "", outside).Add("b", '5').Add("b/x", '0', "x").End()));
  fs::remove_all(directory_ / "in/copy");
  EXPECT_FALSE(Unpacked(TestTar().Add("b/x", '0', "x").End()));
}

TEST_F(UnpackTest, DevicesAndPipes_AreSkippedAndNamed) {
  const auto report =
      Unpacked(TestTar().Add("b", '5').Add("b/null", '3').Add("b/d", '5').Add("b/d/pipe", '6').End());
  ASSERT_TRUE(report) << ErrorOf(report);
  EXPECT_EQ(report->skipped, 2u);
  EXPECT_THAT(report->skipped_paths, ElementsAre("null", "d/pipe"));
  EXPECT_FALSE(fs::exists(directory_ / "in/copy/null"));
}

TEST_F(UnpackTest, MoreThanTheLimits_FailsBeforeItIsWritten) {
  const auto bytes = Unpacked(TestTar().Header("b", '0', 10'000'000'000).bytes(), {.bytes = 1000});
  EXPECT_THAT(ErrorOf(bytes), HasSubstr("RESOURCE_EXHAUSTED there are more than 1000 bytes"));
  EXPECT_FALSE(fs::exists(directory_ / "in/copy"));
  const std::string two = TestTar().Add("b", '5').Add("b/1", '0', "12345").Add("b/2", '0', "123456").End();
  EXPECT_THAT(ErrorOf(Unpacked(two, {.bytes = 10})), HasSubstr("RESOURCE_EXHAUSTED"));
  fs::remove_all(directory_ / "in/copy");
  EXPECT_TRUE(Unpacked(two, {.bytes = 11, .entries = 3}));
  fs::remove_all(directory_ / "in/copy");
  EXPECT_THAT(ErrorOf(Unpacked(two, {.entries = 2})),
              HasSubstr("RESOURCE_EXHAUSTED there are more than 2 files, directories and links"));
}

TEST_F(UnpackTest, WhatIsNoArchive_IsDataLoss) {
  const std::string whole = TestTar().Add("b", '0', std::string(5000, 'x')).End();
  for (const std::string& bytes : {std::string(), std::string(10'000, 'x'), whole.substr(0, 100),
                                   whole.substr(0, 3000), TestTar().End()}) {
    EXPECT_THAT(ErrorOf(Unpacked(bytes)), HasSubstr("DATA_LOSS")) << bytes.size();
    fs::remove_all(directory_ / "in/copy");
  }
}

TEST_F(UnpackTest, ReadFails_ErrorIsThatOfTheRead) {
  const auto report =
      Unpack([](std::span<char>) -> Result<size_t> { return Fail(Code::kUnavailable, "gone"); }, "b",
             in_.get(), "copy", {});
  EXPECT_EQ(ErrorOf(report), "UNAVAILABLE gone");
}

TEST_F(UnpackTest, PaddingAfterTheEnd_IsRead) {
  const std::string archive = TestTar().Add("b", '0', "x").End() + std::string(20'000, '\0');
  size_t read = 0;
  const ReadArchive reader = ReaderOf(archive);
  const auto report = Unpack(
      [&](std::span<char> buffer) {
        const Result<size_t> count = reader(buffer);
        read += count.value_or(0);
        return count;
      },
      "b", in_.get(), "copy", {});
  ASSERT_TRUE(report) << ErrorOf(report);
  EXPECT_EQ(read, archive.size());
}

}  // namespace
}  // namespace virtcontainers
