#include "os/rooted_path.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <gtest/gtest.h>
#include <thread>

#include "os/file.h"
#include "os/test_directory.h"

namespace virtcontainers {
namespace {

class RootedPathTest : public testing::Test {
 protected:
  RootedPathTest() {
    EXPECT_TRUE(MakeDirectories(dir_.path() + "/root/etc"));
    EXPECT_TRUE(MakeDirectories(dir_.path() + "/outside"));
    auto root = RootedPath::Open(dir_.path() + "/root");
    EXPECT_TRUE(root);
    root_ = std::make_unique<RootedPath>(std::move(*root));
  }

  void Link(const std::string& target, const std::string& name) {
    EXPECT_EQ(::symlink(target.c_str(), (dir_.path() + "/root/" + name).c_str()), 0);
  }
  bool Exists(const std::string& path) { return ::access((dir_.path() + "/" + path).c_str(), F_OK) == 0; }

  const TestDirectory dir_;
  std::unique_ptr<RootedPath> root_;
};

TEST_F(RootedPathTest, Make_ParentsMissing_MakesParents) {
  EXPECT_TRUE(root_->MakeDirectory("/a/b//c/"));
  EXPECT_TRUE(Exists("root/a/b/c"));
  EXPECT_TRUE(root_->MakeFile("/x/y/file"));
  EXPECT_TRUE(Exists("root/x/y/file"));
  EXPECT_TRUE(root_->MakeDirectory("/")) << "the root itself";
}

TEST_F(RootedPathTest, Make_PathWithDots_StaysInRoot) {
  EXPECT_TRUE(root_->MakeDirectory("/../../outside/new"));
  EXPECT_FALSE(Exists("outside/new"));
  EXPECT_TRUE(Exists("root/outside/new"));
}

TEST_F(RootedPathTest, Make_PathThroughLinks_StaysInRoot) {
  Link(dir_.path() + "/outside", "absolute");
  Link("../outside", "relative");
  Link("/etc", "inside");
  EXPECT_TRUE(root_->MakeDirectory("/absolute/new"));
  EXPECT_TRUE(root_->MakeFile("/absolute/file"));
  EXPECT_TRUE(root_->MakeDirectory("/relative/new"));
  EXPECT_FALSE(Exists("outside/new"));
  EXPECT_FALSE(Exists("outside/file"));
  EXPECT_TRUE(Exists("root" + dir_.path() + "/outside/new"));
  EXPECT_TRUE(Exists("root" + dir_.path() + "/outside/file"));
  EXPECT_TRUE(Exists("root/outside/new"));
  EXPECT_TRUE(root_->MakeDirectory("/inside/new"));
  EXPECT_TRUE(Exists("root/etc/new"));
}

TEST_F(RootedPathTest, MakeFile_DanglingLink_CreatesLinkTarget) {
  Link("/run/resolve/resolv.conf", "etc/absolute");
  Link("../../../../run/y/relative", "etc/relative");
  Link("second", "etc/first");
  Link("/nowhere/../etc/third", "etc/second");
  for (const auto& [link, target] :
       {std::pair("etc/absolute", "root/run/resolve/resolv.conf"),
        std::pair("etc/relative", "root/run/y/relative"), std::pair("etc/first", "root/etc/third")}) {
    EXPECT_FALSE(Exists(target));
    const auto made = root_->MakeFile(link);
    ASSERT_TRUE(made) << link << ": " << made.error().ToString();
    EXPECT_TRUE(Exists(target));
    struct stat at_target {
    }, opened{};
    EXPECT_EQ(::stat((dir_ / target).c_str(), &at_target), 0);
    EXPECT_EQ(::fstat(made->get(), &opened), 0);
    EXPECT_EQ(opened.st_ino, at_target.st_ino);
  }
  EXPECT_FALSE(Exists("root/nowhere")) << "a name that '..' takes back is not made";
}

TEST_F(RootedPathTest, MakeDirectory_ThroughDanglingLink_CreatesLinkTarget) {
  Link("/var/lib/data", "etc/data");
  EXPECT_TRUE(root_->MakeDirectory("/etc/data"));
  EXPECT_TRUE(root_->MakeDirectory("/etc/data/more/of/it"));
  EXPECT_TRUE(Exists("root/var/lib/data/more/of/it"));
}

TEST_F(RootedPathTest, Make_SymlinkLoop_Fails) {
  Link("loop", "etc/loop");
  Link("/etc/b/x", "etc/a");
  Link("/etc/a/x", "etc/b");
  for (const char* path : {"/etc/loop", "/etc/loop/x", "/etc/a"}) {
    EXPECT_FALSE(root_->MakeFile(path)) << path;
    EXPECT_FALSE(root_->MakeDirectory(path)) << path;
  }
}

TEST_F(RootedPathTest, Make_BelowRegularFile_Fails) {
  dir_.Write("root/etc/file");
  EXPECT_FALSE(root_->MakeDirectory("/etc/file"));
  EXPECT_FALSE(root_->MakeDirectory("/etc/file/x"));
  EXPECT_FALSE(root_->MakeFile("/etc/file/x"));
  EXPECT_TRUE(root_->MakeFile("/etc/file"));
}

TEST_F(RootedPathTest, Make_RestrictiveUmask_HasRequestedModes) {
  const mode_t before = ::umask(077);
  EXPECT_TRUE(root_->MakeFile("/a/b/file"));
  EXPECT_TRUE(root_->MakeDirectory("/own", 01770));
  EXPECT_TRUE(root_->MakeDirectory("/other/last", 0750, 01777));
  ::umask(before);
  const auto mode = [&](const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::stat((dir_ / path).c_str(), &info), 0);
    return info.st_mode & 07777;
  };
  EXPECT_EQ(mode("root/a"), 0755u);
  EXPECT_EQ(mode("root/a/b"), 0755u);
  EXPECT_EQ(mode("root/a/b/file"), 0644u);
  EXPECT_EQ(mode("root/own"), 01770u);
  EXPECT_EQ(mode("root/other"), 0750u);
  EXPECT_EQ(mode("root/other/last"), 01777u);
}

TEST_F(RootedPathTest, MakePlace_LinkOrCoveredPath_ReturnsResolvedOrCoveringPath) {
  Link("/var/lib/data", "etc/data");
  using Kind = RootedPath::Kind;
  EXPECT_EQ(root_->MakePlace("/etc/data/../x/./file", Kind::kFile, {}).value(), "/var/lib/x/file");
  EXPECT_TRUE(Exists("root/var/lib/x/file"));
  EXPECT_FALSE(Exists("root/var/lib/data"));
  EXPECT_EQ(root_->MakePlace("/etc/data/sub", Kind::kDirectory, {"/var/lib"}).value(), "/var/lib");
  EXPECT_FALSE(Exists("root/var/lib/data"));
  EXPECT_EQ(root_->MakePlace("/etc/data", Kind::kDirectory, {"/etc/data"}).value(), "/var/lib/data")
      << "a link is not what it leads to";
  EXPECT_EQ(root_->MakePlace("/", Kind::kDirectory, {"/var"}).value(), "/");
  EXPECT_FALSE(root_->MakePlace(std::string("a\0b", 3), Kind::kFile, {}));
}

// As another container may do that has the same directory.
TEST_F(RootedPathTest, Make_ConcurrentRenamesToSymlinks_StaysInRoot) {
  const std::string name = dir_ / "root/a", away = dir_ / "root/b";
  std::atomic<bool> done{false};
  std::thread hostile([&] {
    while (!done) {
      std::error_code ignored;
      std::filesystem::create_directory(name, ignored);
      std::filesystem::rename(name, away, ignored);
      (void)!::symlink((dir_ / "outside").c_str(), name.c_str());
      ::unlink(name.c_str());
      std::filesystem::remove_all(away, ignored);
    }
  });
  int made = 0;
  for (const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
       std::chrono::steady_clock::now() < end;) {
    if (root_->MakeFile("/a/file")) ++made;
    if (root_->MakeDirectory("/a/c/d")) ++made;
  }
  done = true;
  hostile.join();
  EXPECT_GT(made, 0);
  EXPECT_EQ(dir_.Entries("outside"), 0u);
}

TEST_F(RootedPathTest, Open_MagicLink_Fails) {
  if (::access("/proc/self/fd", F_OK) != 0) GTEST_SKIP() << "no /proc";
  const auto root = RootedPath::Open("/");
  ASSERT_TRUE(root);
  EXPECT_FALSE(root->Open("/proc/self/root/etc", O_PATH));
}

TEST_F(RootedPathTest, MakeParent_InvalidPath_Fails) {
  std::string name;
  EXPECT_FALSE(root_->MakeParent("/a/..", &name));
  EXPECT_FALSE(root_->MakeParent("/", &name));
  EXPECT_FALSE(root_->Open(std::string_view("a\0b", 3), O_PATH));
  EXPECT_FALSE(root_->Open(std::string(5000, 'a'), O_PATH));
  ASSERT_TRUE(root_->MakeParent("/dev/fuse/", &name));
  EXPECT_EQ(name, "fuse");
}

}  // namespace
}  // namespace virtcontainers
