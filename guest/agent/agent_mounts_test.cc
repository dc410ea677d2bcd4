// The agent as a whole, on this machine: where a container's mounts go, and what they show.

#include <sys/stat.h>
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

}  // namespace
}  // namespace virtcontainers::guest
