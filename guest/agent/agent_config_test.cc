// The agent as a whole, on this machine: what a container is made of.

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "agent.pb.h"
#include "guest/agent/testing/agent_fixture.h"
#include "guest/agent/testing/spec.h"
#include "health.pb.h"

namespace virtcontainers::guest {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class AgentConfigTest : public AgentTest {};

TEST_F(AgentConfigTest, Container_ByDefault_SharesHostnameAndHasOwnProcesses) {
  EXPECT_EQ(OutputOf("hostname"), "web\n");
  const std::string processes = OutputOf("ps");
  EXPECT_THAT(processes, HasSubstr("    1 root"));
  EXPECT_THAT(processes, Not(HasSubstr("virtcontainers-agent")));
}

TEST_F(AgentConfigTest, Container_WithSharedPidNamespace_SeesOthersProcesses) {
  grpc::CreateContainerRequest a = Request("a", {"sleep", "1111"});
  a.set_sandbox_pidns(true);
  Run(a);
  grpc::CreateContainerRequest b = Request("b", {"ps"});
  b.set_sandbox_pidns(true);
  EXPECT_THAT(OutputOf(b), HasSubstr("sleep 1111"));
  EXPECT_TRUE(Signal("a", "", SIGTERM));
  EXPECT_EQ(client_->Wait("a", ""), 128 + SIGTERM) << "it is no namespace's first process";
}

TEST_F(AgentConfigTest, Container_WithDefaultConfig_HasCapabilitiesLimitsAndMounts) {
  const std::string status = OutputOf("grep -E 'Cap|NoNew|Seccomp:' /proc/self/status");
  EXPECT_THAT(status, HasSubstr("CapInh:\t0000000000000000"));
  EXPECT_THAT(status, HasSubstr("CapPrm:\t0000000020000420"));
  EXPECT_THAT(status, HasSubstr("CapEff:\t0000000020000420"));
  EXPECT_THAT(status, HasSubstr("CapBnd:\t0000000020000420"));
  EXPECT_THAT(status, HasSubstr("CapAmb:\t0000000000000000"));
  EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(OutputOf("ulimit -n; umask; env; pwd"),
              testing::AllOf(StartsWith("512\n0022\n"), HasSubstr("HOME=/root\n"), HasSubstr("\n/\n")));
  EXPECT_THAT(OutputOf("touch /x"), HasSubstr("Read-only"));
  EXPECT_THAT(OutputOf("echo 1 > /proc/sys/kernel/panic"), HasSubstr("Read-only"));
  EXPECT_EQ(OutputOf("cat /proc/keys /proc/timer_list"), "");
  EXPECT_EQ(
      OutputOf("ls /sys/firmware; echo x > /dev/null; cat /dev/null; ls /dev"),
      "core\nfd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n");
  EXPECT_THAT(OutputOf("cat /proc/self/cgroup"), HasSubstr("0::/\n"))
      << "its own cgroup is the root of what it sees";
}

TEST_F(AgentConfigTest, Process_WithUserByNumberOrName_RunsAsThatUser) {
  grpc::CreateContainerRequest number = Request("c", {"sh", "-c", "id; echo $HOME; echo x > /dev/stderr"});
  grpc::User& user = *number.mutable_oci()->mutable_process()->mutable_user();
  user.set_uid(1000);
  user.set_gid(5);
  user.add_additionalgids(7);
  EXPECT_EQ(OutputOf(number), "uid=1000(web) gid=5 groups=7\n/srv/web\nx\n");

  grpc::CreateContainerRequest name =
      Request("c", {"sh", "-c", "id -u; id -g; id -G; grep Cap /proc/self/status"});
  name.mutable_oci()->mutable_process()->mutable_user()->set_username("web");
  const std::string output = OutputOf(name);
  EXPECT_THAT(output, StartsWith("1000\n1001\n1001 44\n"));
  // Ambient ones are not inheritable here, so a program of another user has none.
  EXPECT_THAT(output, HasSubstr("CapEff:\t0000000000000000"));
  EXPECT_THAT(output, HasSubstr("CapBnd:\t0000000020000420"));

  grpc::CreateContainerRequest by_string = Request("c", {"sh", "-c", "id -u; id -g; id -G"});
  by_string.mutable_string_user()->set_uid("web");
  EXPECT_EQ(OutputOf(by_string), "1000\n1001\n1001 44\n");
}

TEST_F(AgentConfigTest, ProcessWithoutAUser_IsTheContainersUserByName) {
  grpc::CreateContainerRequest request = Request("c", {"sleep", "1000"});
  request.mutable_string_user()->set_uid("web");
  Run(request);
  grpc::ExecProcessRequest exec;
  exec.set_container_id("c");
  exec.set_exec_id("e");
  for (const char* argument : {"id", "-G"}) exec.mutable_process()->add_args(argument);
  ASSERT_TRUE(client_->Call("ExecProcess", exec));
  EXPECT_EQ(client_->ReadToEnd("c", "e"), "1001 44\n");
}

TEST_F(AgentConfigTest, AccountFileThatIsAFifo_FailsAtOnceAndIsNamed) {
  grpc::CreateContainerRequest request = Request("c", {"id", "-u"});
  const std::string passwd = request.oci().root().path() + "/etc/passwd";
  ASSERT_EQ(::unlink(passwd.c_str()), 0);
  ASSERT_EQ(::mkfifo(passwd.c_str(), 0644), 0);
  const auto created = client_->Call("CreateContainer", request);
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(created.error().ToString(), HasSubstr("'/etc/passwd' of its root file system is a FIFO"));
}

TEST_F(AgentConfigTest, Process_NotRootWithAmbientCapabilities_HasThem) {
  grpc::CreateContainerRequest request = Request("c", {"grep", "Cap[EA]", "/proc/self/status"});
  request.mutable_oci()->mutable_process()->mutable_user()->set_uid(1000);
  for (const char* name : {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"}) {
    request.mutable_oci()->mutable_process()->mutable_capabilities()->add_inheritable(name);
  }
  EXPECT_EQ(OutputOf(request), "CapEff:\t0000000020000420\nCapAmb:\t0000000020000420\n");
}

TEST_F(AgentConfigTest, WorkingDirectory_Missing_IsMade) {
  grpc::CreateContainerRequest request = Request("c", {"pwd"});
  request.mutable_oci()->mutable_process()->set_cwd("/deep/er");
  EXPECT_EQ(OutputOf(request), "/deep/er\n");
}

TEST_F(AgentConfigTest, Seccomp_CallIsDenied_FailsWithItsErrno) {
  grpc::CreateContainerRequest request =
      Request("c", {"sh", "-c", "mkdir /tmp/x; grep Seccomp: /proc/self/status"});
  request.mutable_oci()->mutable_root()->set_readonly(false);
  grpc::LinuxSeccomp& seccomp = *request.mutable_oci()->mutable_linux()->mutable_seccomp();
  seccomp.set_defaultaction("SCMP_ACT_ALLOW");
  seccomp.add_architectures("SCMP_ARCH_X86_64");
  grpc::LinuxSyscall& call = *seccomp.add_syscalls();
  call.add_names("mkdir");
  call.set_action("SCMP_ACT_ERRNO");
  call.set_errnoret(ENOTTY);
  for (const bool no_new_privileges : {true, false}) {
    request.mutable_oci()->mutable_process()->set_nonewprivileges(no_new_privileges);
    for (const uint32_t uid : {0u, 1000u}) {
      request.mutable_oci()->mutable_process()->mutable_user()->set_uid(uid);
      EXPECT_THAT(OutputOf(request),
                  testing::AllOf(HasSubstr("Inappropriate ioctl"), HasSubstr("Seccomp:\t2")));
    }
  }
  request.mutable_oci()->mutable_process()->clear_args();
  for (const char* argument : {"sleep", "1000"}) request.mutable_oci()->mutable_process()->add_args(argument);
  Run(request);
  EXPECT_THAT(client_->Output("c", {"grep", "Seccomp:", "/proc/self/status"}), HasSubstr("Seccomp:\t2"));
}

TEST_F(AgentConfigTest, Mount_OverLinkInRootfs_StaysInRootfs) {
  const std::string outside = agent_->directory() + "/outside";
  std::filesystem::create_directory(outside);
  std::filesystem::create_directory(agent_->directory() + "/volume");
  std::ofstream(agent_->directory() + "/volume/file") << "mounted";
  // To the guest both exist; to the container neither, and what they lead to is made in its root.
  std::filesystem::create_symlink(outside, rootfs_ + "/absolute");
  std::filesystem::create_symlink("../outside", rootfs_ + "/relative");
  std::filesystem::create_symlink("/etc", rootfs_ + "/inside");
  for (const char* destination : {"/absolute/x", "/relative/x"}) {
    grpc::CreateContainerRequest request = Request("c", {"cat", std::string(destination) + "/file"});
    AddMount(*request.mutable_oci(), destination, "bind", agent_->directory() + "/volume", {"rbind"});
    EXPECT_EQ(OutputOf(request), "mounted");
  }
  EXPECT_TRUE(std::filesystem::is_empty(outside));
  grpc::CreateContainerRequest request = Request("c", {"cat", "/etc/x/file"});
  AddMount(*request.mutable_oci(), "/inside/x", "bind", agent_->directory() + "/volume", {"rbind", "ro"});
  EXPECT_EQ(OutputOf(request), "mounted");
}

TEST_F(AgentConfigTest, BindMount_OfDirectoryOrFile_ShowsIt) {
  const std::string volume = agent_->directory() + "/volume";
  std::filesystem::create_directory(volume);
  std::ofstream(volume + "/file") << "content\n";
  grpc::CreateContainerRequest request = Request(
      "c",
      {"sh", "-c", "cat /etc/one; touch /data/new; touch /frozen/new; grep -c frozen /proc/self/mountinfo"});
  AddMount(*request.mutable_oci(), "/etc/one", "", volume + "/file", {"bind", "ro"});
  AddMount(*request.mutable_oci(), "/data", "bind", volume, {"rbind", "rw"});
  AddMount(*request.mutable_oci(), "/frozen", "bind", volume, {"rbind", "ro", "nosuid"});
  const std::string output = OutputOf(request);
  EXPECT_THAT(output, StartsWith("content\n1\n"));
  EXPECT_THAT(output, HasSubstr("/frozen/new: Read-only"));
  EXPECT_TRUE(std::filesystem::exists(volume + "/new"));
  grpc::CreateContainerRequest missing = Request("c", {"true"});
  AddMount(*missing.mutable_oci(), "/data", "bind", "/no/such/volume", {"bind"});
  EXPECT_EQ(client_->Call("CreateContainer", missing).error().code(), Code::kFailedPrecondition);
}

TEST_F(AgentConfigTest, Mount_WithPropagationOption_Propagates) {
  const std::string volume = agent_->directory() + "/volume";
  std::filesystem::create_directory(volume);
  grpc::CreateContainerRequest request = Request("c", {"cat", "/proc/self/mountinfo"});
  AddMount(*request.mutable_oci(), "/private", "bind", volume, {"rbind", "rprivate"});
  AddMount(*request.mutable_oci(), "/shared", "bind", volume, {"rbind", "rshared"});
  AddMount(*request.mutable_oci(), "/unbindable", "tmpfs", "tmpfs", {"unbindable"});
  AddMount(*request.mutable_oci(), "/quiet", "bind", volume,
           {"bind", "ro", "nosuid", "nodev", "noexec", "noatime"});
  const auto line = [&](const std::string& all, const std::string& place) {
    const size_t at = all.find(" " + place + " ");
    return at == std::string::npos ? all : all.substr(at, all.find('\n', at) - at);
  };
  std::string mounts = OutputOf(request);
  EXPECT_THAT(line(mounts, "/private"), Not(HasSubstr("shared:")));
  EXPECT_THAT(line(mounts, "/shared"), HasSubstr(" shared:"));
  EXPECT_THAT(line(mounts, "/unbindable"), HasSubstr(" unbindable "));
  EXPECT_THAT(line(mounts, "/quiet"), HasSubstr(" ro,nosuid,nodev,noexec,noatime "));
  EXPECT_THAT(line(mounts, "/"), Not(HasSubstr("shared:")));
  request.mutable_oci()->mutable_linux()->set_rootfspropagation("rshared");
  mounts = OutputOf(request);
  EXPECT_THAT(line(mounts, "/"), HasSubstr(" shared:"));
  EXPECT_THAT(line(mounts, "/private"), HasSubstr(" shared:")) << "and all below it";
  request.mutable_oci()->mutable_linux()->set_rootfspropagation("sideways");
  EXPECT_EQ(client_->Call("CreateContainer", request).error().code(), Code::kInvalidArgument);
  for (const char* option : {"idmap", "ridmap"}) {
    grpc::CreateContainerRequest mapped = Request("c", {"true"});
    AddMount(*mapped.mutable_oci(), "/data", "bind", volume, {"rbind", option});
    EXPECT_EQ(client_->Call("CreateContainer", mapped).error().code(), Code::kUnimplemented) << option;
  }
}

TEST_F(AgentConfigTest, Devices_OfEachType_AreMade) {
  grpc::CreateContainerRequest request =
      Request("c", {"sh", "-c", "ls -ln /dev/char /dev/unbuffered /dev/block /dev/sub/fifo"});
  const auto add = [&](const char* path, const char* type, int64_t number, uint32_t mode, uint32_t owner) {
    grpc::LinuxDevice& device = *request.mutable_oci()->mutable_linux()->add_devices();
    device.set_path(path);
    device.set_type(type);
    device.set_major(number);
    device.set_minor(number + 1);
    device.set_filemode(mode);
    device.set_uid(owner);
    device.set_gid(owner + 1);
  };
  add("/dev/char", "c", 10, 0600, 0);
  add("/dev/unbuffered", "u", 20, 0660, 1000);
  add("/dev/block", "b", 30, 0, 5);
  add("/dev/sub/fifo", "p", 0, 0622, 7);
  const std::string nodes = OutputOf(request);
  EXPECT_THAT(nodes, testing::ContainsRegex("crw------- +1 0 +1 +10, +11 .*/dev/char"));
  EXPECT_THAT(nodes, testing::ContainsRegex("crw-rw---- +1 1000 +1001 +20, +21 .*/dev/unbuffered"));
  EXPECT_THAT(nodes, testing::ContainsRegex("brw-rw-rw- +1 5 +6 +30, +31 .*/dev/block"));
  EXPECT_THAT(nodes, testing::ContainsRegex("prw--w--w- +1 7 +8 .*/dev/sub/fifo"));
  add("/dev/odd", "x", 1, 0, 0);
  EXPECT_EQ(client_->Call("CreateContainer", request).error().code(), Code::kInvalidArgument);
}

TEST_F(AgentConfigTest, Device_InThePlaceOfAnotherFile_IsRefusedByName) {
  grpc::CreateContainerRequest request =
      Request("c", {"busybox", "stat", "-c", "%a %u:%g %t:%T", "/tmp/null"});
  grpc::LinuxDevice& device = *request.mutable_oci()->mutable_linux()->add_devices();
  device.set_path("/tmp/null");
  device.set_type("c");
  device.set_major(1);
  device.set_minor(3);
  device.set_filemode(0600);
  EXPECT_EQ(OutputOf(request), "600 0:0 1:3\n");
  // It is there from before: an earlier start of the same container.
  device.set_filemode(0644);
  device.set_uid(7);
  EXPECT_EQ(OutputOf(request), "644 7:0 1:3\n");
  device.set_minor(5);
  const auto other = client_->Call("CreateContainer", request);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(other.error().ToString(), HasSubstr("device '/tmp/null': there is another file of this name"));
}

TEST_F(AgentConfigTest, DeviceRules_OpenDevice_AllowOrRefuse) {
  if (::access("/dev/net/tun", F_OK) != 0) GTEST_SKIP() << "there is no /dev/net/tun to try it with";
  grpc::CreateContainerRequest request =
      Request("c", {"sh", "-c", "echo x > /dev/null && : < /dev/tun && echo open"});
  grpc::Linux& linux_spec = *request.mutable_oci()->mutable_linux();
  grpc::LinuxDevice& device = *linux_spec.add_devices();
  device.set_path("/dev/tun");
  device.set_type("c");
  device.set_major(10);
  device.set_minor(200);
  EXPECT_EQ(OutputOf(request), "open\n") << "without rules";
  linux_spec.mutable_resources()->add_devices()->set_access("rwm");
  const std::string output = OutputOf(request);
  if (output == "open\n") GTEST_SKIP() << "this machine does not let the agent load a filter";
  EXPECT_THAT(output, HasSubstr("Operation not permitted"));
  grpc::LinuxDeviceCgroup& rule = *linux_spec.mutable_resources()->add_devices();
  rule.set_allow(true);
  rule.set_type("c");
  rule.set_major(10);
  rule.set_minor(200);
  rule.set_access("rw");
  EXPECT_EQ(OutputOf(request), "open\n");
}

TEST_F(AgentConfigTest, Storages_OfContainer_AreMountedAndUnmountedWithIt) {
  grpc::CreateContainerRequest request = Request("c", {"sh", "-c", "mount | grep /data"});
  grpc::Storage& storage = *request.add_storages();
  storage.set_driver("ephemeral");
  storage.set_source("scratch");
  storage.set_fstype("tmpfs");
  storage.add_options("size=1m");
  storage.set_mount_point(agent_->state() + "/sandbox/scratch");
  AddMount(*request.mutable_oci(), "/data", "bind", storage.mount_point(), {"rbind"});
  EXPECT_THAT(OutputOf(request), HasSubstr("size=1024k"));
  storage.set_mount_point("/etc");
  EXPECT_EQ(client_->Call("CreateContainer", request).error().code(), Code::kInvalidArgument);
  storage.set_driver("floppy");
  EXPECT_EQ(client_->Call("CreateContainer", request).error().code(), Code::kUnimplemented);
}

}  // namespace
}  // namespace virtcontainers::guest
