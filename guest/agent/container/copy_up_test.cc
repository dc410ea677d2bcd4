#include "guest/agent/container/copy_up.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>

#include "base/unique_fd.h"
#include "guest/agent/testing/temp_dir.h"

namespace virtcontainers::guest {
namespace {

class CopyUpTest : public testing::Test {
 protected:
  CopyUpTest() {
    std::filesystem::create_directories(From("sub"));
    std::filesystem::create_directory(To(""));
  }

  std::string From(const std::string& name) const { return dir_.path() + "/from/" + name; }
  std::string To(const std::string& name) const { return dir_.path() + "/to/" + name; }
  Status Copy() const {
    const UniqueFd from(::open(From("").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const UniqueFd to(::open(To("").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    return CopyUp(from.get(), to.get());
  }

  TempDir dir_;
};

TEST_F(CopyUpTest, ExtendedAttributes_OfFilesDirectoriesAndLinks_AreCopied) {
  if (::geteuid() != 0) GTEST_SKIP() << "trusted attributes are root's";
  std::ofstream(From("sub/file")) << "x";
  ASSERT_EQ(::symlink("file", From("sub/link").c_str()), 0);
  if (::lsetxattr(From("sub/link").c_str(), "trusted.test", "link", 4, 0) != 0)
    GTEST_SKIP() << "this file system has no trusted attributes";
  ASSERT_EQ(::setxattr(From("sub/file").c_str(), "trusted.test", "file", 4, 0), 0);
  ASSERT_EQ(::setxattr(From("sub").c_str(), "trusted.test", "directory", 9, 0), 0);
  const Status copied = Copy();
  ASSERT_TRUE(copied) << copied.error().ToString();
  const auto value = [&](const std::string& name) {
    std::array<char, 64> buffer;
    const ssize_t size = ::lgetxattr(To(name).c_str(), "trusted.test", buffer.data(), buffer.size());
    return size < 0 ? std::string("none") : std::string(buffer.data(), static_cast<size_t>(size));
  };
  EXPECT_EQ(value("sub"), "directory");
  EXPECT_EQ(value("sub/file"), "file");
  EXPECT_EQ(value("sub/link"), "link");
}

TEST_F(CopyUpTest, Links_AreCopiedAndNotFollowed) {
  ASSERT_EQ(::symlink("/etc", From("directory").c_str()), 0);
  ASSERT_EQ(::symlink("nowhere", From("dangling").c_str()), 0);
  ASSERT_EQ(::symlink(".", From("sub/loop").c_str()), 0);
  const Status copied = Copy();
  ASSERT_TRUE(copied) << copied.error().ToString();
  EXPECT_EQ(std::filesystem::read_symlink(To("directory")), "/etc");
  EXPECT_EQ(std::filesystem::read_symlink(To("dangling")), "nowhere");
  EXPECT_EQ(std::filesystem::read_symlink(To("sub/loop")), ".");
}

}  // namespace
}  // namespace virtcontainers::guest
