// The agent as a whole, on this machine: where a container's mounts go, and what they show.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "agent.pb.h"
#include "guest/agent/testing/agent_fixture.h"
#include "guest/agent/testing/spec.h"

namespace virtcontainers::guest {
namespace {

using testing::HasSubstr;

class AgentMountsTest : public AgentTest {
 protected:
  // A file of the guest's to mount, of that content.
  std::string File(const std::string& name, const std::string& content) const {
    std::string path = agent_->directory() + "/" + name;
    std::ofstream(path) << content;
    return path;
  }
  void Link(const std::string& target, const std::string& name) const {
    ASSERT_EQ(::symlink(target.c_str(), (rootfs_ + name).c_str()), 0);
  }
};

// As /etc/resolv.conf is in an image with systemd-resolved.
TEST_F(AgentMountsTest, BindMountOfFile_OnDanglingLink_MakesItsTargetInTheRoot) {
  Link("../run/resolve/stub.conf", "/etc/resolv.conf");
  Link("/var/lib/data", "/etc/data");
  grpc::CreateContainerRequest request = Request(
      "c",
      {"sh", "-c", "cat /etc/resolv.conf /run/resolve/stub.conf /var/lib/data/*; ls -l /etc/resolv.conf"});
  AddMount(*request.mutable_oci(), "/etc/resolv.conf", "bind", File("names", "nameserver\n"), {"bind", "ro"});
  std::filesystem::create_directory(agent_->directory() + "/volume");
  AddMount(*request.mutable_oci(), "/etc/data", "bind", agent_->directory() + "/volume", {"rbind"});
  File("volume/file", "shown\n");
  EXPECT_THAT(OutputOf(request), testing::AllOf(testing::StartsWith("nameserver\nnameserver\nshown\n"),
                                                HasSubstr("/etc/resolv.conf -> ../run/resolve/stub.conf\n")));
  EXPECT_TRUE(std::filesystem::is_regular_file(rootfs_ + "/run/resolve/stub.conf"));
}

TEST_F(AgentMountsTest, BindMount_OfFileOnDirectoryAndBack_NamesBothAndTheirKinds) {
  const std::string file = File("file", "x");
  grpc::CreateContainerRequest request = Request("c", {"true"});
  AddMount(*request.mutable_oci(), "/etc", "bind", file, {"bind"});
  auto refused = client_->Call("CreateContainer", request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kInvalidArgument);
  EXPECT_EQ(refused.error().ToString(), "mount '/etc': its source '" + file +
                                            "' is a file and '/etc' in the container is a directory: mount a "
                                            "file on a file, and a directory on a directory");
  request = Request("c", {"true"});
  AddMount(*request.mutable_oci(), "/etc/passwd", "bind", agent_->directory(), {"rbind"});
  refused = client_->Call("CreateContainer", request);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().ToString(),
              HasSubstr("is a directory and '/etc/passwd' in the container is a file"));
}

TEST_F(AgentMountsTest, Tmpfs_WithoutMode_HasThatOfItsDirectoryOr1777) {
  std::filesystem::create_directory(rootfs_ + "/old");
  ASSERT_EQ(::chmod((rootfs_ + "/old").c_str(), 02750), 0);
  grpc::CreateContainerRequest request =
      Request("c", {"busybox", "stat", "-c", "%n %a", "/new", "/new/one", "/two", "/old", "/moded"});
  request.mutable_oci()->mutable_root()->set_readonly(false);
  for (const char* place : {"/new/one", "/two", "/old"})
    AddMount(*request.mutable_oci(), place, "tmpfs", "tmpfs", {"nosuid"});
  AddMount(*request.mutable_oci(), "/moded", "tmpfs", "tmpfs", {"mode=711"});
  for (const char* which : {"made", "found"}) {
    EXPECT_EQ(OutputOf(request), "/new 755\n/new/one 1777\n/two 1777\n/old 2750\n/moded 711\n") << which;
  }
}

TEST_F(AgentMountsTest, Tmpfs_WithTmpcopyup_BeginsWithWhatItCovers) {
  const std::string old = rootfs_ + "/old";
  std::filesystem::create_directories(old + "/sub/empty");
  std::ofstream(old + "/sub/file") << std::string(300'000, 'x');
  std::ofstream(old + "/tool") << "tool\n";
  ASSERT_EQ(::chown((old + "/tool").c_str(), 7, 8), 0);
  ASSERT_EQ(::chmod((old + "/tool").c_str(), 04755), 0);
  ASSERT_EQ(::symlink("/etc/passwd", (old + "/link").c_str()), 0);
  ASSERT_EQ(::lchown((old + "/link").c_str(), 9, 9), 0);
  ASSERT_EQ(::link((old + "/tool").c_str(), (old + "/sub/hard").c_str()), 0);
  ASSERT_EQ(::mkfifo((old + "/fifo").c_str(), 0), 0);
  ASSERT_EQ(::chmod((old + "/fifo").c_str(), 0622), 0);
  ASSERT_EQ(::mknod((old + "/null").c_str(), S_IFCHR | 0600, ::makedev(1, 3)), 0);
  ASSERT_EQ(::chown((old + "/sub").c_str(), 5, 6), 0);
  ASSERT_EQ(::chmod((old + "/sub").c_str(), 01755), 0);
  const timespec times[] = {{978307200, 0}, {978307200, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (old + "/tool").c_str(), times, 0), 0);

  grpc::CreateContainerRequest request = Request(
      "c", {"sh", "-c",
            "cd /old; busybox stat -c '%n %A %u:%g' tool sub sub/* link fifo null; busybox readlink link; "
            "cat tool; wc -c < sub/file; busybox stat -c '%Y %h' tool; "
            "test $(busybox stat -c %i tool) = $(busybox stat -c %i sub/hard) && echo linked; "
            "busybox stat -c %t:%T null; touch new; grep -c ' /old .* tmpfs ' /proc/self/mountinfo"});
  AddMount(*request.mutable_oci(), "/old", "tmpfs", "tmpfs",
           {"rw", "tmpcopyup", "nosuid", "nodev", "size=1m"});
  EXPECT_EQ(OutputOf(request),
            "tool -rwsr-xr-x 7:8\nsub drwxr-xr-t 5:6\nsub/empty drwxr-xr-x 0:0\nsub/file -rw-r--r-- 0:0\n"
            "sub/hard -rwsr-xr-x 7:8\nlink lrwxrwxrwx 9:9\nfifo prw--w--w- 0:0\nnull crw------- 0:0\n"
            "/etc/passwd\ntool\n300000\n978307200 2\nlinked\n1:3\n1\n");
  EXPECT_FALSE(std::filesystem::exists(old + "/new")) << "what is written stays in the tmpfs";
}

TEST_F(AgentMountsTest, Tmpfs_WithTmpcopyupAndReadOnly_IsFilledBefore) {
  grpc::CreateContainerRequest request = Request("c", {"sh", "-c", "cat /etc/group | wc -l; touch /etc/new"});
  AddMount(*request.mutable_oci(), "/etc", "tmpfs", "tmpfs", {"ro", "tmpcopyup"});
  EXPECT_THAT(OutputOf(request), testing::AllOf(testing::StartsWith("3\n"), HasSubstr("Read-only")));
}

TEST_F(AgentMountsTest, Tmpcopyup_OfMoreThanFitsOrOfAnotherType_IsRefused) {
  std::filesystem::create_directory(rootfs_ + "/old");
  std::ofstream(rootfs_ + "/old/big") << std::string(100'000, 'x');
  grpc::CreateContainerRequest request = Request("c", {"true"});
  AddMount(*request.mutable_oci(), "/old", "tmpfs", "tmpfs", {"tmpcopyup", "size=8k"});
  const auto full = client_->Call("CreateContainer", request);
  ASSERT_FALSE(full);
  EXPECT_THAT(full.error().ToString(),
              HasSubstr("mount '/old': copy what it covers (tmpcopyup): copy '/big': No space"));
  std::string deep = rootfs_ + "/old";
  for (int i = 0; i < 70; ++i) std::filesystem::create_directory(deep += "/d");
  std::filesystem::remove(rootfs_ + "/old/big");
  EXPECT_EQ(client_->Call("CreateContainer", request).error().code(), Code::kResourceExhausted);
  for (const char* type : {"proc", "bind"}) {
    request = Request("c", {"true"});
    AddMount(*request.mutable_oci(), "/old", type, "/proc", {"tmpcopyup"});
    EXPECT_EQ(client_->Call("CreateContainer", request).error().code(), Code::kInvalidArgument) << type;
  }
}

// runc and crun pass them to mount(2), which ignores them.
TEST_F(AgentMountsTest, BindMount_WithOptionsOfAFileSystem_IgnoresThem) {
  const std::string volume = agent_->directory() + "/volume";
  std::filesystem::create_directory(volume);
  ASSERT_EQ(::chmod(volume.c_str(), 0705), 0);
  File("volume/file", "shown\n");
  grpc::CreateContainerRequest request =
      Request("c", {"sh", "-c", "cat /data/file; busybox stat -c %a /data; touch /data/new"});
  AddMount(*request.mutable_oci(), "/data", "bind", volume, {"bind", "mode=755", "size=1m", "ro"});
  EXPECT_THAT(OutputOf(request), testing::AllOf(testing::StartsWith("shown\n705\n"), HasSubstr("Read-only")));
}

}  // namespace
}  // namespace virtcontainers::guest
