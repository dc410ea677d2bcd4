#include "guest/agent/os/rooted_path.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "guest/agent/os/file.h"
#include "guest/agent/testing/temp_dir.h"

namespace virtcontainers::guest {
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

  TempDir dir_;
  std::unique_ptr<RootedPath> root_;
};

TEST_F(RootedPathTest, MakesWhatIsMissing) {
  EXPECT_TRUE(root_->MakeDirectory("/a/b//c/"));
  EXPECT_TRUE(Exists("root/a/b/c"));
  EXPECT_TRUE(root_->MakeFile("/x/y/file"));
  EXPECT_TRUE(Exists("root/x/y/file"));
  EXPECT_TRUE(root_->MakeDirectory("/")) << "the root itself";
}

TEST_F(RootedPathTest, DotsDoNotLeadOut) {
  EXPECT_TRUE(root_->MakeDirectory("/../../outside/new"));
  EXPECT_FALSE(Exists("outside/new"));
  EXPECT_TRUE(Exists("root/outside/new"));
}

TEST_F(RootedPathTest, LinksDoNotLeadOut) {
  Link(dir_.path() + "/outside", "absolute");
  Link("../outside", "relative");
  Link("/etc", "inside");
  // The first points to nothing inside the root, and is not replaced.
  EXPECT_FALSE(root_->MakeDirectory("/absolute/new"));
  EXPECT_FALSE(root_->MakeFile("/absolute/file"));
  EXPECT_FALSE(root_->MakeDirectory("/relative/new"));
  EXPECT_FALSE(Exists("outside/new"));
  EXPECT_FALSE(Exists("outside/file"));
  EXPECT_TRUE(root_->MakeDirectory("/inside/new"));
  EXPECT_TRUE(Exists("root/etc/new"));
}

TEST_F(RootedPathTest, MagicLinksAreRefused) {
  if (::access("/proc/self/fd", F_OK) != 0) GTEST_SKIP() << "no /proc";
  const auto root = RootedPath::Open("/");
  ASSERT_TRUE(root);
  EXPECT_FALSE(root->Open("/proc/self/root/etc", O_PATH));
}

TEST_F(RootedPathTest, NamesThatAreNoFile) {
  std::string name;
  EXPECT_FALSE(root_->MakeParent("/a/..", &name));
  EXPECT_FALSE(root_->MakeParent("/", &name));
  EXPECT_FALSE(root_->Open(std::string_view("a\0b", 3), O_PATH));
  EXPECT_FALSE(root_->Open(std::string(5000, 'a'), O_PATH));
  ASSERT_TRUE(root_->MakeParent("/dev/fuse/", &name));
  EXPECT_EQ(name, "fuse");
}

}  // namespace
}  // namespace virtcontainers::guest
