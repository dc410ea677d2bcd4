#include "monitor/mount_points.h"

#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "os/file.h"
#include "os/test_directory.h"

namespace virtcontainers {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class MountPointsTest : public ::testing::Test {
 protected:
  MountPointsTest() {
    container_.id = "db";
    container_.rootfs = dir_ / "rootfs";
    container_.readonly_rootfs = true;
    dir_.Write("rootfs/etc/hostname");
  }

  void Bind(const std::string& source, const std::string& destination) {
    container_.mounts.push_back({destination, "bind", source, {"rbind"}});
  }
  bool IsFile(const std::string& path) const {
    struct stat info {};
    return ::lstat((dir_ / path).c_str(), &info) == 0 && S_ISREG(info.st_mode);
  }
  bool IsDirectory(const std::string& path) const {
    struct stat info {};
    return ::lstat((dir_ / path).c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  }

  const TestDirectory dir_;
  ContainerConfig container_;
};

TEST_F(MountPointsTest, MakeMountPoints_PathsMissing_MakesMountPointsAndWorkingDirectory) {
  Bind(dir_.Write("file"), "/etc/one/file");
  Bind(dir_.path(), "/data");
  container_.mounts.push_back({"/proc", "proc", "proc", {}});
  container_.process.cwd = "/srv/app";
  const auto made = MakeMountPoints(container_, {});
  ASSERT_TRUE(made) << made.error().ToString();
  EXPECT_TRUE(IsFile("rootfs/etc/one/file"));
  EXPECT_TRUE(IsDirectory("rootfs/data"));
  EXPECT_TRUE(IsDirectory("rootfs/proc"));
  EXPECT_TRUE(IsDirectory("rootfs/srv/app"));
  EXPECT_EQ(container_.mounts.size(), 3u);
}

TEST_F(MountPointsTest, MakeMountPoints_TmpfsWithoutMode_DirectoryModeIs1777) {
  container_.mounts = {{"/tmp/a", "tmpfs", "tmpfs", {"nosuid"}}, {"/tmp/b", "tmpfs", "tmpfs", {"mode=700"}}};
  ASSERT_TRUE(MakeMountPoints(container_, {}));
  const auto mode = [&](const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::stat((dir_ / path).c_str(), &info), 0);
    return info.st_mode & 07777;
  };
  EXPECT_EQ(mode("rootfs/tmp"), 0755u);
  EXPECT_EQ(mode("rootfs/tmp/a"), 01777u);
  EXPECT_EQ(mode("rootfs/tmp/b"), 0755u);
}

TEST_F(MountPointsTest, MakeMountPoints_BelowAnotherMount_MakesNothingInRoot) {
  container_.mounts = {{"/dev", "tmpfs", "tmpfs", {}}, {"/dev/pts", "devpts", "devpts", {}}};
  ASSERT_EQ(::symlink("/dev", (dir_ / "rootfs/devices").c_str()), 0);
  Bind(dir_.path(), "/devices/data");
  container_.process.cwd = "/dev/work";
  ASSERT_TRUE(MakeMountPoints(container_, {}));
  EXPECT_EQ(dir_.Entries("rootfs/dev"), 0u);
}

TEST_F(MountPointsTest, MakeMountPoints_ThroughSymlinks_StaysInRoot) {
  const std::string outside = dir_ / "outside";
  ASSERT_TRUE(MakeDirectories(outside));
  ASSERT_EQ(::symlink(outside.c_str(), (dir_ / "rootfs/absolute").c_str()), 0);
  ASSERT_EQ(::symlink("../../../../run/resolv.conf", (dir_ / "rootfs/etc/resolv.conf").c_str()), 0);
  Bind(dir_.path(), "/absolute/data");
  Bind(dir_.Write("file"), "/etc/resolv.conf");
  const auto made = MakeMountPoints(container_, {});
  ASSERT_TRUE(made) << made.error().ToString();
  EXPECT_EQ(dir_.Entries("outside"), 0u);
  EXPECT_TRUE(IsDirectory("rootfs" + outside + "/data"));
  EXPECT_TRUE(IsFile("rootfs/run/resolv.conf"));
}

TEST_F(MountPointsTest, MakeMountPoints_NotPossible_DropsOptionalMountAndFailsForOthers) {
  const std::vector<Mount> files = {{"/etc/hostname/hosts", "bind", dir_.Write("hosts"), {}}};
  container_.mounts = files;
  testing::internal::CaptureStderr();
  EXPECT_TRUE(MakeMountPoints(container_, files));
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("container 'db' is not given /etc/hostname/hosts"));
  EXPECT_THAT(container_.mounts, IsEmpty());

  Bind(dir_.path(), "/etc/hostname");
  const auto refused = MakeMountPoints(container_, files);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(
      refused.error().ToString(),
      HasSubstr("mount point '/etc/hostname' in the read-only root file system '" + container_.rootfs));
}

}  // namespace
}  // namespace virtcontainers
