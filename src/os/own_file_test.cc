#include "os/own_file.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include "os/file.h"
#include "os/test_directory.h"

namespace virtcontainers {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class OwnFileTest : public ::testing::Test {
 protected:
  OwnFileTest() { dir_.Write("outside/file", "precious"); }
  ~OwnFileTest() override {
    EXPECT_EQ(TestDirectory::Read(dir_ / "outside/file"), "precious");
    EXPECT_EQ(dir_.Entries("outside"), 1u);
  }

  // What may lie in the place of a file, and what an error says of it.
  struct Damage {
    const char* words;
    std::function<int(const char* path)> make;
  };
  std::vector<Damage> Damages() const {
    const auto link_to = [this](const char* target) {
      return [to = dir_ / target](const char* path) { return ::symlink(to.c_str(), path); };
    };
    return {{"is a directory", [](const char* path) { return ::mkdir(path, 0700); }},
            {"is a symbolic link", link_to("outside/file")},
            {"is a symbolic link", link_to("outside")},
            {"is a symbolic link", link_to("outside/nothing")},
            {"is a fifo", [](const char* path) { return ::mkfifo(path, 0600); }},
            {"is a socket", [](const char* path) { return ::mknod(path, S_IFSOCK | 0600, 0); }}};
  }

  const TestDirectory dir_;
};

TEST_F(OwnFileTest, OpenOwnFile_NotRegularFile_IsDataLossAndTargetUnchanged) {
  const std::string path = dir_ / "file";
  for (const Damage& damage : Damages()) {
    ASSERT_EQ(damage.make(path.c_str()), 0);
    for (const int flags : {O_RDONLY, O_RDWR, O_WRONLY | O_CREAT, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND}) {
      const Result<UniqueFd> file = OpenOwnFile(path, flags);
      ASSERT_FALSE(file);
      EXPECT_EQ(file.error().code(), Code::kDataLoss);
      EXPECT_THAT(file.error().ToString(), HasSubstr("'" + path + "' " + damage.words));
    }
    EXPECT_EQ(ReadOwnFile(path, 100).error().code(), Code::kDataLoss);
    ASSERT_TRUE(RemoveTree(path));
  }
}

TEST_F(OwnFileTest, OwnFileCalls_DirectoryIsSymlink_FailWithDataLoss) {
  ASSERT_EQ(::symlink((dir_ / "outside").c_str(), (dir_ / "link").c_str()), 0);
  EXPECT_EQ(ReadOwnFile(dir_ / "link/file", 100).error().code(), Code::kDataLoss);
  EXPECT_EQ(OpenOwnFile(dir_ / "link/new", O_WRONLY | O_CREAT).error().code(), Code::kDataLoss);
  EXPECT_EQ(WriteFileAtomically(dir_ / "link/file", "other").error().code(), Code::kDataLoss);
  EXPECT_EQ(WriteNewFile(dir_ / "link/new", "other").error().code(), Code::kDataLoss);
  EXPECT_EQ(RemoveTree(dir_ / "link/file").error().code(), Code::kDataLoss);
  EXPECT_EQ(ListOwnDirectory(dir_ / "link").error().code(), Code::kDataLoss);
  EXPECT_FALSE(IsOwnDirectory(dir_ / "link"));
  EXPECT_TRUE(IsOwnDirectory(dir_ / "outside"));
  EXPECT_THAT(ListOwnDirectory(dir_ / "outside").value(), ElementsAre("file"));
}

TEST_F(OwnFileTest, OwnFileCalls_PathMissing_FailWithNotFound) {
  EXPECT_EQ(ReadOwnFile(dir_ / "nothing", 100).error().code(), Code::kNotFound);
  EXPECT_EQ(ReadOwnFile(dir_ / "nothing/below", 100).error().code(), Code::kNotFound);
  EXPECT_EQ(ListOwnDirectory(dir_ / "nothing").error().code(), Code::kNotFound);
}

TEST_F(OwnFileTest, ReadOwnFile_HugeSparseFile_FailsAndNamesLimit) {
  const std::string path = dir_.Write("file");
  fs::resize_file(path, uint64_t{1} << 40);
  const Result<std::string> content = ReadOwnFile(path, 1000);
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().ToString(), "'" + path + "' is larger than 1000 bytes");
  EXPECT_EQ(ReadOwnFileTail(path, 3).value(), std::string(3, '\0'));
}

TEST_F(OwnFileTest, ReadOwnFile_OwnedByAnotherUser_FailsAndNamesOwner) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const std::string path = dir_.Write("file", "theirs");
  ASSERT_EQ(::chown(path.c_str(), 12345, 12345), 0);
  EXPECT_EQ(ReadOwnFile(path, 100).error().ToString(),
            "'" + path + "' belongs to user 12345 and not to user 0");
}

