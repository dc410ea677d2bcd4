#include "os/file.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <vector>

#include "os/test_directory.h"

namespace virtcontainers {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

mode_t ModeOf(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

TEST(ReadFile, ReadFile_AnySize_ReturnsAllOrFails) {
  const TestDirectory dir;
  const std::string content = std::string(50'000, 'x') + std::string(1, '\0') + "end";
  const std::string file = dir.Write("file", content);
  EXPECT_EQ(ReadFile(file, content.size()).value(), content);
  EXPECT_EQ(ReadFile(file, content.size() - 1).error().code(), Code::kResourceExhausted);
  EXPECT_EQ(ReadFile(dir / "nothing", 10).error().code(), Code::kNotFound);
  EXPECT_THAT(ReadFile(dir / "nothing", 10).error().ToString(), HasSubstr("/nothing'"));
  EXPECT_EQ(ReadFile(dir.path(), 10).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(ReadFile(dir.Write("empty"), 0).value(), "");
  EXPECT_FALSE(ReadFile("/proc/self/status", 1 << 20)->empty());
}

TEST(ReadFile, ReadFile_Fifo_DoesNotBlock) {
  const TestDirectory dir;
  ASSERT_EQ(::mkfifo((dir / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(ReadFile(dir / "fifo", 10).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(ReadFileTail(dir / "fifo", 10).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(ReadFile("/dev/zero", 10).error().code(), Code::kInvalidArgument);
}

TEST(ReadFileTail, ReadFileTail_LargeFile_ReturnsEnd) {
  const TestDirectory dir;
  const std::string file = dir.Write("console.log", "first line\nlast line\n");
  EXPECT_EQ(ReadFileTail(file, 10).value(), "last line\n");
  EXPECT_EQ(ReadFileTail(file, 1000).value(), "first line\nlast line\n");
  EXPECT_EQ(ReadFileTail(file, 0).value(), "");
  EXPECT_EQ(ReadFileTail(dir / "nothing", 10).error().code(), Code::kNotFound);
}

TEST(WriteFileAtomically, Write_FileExists_ReplacesFile) {
  const TestDirectory dir;
  const std::string file = dir / "state.json";
  ASSERT_TRUE(WriteFileAtomically(file, "one"));
  EXPECT_EQ(ModeOf(file), 0600u);
  ASSERT_TRUE(WriteFileAtomically(file, "two", 0640));
  EXPECT_EQ(TestDirectory::Read(file), "two");
  EXPECT_EQ(ModeOf(file), 0640u);
  EXPECT_EQ(dir.Entries(), 1u);
}

TEST(WriteFileAtomically, Write_Fails_LeavesOldFile) {
  const TestDirectory dir;
  dir.Write("taken/inside", "kept");
  EXPECT_FALSE(WriteFileAtomically(dir / "taken", "new"));
  EXPECT_EQ(TestDirectory::Read(dir / "taken/inside"), "kept");
  EXPECT_EQ(dir.Entries(), 1u);
  EXPECT_EQ(WriteFileAtomically(dir / "nothing/file", "new").error().code(), Code::kNotFound);
}

TEST(WriteFileAtomically, Write_OverLink_ReplacesLink) {
  const TestDirectory dir;
  const std::string target = dir.Write("target", "kept");
  ASSERT_EQ(::symlink(target.c_str(), (dir / "link").c_str()), 0);
  ASSERT_TRUE(WriteFileAtomically(dir / "link", "new"));
  EXPECT_EQ(TestDirectory::Read(target), "kept");
  EXPECT_EQ(TestDirectory::Read(dir / "link"), "new");
}

TEST(WriteFileAtomically, Write_ConcurrentReaders_SeeWholeVersions) {
  const TestDirectory dir;
  const std::string file = dir / "state.json";
  const std::string versions[] = {std::string(20'000, 'a'), std::string(30'000, 'b')};
  ASSERT_TRUE(WriteFileAtomically(file, versions[0]));
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 2; ++writer) {
    writers.emplace_back([&, writer] {
      for (int i = 0; i < 20; ++i) EXPECT_TRUE(WriteFileAtomically(file, versions[writer]));
    });
  }
  for (int i = 0; i < 200; ++i) {
    const Result<std::string> seen = ReadFile(file, 1 << 20);
    ASSERT_TRUE(seen);
    EXPECT_TRUE(*seen == versions[0] || *seen == versions[1]);
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(dir.Entries(), 1u);
}

TEST(WriteNewFile, Write_FileExists_Fails) {
  const TestDirectory dir;
  ASSERT_TRUE(WriteNewFile(dir / "file", "one"));
  EXPECT_EQ(WriteNewFile(dir / "file", "two").error().code(), Code::kAlreadyExists);
  EXPECT_EQ(TestDirectory::Read(dir / "file"), "one");
}

TEST(MakeDirectories, MakeDirectories_ParentsMissing_MakesParents) {
  const TestDirectory dir;
  ASSERT_TRUE(MakeDirectories(dir / "a/b//c/"));
  EXPECT_TRUE(IsDirectory(dir / "a/b/c"));
  EXPECT_EQ(ModeOf(dir / "a"), 0700u);
  EXPECT_TRUE(MakeDirectories(dir / "a/b/c"));
  EXPECT_TRUE(MakeDirectories("/"));
  const std::string file = dir.Write("file");
  EXPECT_EQ(MakeDirectories(file).error().code(), Code::kInvalidArgument);
  EXPECT_THAT(MakeDirectories(file).error().ToString(), HasSubstr("is not a directory"));
  EXPECT_EQ(MakeDirectories(file + "/below").error().code(), Code::kInvalidArgument);
  EXPECT_FALSE(MakeDirectories(""));
  EXPECT_FALSE(MakeDirectories("/proc/of/nobody"));
}

TEST(ListDirectory, ListDirectory_AnyOrder_IsSorted) {
  const TestDirectory dir;
  for (const char* name : {"b", "a", ".hidden", "c/d"}) dir.Write(name);
  EXPECT_THAT(ListDirectory(dir.path()).value(), ElementsAre(".hidden", "a", "b", "c"));
  EXPECT_EQ(ListDirectory(dir / "nothing").error().code(), Code::kNotFound);
}

TEST(RemoveTree, RemoveTree_FileTreeOrNothing_Succeeds) {
  const TestDirectory dir;
  dir.Write("tree/a/b/c", "x");
  dir.Write("tree/d");
  ASSERT_TRUE(RemoveTree(dir / "tree"));
  ASSERT_TRUE(RemoveTree(dir / "tree"));
  ASSERT_TRUE(RemoveTree(dir / "no/parent"));
  ASSERT_TRUE(RemoveTree(dir.Write("file")));
  dir.Write("slashed/x");
  ASSERT_TRUE(RemoveTree(dir / "slashed//"));
  EXPECT_EQ(dir.Entries(), 0u);
}

TEST(RemoveTree, RemoveTree_LinksInTree_AreNotFollowed) {
  const TestDirectory dir;
  dir.Write("outside/precious", "kept");
  dir.Write("tree/file");
  ASSERT_EQ(::symlink((dir / "outside").c_str(), (dir / "tree/link").c_str()), 0);
  ASSERT_EQ(::symlink((dir / "outside/precious").c_str(), (dir / "tree/file-link").c_str()), 0);
  ASSERT_EQ(::symlink((dir / "outside").c_str(), (dir / "top").c_str()), 0);
  ASSERT_TRUE(RemoveTree(dir / "tree"));
  ASSERT_TRUE(RemoveTree(dir / "top"));
  EXPECT_EQ(TestDirectory::Read(dir / "outside/precious"), "kept");
  EXPECT_EQ(dir.Entries(), 1u);
}

TEST(RemoveTree, RemoveTree_PathNamesNoEntry_Fails) {
  const TestDirectory dir;
  dir.Write("a/b/file", "kept");
  for (const std::string& path :
       {std::string(), std::string("/"), dir / "a/b/..", dir / "a/.", dir / "a/b/../"}) {
    EXPECT_EQ(RemoveTree(path).error().code(), Code::kInvalidArgument) << path;
  }
  EXPECT_EQ(TestDirectory::Read(dir / "a/b/file"), "kept");
}

// Makes this process root in a user namespace of its own.
bool BecomeRoot() {
  const std::string uid = std::to_string(::geteuid()), gid = std::to_string(::getegid());
  if (::unshare(CLONE_NEWUSER) != 0) return false;
  const auto write = [](const char* file, const std::string& text) {
    const UniqueFd fd(::open(file, O_WRONLY | O_CLOEXEC));
    return fd && WriteAll(fd.get(), text).has_value();
  };
  return write("/proc/self/setgroups", "deny") && write("/proc/self/uid_map", "0 " + uid + " 1") &&
         write("/proc/self/gid_map", "0 " + gid + " 1");
}

// Runs `body` in a child with a mount namespace of its own; its exit status, or -1 where there can be none.
template <typename F>
int InMountNamespace(F body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::geteuid() != 0 && !BecomeRoot()) ::_exit(99);
    if (::unshare(CLONE_NEWNS) != 0) ::_exit(99);
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(99);
    ::_exit(body());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status));
  return WEXITSTATUS(status) == 99 ? -1 : WEXITSTATUS(status);
}

TEST(RemoveTree, RemoveTree_MountInTree_IsKept) {
  const TestDirectory dir;
  dir.Write("rootfs/etc/passwd", "kept");
  dir.Write("of-file", "kept");
  for (const char* point : {"bind/share/web/x", "tmpfs/mnt/x", "file/mnt/point", "top/x"}) dir.Write(point);
  const int status = InMountNamespace([&] {
    const auto refuses = [&](const char* tree) {
      const Status removed = RemoveTree(dir / tree);
      return !removed && removed.error().code() == Code::kFailedPrecondition &&
             removed.error().ToString().find("unmount it first") != std::string::npos;
    };
    const std::string rootfs = dir / "rootfs";
    const auto bind = [&](const std::string& what, const char* where) {
      return ::mount(what.c_str(), (dir / where).c_str(), nullptr, MS_BIND, nullptr) == 0;
    };
    // Of the same file system, and so with the same device number.
    if (!bind(rootfs, "bind/share/web") || !refuses("bind")) return 1;
    if (!bind(rootfs, "top") || !refuses("top")) return 2;
    if (::mount("tmpfs", (dir / "tmpfs/mnt").c_str(), "tmpfs", 0, nullptr) != 0) return 3;
    dir.Write("tmpfs/mnt/precious", "kept");
    if (!refuses("tmpfs") || TestDirectory::Read(dir / "tmpfs/mnt/precious") != "kept") return 4;
    if (!bind(dir / "of-file", "file/mnt/point") || RemoveTree(dir / "file")) return 5;
    // Unmounted, as the message says, it can be removed.
    if (::umount((dir / "bind/share/web").c_str()) != 0 || !RemoveTree(dir / "bind")) return 6;
    return 0;
  });
  if (status < 0) GTEST_SKIP() << "needs the right to mount";
  EXPECT_EQ(status, 0);
  EXPECT_EQ(TestDirectory::Read(dir / "rootfs/etc/passwd"), "kept");
  EXPECT_EQ(TestDirectory::Read(dir / "of-file"), "kept");
}

class FindProgramTest : public ::testing::Test {
 protected:
  void SetUp() override { path_ = ::getenv("PATH"); }
  void TearDown() override { ::setenv("PATH", path_.c_str(), 1); }
  void Program(const std::string& name) const { ::chmod(dir_.Write(name, "#!/bin/sh\n").c_str(), 0755); }

  std::string path_;
  const TestDirectory dir_;
};

TEST_F(FindProgramTest, FindProgram_SeveralInPath_FindsFirstExecutable) {
  Program("two/qemu");
  Program("three/qemu");
  dir_.Write("one/qemu", "not executable");
  dir_.Write("zero/qemu/file");
  ::setenv("PATH", (dir_ / "zero" + ":" + dir_ / "one" + ":" + dir_ / "two" + ":" + dir_ / "three").c_str(),
           1);
  EXPECT_EQ(FindProgram("qemu"), dir_ / "two/qemu");
  EXPECT_EQ(FindProgram("virtiofsd"), "");
  EXPECT_EQ(FindProgram(""), "");
  EXPECT_EQ(FindProgram(dir_ / "three/qemu"), dir_ / "three/qemu");
  EXPECT_EQ(FindProgram(dir_ / "one/qemu"), "");
}

TEST_F(FindProgramTest, FindProgram_RelativePathEntries_AreSkipped) {
  Program("qemu");
  char* before = ::get_current_dir_name();
  ASSERT_EQ(::chdir(dir_.path().c_str()), 0);
  for (const std::string path : {"", ":", ".", "::.:"}) {
    ::setenv("PATH", path.c_str(), 1);
    EXPECT_EQ(FindProgram("qemu"), "") << path;
  }
  ::setenv("PATH", (":.:" + dir_.path()).c_str(), 1);
  EXPECT_EQ(FindProgram("qemu"), dir_ / "qemu");
  ASSERT_EQ(::chdir(before), 0);
  ::free(before);
}

}  // namespace
}  // namespace virtcontainers