TEST_F(OwnFileTest, OpenOrReplaceOwnFile_NotRegularFile_IsReplacedByFile) {
  const std::string path = dir_ / "file";
  for (const Damage& damage : Damages()) {
    ASSERT_EQ(damage.make(path.c_str()), 0);
    const Result<UniqueFd> file = OpenOrReplaceOwnFile(path, O_WRONLY | O_APPEND);
    ASSERT_TRUE(file) << file.error().ToString();
    EXPECT_TRUE(WriteAll(file->get(), "ours"));
    EXPECT_EQ(ReadOwnFile(path, 100).value(), "ours");
    EXPECT_TRUE(WriteAll(OpenOrReplaceOwnFile(path, O_WRONLY | O_APPEND)->get(), " too"));
    EXPECT_EQ(ReadOwnFile(path, 100).value(), "ours too") << "a file is kept";
    ASSERT_TRUE(RemoveTree(path));
  }
}

TEST_F(OwnFileTest, OpenOrReplaceOwnFile_TruncateHardLink_LeavesOtherLinkUnchanged) {
  const std::string path = dir_ / "file";
  ASSERT_EQ(::link((dir_ / "outside/file").c_str(), path.c_str()), 0);
  ASSERT_TRUE(OpenOrReplaceOwnFile(path, O_WRONLY | O_TRUNC));
  EXPECT_EQ(ReadOwnFile(path, 100).value(), "");
}

TEST_F(OwnFileTest, WriteFileAtomically_PathIsLinkFifoOrSocket_IsReplaced) {
  const std::string path = dir_ / "file";
  for (const Damage& damage : Damages()) {
    ASSERT_EQ(damage.make(path.c_str()), 0);
    if (fs::is_directory(fs::symlink_status(path))) fs::remove(path);
    ASSERT_TRUE(WriteFileAtomically(path, "ours"));
    EXPECT_EQ(ReadOwnFile(path, 100).value(), "ours");
    EXPECT_EQ(dir_.Entries(), 2u) << "no draft is left";
    ASSERT_TRUE(RemoveTree(path));
  }
}

TEST_F(OwnFileTest, WriteFileAtomically_RestrictiveUmask_FileHasRequestedMode) {
  const mode_t before = ::umask(077);
  for (const mode_t mode : {0600, 0644, 0640}) {
    EXPECT_TRUE(WriteFileAtomically(dir_ / "file", "", mode));
    EXPECT_TRUE(WriteNewFile(dir_ / "new", "", mode));
    for (const char* name : {"file", "new"}) {
      struct stat info {};
      EXPECT_EQ(::stat((dir_ / name).c_str(), &info), 0);
      EXPECT_EQ(info.st_mode & 0777, mode);
    }
    fs::remove(dir_ / "new");
  }
  ::umask(before);
}

TEST_F(OwnFileTest, RemoveTree_DirectoryNotReadableByOwner_Succeeds) {
  const pid_t child = ::fork();
  if (child == 0) {
    // Root may read everything: it is tried as nobody.
    fs::permissions(dir_.path(), fs::perms::all);
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(99);
    dir_.Write("tree/below/file");
    fs::permissions(dir_ / "tree/below", fs::perms::none);
    fs::permissions(dir_ / "tree", fs::perms::owner_read);
    ::_exit(RemoveTree(dir_ / "tree") ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 99) GTEST_SKIP() << "cannot become another user";
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(fs::exists(dir_ / "tree"));
}

TEST_F(OwnFileTest, CheckPrivateDirectory_WritableByOthers_IsPermissionDenied) {
  const auto check = [&] { return CheckPrivateDirectory(dir_ / "outside", "root directory 'x'"); };
  for (const int mode : {0700, 0755, 0750}) {
    ASSERT_EQ(::chmod((dir_ / "outside").c_str(), static_cast<mode_t>(mode)), 0);
    EXPECT_TRUE(check()) << std::oct << mode;
  }
  for (const int mode : {0720, 0702, 01777, 0775}) {
    ASSERT_EQ(::chmod((dir_ / "outside").c_str(), static_cast<mode_t>(mode)), 0);
    ASSERT_FALSE(check()) << std::oct << mode;
    EXPECT_EQ(check().error().code(), Code::kPermissionDenied);
    EXPECT_THAT(check().error().ToString(),
                HasSubstr("root directory 'x' can be written by others than its owner: run 'chmod go-w "));
  }
  ASSERT_EQ(::chmod((dir_ / "outside").c_str(), 0700), 0);
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown((dir_ / "outside").c_str(), 12345, 12345), 0);
    EXPECT_EQ(check().error().ToString(),
              "root directory 'x' belongs to user 12345: choose another, or run as its owner");
    ASSERT_EQ(::chown((dir_ / "outside").c_str(), 0, 0), 0);
  }
  EXPECT_EQ(CheckPrivateDirectory(dir_ / "outside/file", "it").error().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace virtcontainers
