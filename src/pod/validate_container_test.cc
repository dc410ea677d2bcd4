// What ValidateContainer and ValidatePod say of what a container is given beside its process.

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "base/unique_fd.h"
#include "os/test_directory.h"
#include "pod/mounts.h"
#include "pod/test_config.h"
#include "pod/validate.h"

namespace virtcontainers {
namespace {

using namespace std::string_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ValidateContainerTest : public ::testing::Test {
 protected:
  ValidateContainerTest() : rootfs_(dir_ / "rootfs") { ::mkdir(rootfs_.c_str(), 0755); }

  ContainerConfig Small() const { return SmallContainer("db", rootfs_); }

  void ExpectTaken(const std::function<void(ContainerConfig&)>& change) const {
    ContainerConfig config = Small();
    change(config);
    const Status status = ValidateContainer(config);
    EXPECT_TRUE(status) << status.error().ToString();
  }
  void ExpectRefused(const std::function<void(ContainerConfig&)>& spoil, const std::string& message,
                     Code code = Code::kInvalidArgument) const {
    ContainerConfig config = Small();
    spoil(config);
    const Status status = ValidateContainer(config);
    ASSERT_FALSE(status) << message;
    EXPECT_EQ(status.error().code(), code) << status.error().ToString();
    EXPECT_THAT(status.error().ToString(), StartsWith("container 'db': " + message));
  }
  void ExpectPodRefused(const std::function<void(PodConfig&)>& spoil, const std::string& message) const {
    PodConfig config = SmallPod("web");
    spoil(config);
    const Status status = ValidatePod(config, kHost);
    ASSERT_FALSE(status) << message;
    EXPECT_EQ(status.error().code(), Code::kInvalidArgument) << status.error().ToString();
    EXPECT_THAT(status.error().ToString(), HasSubstr(message));
  }

  const TestDirectory dir_;
  const std::string rootfs_;
};

TEST_F(ValidateContainerTest, Container_EveryField_IsValid) {
  ContainerConfig full = FullContainer();
  full.rootfs = rootfs_;
  const Status status = ValidateContainer(full);
  EXPECT_TRUE(status) << status.error().ToString();
}

TEST_F(ValidateContainerTest, BindMounts_WrongSourceOrDestination_AreRefused) {
  const std::string file = dir_.Write("file");
  const auto mount = [](const std::string& source, const std::string& type = "bind",
                        std::vector<std::string> options = {"rbind"}) {
    return [=](ContainerConfig& c) { c.mounts = {{"/data", type, source, options}}; };
  };
  ExpectTaken(mount(dir_.path()));
  ExpectTaken(mount(file));
  ExpectTaken(mount(file, "none", {"bind", "ro"}));
  ExpectTaken(mount(file, "", {"rbind", "rprivate"}));
  ASSERT_EQ(::symlink(file.c_str(), (dir_ / "link").c_str()), 0);
  ExpectTaken(mount(dir_ / "link"));

  ExpectRefused(mount("data"), "mount at '/data': the source 'data' is not an absolute path on the host");
  ExpectRefused(mount(""), "mount at '/data': the source '' is not an absolute path on the host");
  ExpectRefused(mount(dir_ / "none"),
                "mount at '/data': the source '" + (dir_ / "none") + "' does not exist on the host",
                Code::kNotFound);
  ExpectRefused(mount(file + "/x"),
                "mount at '/data': the source '" + file + "/x' does not exist on the host", Code::kNotFound);
  ASSERT_EQ(::mkfifo((dir_ / "pipe").c_str(), 0600), 0);
  ExpectRefused(mount(dir_ / "pipe"), "mount at '/data': the source '" + (dir_ / "pipe") +
                                          "' is a pipe, and what is behind it stays on the host");
  ExpectRefused(mount("/dev/null"), "mount at '/data': the source '/dev/null' is a device, and");
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  const std::string path = dir_ / "s";
  ASSERT_LT(path.size(), sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ExpectRefused(mount(path),
                "mount at '/data': the source '" + path + "' is a socket, which a file system does not");
}

TEST(Mounts, IsBindMountAndIsReadonly_OfOptions_AreRecognized) {
  EXPECT_TRUE(IsBindMount({"/a", "bind", "/b", {}}));
  EXPECT_TRUE(IsBindMount({"/a", "", "/b", {"ro", "rbind"}}));
  EXPECT_FALSE(IsBindMount({"/a", "tmpfs", "tmpfs", {"ro"}}));
  EXPECT_TRUE(IsReadonlyMount({"/a", "bind", "/b", {"rbind", "ro"}}));
  EXPECT_TRUE(IsReadonlyMount({"/a", "bind", "/b", {"rw", "rro"}}));
  EXPECT_FALSE(IsReadonlyMount({"/a", "bind", "/b", {"ro", "rw"}}));
  EXPECT_FALSE(IsReadonlyMount({"/a", "bind", "/b", {}}));
}

TEST_F(ValidateContainerTest, Memory_OutOfRange_IsRefused) {
  const auto memory = [](std::optional<int64_t> limit, std::optional<int64_t> reservation = {},
                         std::optional<int64_t> swap = {}) {
    return [=](ContainerConfig& c) {
      c.resources.memory_limit = limit;
      c.resources.memory_reservation = reservation;
      c.resources.memory_swap = swap;
    };
  };
  ExpectTaken(memory(-1, -1, -1));
  ExpectTaken(memory(4096, 4096, 4096));
  ExpectTaken(memory({}, 4096, -1));
  ExpectRefused(memory(0), "memory limit 0 is out of range: give bytes, or -1 for no limit");
  ExpectRefused(memory(-2), "memory limit -2 is out of range");
  ExpectRefused(memory({}, 0), "memory reservation 0 is out of range");
  ExpectRefused(memory(1, {}, 0), "memory and swap 0 is out of range");
  ExpectRefused(memory(4096, 8192), "memory reservation 8192 is above the limit 4096: give less");
  ExpectRefused(memory(8192, {}, 4096),
                "memory and swap 4096 is below the memory limit 8192, which it includes");
  ExpectRefused(memory({}, {}, 4096), "memory and swap 4096 is without a memory limit");
  ExpectRefused(memory(-1, {}, 4096), "memory and swap 4096 is without a memory limit");
}

TEST_F(ValidateContainerTest, CpuAndPids_OutOfRange_AreRefused) {
  using R = ContainerResources;
  const auto with = [](const std::function<void(R&)>& set) {
    return [=](ContainerConfig& c) { set(c.resources); };
  };
  for (const char* list : {"0", "0-1,3", "3,1,0-8191", "0,0"}) {
    ExpectTaken(with([&](R& r) { r.cpus = list; }));
  }
  for (const std::string& list : {"a"s, "1-"s, "-1"s, "3-1"s, "0,"s, ",0"s, "0 1"s, "8192"s, "0-1:2"s, "0\n"s,
                                  "99999999999999999999"s}) {
    ExpectRefused(with([&](R& r) { r.cpus = list; }), "cpus '");
    ExpectRefused(with([&](R& r) { r.mems = list; }), "memory nodes '");
  }
  ExpectRefused(with([](R& r) { r.cpu_shares = 1; }), "cpu shares 1 is out of range: give 2 to 262144");
  ExpectRefused(with([](R& r) { r.cpu_shares = 262145; }), "cpu shares 262145 is out of range");
  ExpectRefused(with([](R& r) { r.cpu_quota = 999; }), "cpu quota 999 is out of range");
  ExpectRefused(with([](R& r) { r.cpu_quota = 0; }), "cpu quota 0 is out of range");
  ExpectRefused(with([](R& r) { r.cpu_period = 999; }), "cpu period 999 is out of range: give 1000 to");
  ExpectRefused(with([](R& r) { r.cpu_period = 1000001; }), "cpu period 1000001 is out of range");
  ExpectTaken(with([](R& r) { r.pids_limit = -1; }));
  ExpectRefused(with([](R& r) { r.pids_limit = 0; }), "process limit 0 is out of range: give 1 or more");
  ExpectRefused(with([](R& r) { r.pids_limit = -2; }), "process limit -2 is out of range");
}

TEST_F(ValidateContainerTest, BlockIoAndHugePages_OutOfRange_AreRefused) {
  using R = ContainerResources;
  const auto with = [](const std::function<void(R&)>& set) {
    return [=](ContainerConfig& c) { set(c.resources); };
  };
  ExpectRefused(with([](R& r) { r.block_weight = 9; }), "block weight 9 is out of range: give 10 to 1000");
  ExpectRefused(with([](R& r) { r.block_weight = 1001; }), "block weight 1001 is out of range");
  ExpectRefused(with([](R& r) {
                  r.block_read_bytes = {{-1, 0, 1}};
                }),
                "the bound of bytes read: major number -1 is out of range");
  ExpectRefused(with([](R& r) {
                  r.block_write_bytes = {{254, 1 << 20, 1}};
                }),
                "the bound of bytes written: minor number 1048576 is out of range");
  ExpectRefused(with([](R& r) {
                  r.block_read_operations = {{254, 1, 0}};
                }),
                "the bound of reads: 0 per second for device 254:1");
  ExpectRefused(with([](R& r) {
                  r.block_write_operations.assign(257, {254, 1, 1});
                }),
                "the bound of writes has 257 devices: at most 256");
  for (const char* size : {"", "2", "MB", "2mb", "02MB", "2MB ", "2TB"}) {
    ExpectRefused(with([&](R& r) {
                    r.hugepages = {{size, 1}};
                  }),
                  "huge page size '"s + size + "' is not like");
  }
  ExpectRefused(with([](R& r) {
                  r.hugepages = {{"2MB", 1}, {"2MB", 2}};
                }),
                "huge page size '2MB' is there twice");
}

TEST_F(ValidateContainerTest, Unified_WrongFileOrValue_IsRefused) {
  const auto unified = [](const std::string& file, const std::string& value) {
    return [=](ContainerConfig& c) { c.resources.unified = {{file, value}}; };
  };
  ExpectTaken(unified("memory.high", "64M"));
  ExpectTaken(unified("hugetlb.2MB.max", "0"));
  ExpectTaken(unified("io.max", "254:0 rbps=1 wbps=2\n"));
  for (const std::string& file : {""s, "memory"s, ".memory"s, "../memory.high"s, "memory/high"s, "memory."s,
                                  "/sys/fs/cgroup/memory.high"s, "memory.high\0"s, "mem ory.high"s}) {
    ExpectRefused(unified(file, "1"), "unified: '");
  }
  ExpectRefused(unified("cgroup.procs", "1"), "unified: 'cgroup.procs' is how the agent holds the container");
  ExpectRefused(unified("memory.high", ""), "unified: the value of 'memory.high' has 0 bytes");
  ExpectRefused(unified("memory.high", std::string(4096, '1')),
                "unified: the value of 'memory.high' has 4096 bytes");
  ExpectRefused(unified("memory.high", "1\0"s), "unified: the value of 'memory.high' has a NUL byte");
}

TEST_F(ValidateContainerTest, Devices_WrongPathOrRule_AreRefused) {
  const auto device = [](const DeviceNode& made) { return [=](ContainerConfig& c) { c.devices = {made}; }; };
  ExpectTaken(device({"/dev/fuse", "c", 10, 229, {}, 0, 0}));
  ExpectTaken(device({"/dev/pipe", "p", -1, -1, 0600, 0, 0}));
  for (const std::string& path : {""s, "/"s, "fuse"s, "/dev/../x"s, "/dev/./x"s, "/dev/.."s}) {
    ExpectRefused(device({path, "c", 1, 1, {}, 0, 0}), "device '" + path + "': the path is not an absolute");
  }
  ExpectRefused(device({"/dev/x", "a", 1, 1, {}, 0, 0}), "device '/dev/x': the type 'a' is unknown");
  ExpectRefused(device({"/dev/x", "c", 4096, 1, {}, 0, 0}), "device '/dev/x': major number 4096 is out of");
  ExpectRefused(device({"/dev/x", "b", 1, -1, {}, 0, 0}), "device '/dev/x': minor number -1 is out of");
  ExpectRefused(device({"/dev/x", "b", 1, 1, 010000, 0, 0}), "device '/dev/x': mode 4096 is out of range");
  ExpectRefused(
      [](ContainerConfig& c) {
        c.devices.assign(2, {"/dev/x", "c", 1, 1, {}, 0, 0});
      },
      "device '/dev/x': it is there twice");
  const auto rule = [](const DeviceRule& made) {
    return [=](ContainerConfig& c) { c.resources.devices = {made}; };
  };
  ExpectTaken(rule({true, "a", {}, {}, "m"}));
  ExpectRefused(rule({true, "p", 1, 1, "r"}), "device type 'p' is unknown: use 'a', 'b' or 'c'");
  ExpectRefused(rule({true, "c", 1, 1, ""}), "device access ''");
  ExpectRefused(rule({true, "c", 1, 1, "rx"}), "device access 'rx': use 'r', 'w' and 'm', each once");
  ExpectRefused(rule({true, "c", 1, 1, "rr"}), "device access 'rr'");
  ExpectRefused(rule({true, "c", -1, 1, "r"}), "device: major number -1 is out of range");
}

TEST_F(ValidateContainerTest, ForwardedSockets_WrongPathOrMode_AreRefused) {
  const auto socket = [](const ForwardedSocket& made) {
    return [=](ContainerConfig& c) { c.forward_sockets = {made}; };
  };
  ExpectTaken(socket({"/none/yet", "/run/deep/x.sock"}));
  ExpectTaken(socket({"/a", "/" + std::string(107, 'n')}));
  ExpectRefused(socket({"a.sock", "/x"}),
                "forwarded socket '/x': the source 'a.sock' is not an absolute path");
  ExpectRefused(socket({"", "/x"}), "forwarded socket '/x': the source ''");
  ExpectRefused(socket({"/a", "x"}), "forwarded socket 'x': it is not an absolute path");
  for (const std::string& path : {"/"s, "/run/"s, "/run/.."s, "/run/."s}) {
    ExpectRefused(socket({"/a", path}), "forwarded socket '" + path + "': its last part is not the name");
  }
  ExpectRefused(socket({"/a", "/" + std::string(108, 'n')}), "forwarded socket '/nnn");
  ExpectRefused(socket({"/a", "/x", 01000}), "forwarded socket '/x': mode 512 is out of range");
  ExpectRefused(
      [](ContainerConfig& c) {
        c.forward_sockets.assign(2, {"/a", "/x"});
      },
      "forwarded socket '/x': it is given twice");
  ExpectRefused(
      [](ContainerConfig& c) {
        c.forward_sockets.assign(65, {"/a", "/x"});
      },
      "65 forwarded sockets: at most 64");
  ExpectRefused(
      [](ContainerConfig& c) {
        c.forward_sockets = {{"/a", "/x"}};
        c.mounts = {{.destination = "/x", .type = "tmpfs", .source = "tmpfs", .options = {}}};
      },
      "forwarded socket '/x': a mount is there, too");
}

TEST_F(ValidateContainerTest, Seccomp_UnknownActionOrOperator_IsRefused) {
  const auto filter = [](const std::function<void(Seccomp&)>& spoil) {
    return [=](ContainerConfig& c) {
      c.seccomp = FullContainer().seccomp;
      spoil(*c.seccomp);
    };
  };
  ExpectTaken(filter([](Seccomp& s) { s.rules.clear(); }));
  ExpectRefused(filter([](Seccomp& s) { s.default_action = ""; }), "seccomp: the action '' is unknown");
  ExpectRefused(filter([](Seccomp& s) { s.default_action = "ERRNO"; }),
                "seccomp: the action 'ERRNO' is unknown");
  ExpectRefused(filter([](Seccomp& s) { s.default_action = "SCMP_ACT_NOTIFY"; }),
                "seccomp: the action 'SCMP_ACT_NOTIFY' asks a process of the host");
  ExpectRefused(filter([](Seccomp& s) { s.default_action = "SCMP_ACT_ALLOW"; }),
                "seccomp: the action 'SCMP_ACT_ALLOW' answers no error number: remove errnoRet 38");
  ExpectRefused(filter([](Seccomp& s) { s.default_errno_return = 4096; }),
                "seccomp: errnoRet 4096 is out of range");
  ExpectRefused(filter([](Seccomp& s) { s.architectures = {"x86_64"}; }),
                "seccomp: the architecture 'x86_64' is unknown");
  ExpectRefused(filter([](Seccomp& s) { s.flags = {"LOG"}; }), "seccomp: the flag 'LOG' is unknown");
  ExpectRefused(filter([](Seccomp& s) { s.flags = {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"}; }),
                "seccomp: the flag 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV' is for");
  ExpectRefused(filter([](Seccomp& s) { s.rules[1].names = {}; }),
                "seccomp: rule 1: it names no system call");
  ExpectRefused(filter([](Seccomp& s) { s.rules[0].names = {"re ad"}; }),
                "seccomp: rule 0: 're ad' is no name of a system call");
  ExpectRefused(filter([](Seccomp& s) { s.rules[0].action = "x"; }), "seccomp: rule 0: the action 'x'");
  ExpectRefused(filter([](Seccomp& s) { s.rules[1].arguments[0].index = 6; }),
                "seccomp: rule 1: argument 6 is out of range: calls have 0 to 5");
  ExpectRefused(filter([](Seccomp& s) { s.rules[1].arguments[0].op = "=="; }),
                "seccomp: rule 1: the operator '==' is unknown");
  ExpectRefused(filter([](Seccomp& s) { s.rules[0].names.assign(16384, "read"); }),
                "seccomp has 16385 system calls: at most 16384");
}

TEST_F(ValidateContainerTest, Hooks_WrongPathOrTimeout_AreRefused) {
  const std::pair<const char*, std::vector<Hook> Hooks::*> kinds[] = {
      {"prestart", &Hooks::prestart},
      {"createRuntime", &Hooks::create_runtime},
      {"createContainer", &Hooks::create_container},
      {"startContainer", &Hooks::start_container},
      {"poststart", &Hooks::poststart},
      {"poststop", &Hooks::poststop}};
  for (const auto& [name, list] : kinds) {
    const auto hook = [list = list](const Hook& made) {
      return [=](ContainerConfig& c) { (c.hooks.*list) = {made}; };
    };
    ExpectTaken(hook({"/bin/true", {}, {}, 1}));
    ExpectRefused(hook({"true", {}, {}, {}}), name + " hook 'true' is not an absolute path"s);
    ExpectRefused(hook({"/x", {}, {}, 0}), name + " hook '/x': timeout 0 is out of range"s);
    ExpectRefused(hook({"/x", {}, {"A"}, {}}),
                  name + " hook '/x': environment variable 'A' is not NAME=value"s);
    ExpectRefused(hook({"/x", {"\xff"}, {}, {}}), name + " hook '/x': an argument is not UTF-8"s);
    ExpectRefused(hook({"/x", {std::string(200'000, 'x')}, {}, {}}), name + " hook '/x': 200001 bytes of"s);
    ExpectRefused(
        [list = list](ContainerConfig& c) {
          (c.hooks.*list).assign(65, {"/x", {}, {}, {}});
        },
        name + " has 65 hooks: at most 64"s);
  }
  ExpectRefused([](ContainerConfig& c) { c.bundle = "x"; }, "bundle 'x' is not an absolute path");
}

TEST_F(ValidateContainerTest, Sysctls_OfNamespaceNotOwned_AreRefused) {
  const auto set = [](const std::string& name, const std::function<void(ContainerConfig&)>& also = {}) {
    return [=](ContainerConfig& c) {
      c.sysctl = {{name, "1"}};
      if (also) also(c);
    };
  };
  const auto own = [](NamespaceOwner Namespaces::*kind) {
    return [=](ContainerConfig& c) { c.namespaces.*kind = NamespaceOwner::kContainer; };
  };
  for (const char* name : {"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall",
                           "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced", "fs.mqueue.msg_max"}) {
    ExpectTaken(set(name, own(&Namespaces::ipc)));
    ExpectRefused(
        set(name, own(&Namespaces::network)),
        "sysctl '"s + name + "': it is of the ipc namespace, which is the pod's: give the container");
  }
  ExpectTaken(set("net.ipv4.ip_forward", own(&Namespaces::network)));
  ExpectRefused(set("net.ipv4.ip_forward"),
                "sysctl 'net.ipv4.ip_forward': it is of the network namespace, which is the pod's");
  ExpectTaken(set("kernel.domainname", own(&Namespaces::uts)));
  ExpectTaken(set("kernel.domainname", [](ContainerConfig& c) { c.hostname = "db"; }));
  ExpectRefused(set("kernel.domainname"), "sysctl 'kernel.domainname': it is of the uts namespace");
  ExpectRefused(set("kernel.hostname"), "sysctl 'kernel.hostname': give the hostname instead");
  for (const char* name : {"vm.swappiness", "kernel.pid_max", "fs.file-max", "kernel.sem2"}) {
    ExpectRefused(set(name), "sysctl '"s + name + "': it is the whole guest's and of no namespace");
  }
  ExpectTaken(set("net/ipv4/ip_forward", own(&Namespaces::network)));
  ExpectTaken(set("net/ipv4/conf/eth0.1/rp_filter", own(&Namespaces::network)));
  ExpectTaken(set("net.ipv4.conf.eth0/1.rp_filter", own(&Namespaces::network)));
  ExpectTaken(set("kernel/shmmax", own(&Namespaces::ipc)));
  ExpectTaken(set("kernel.domainname", [](ContainerConfig& c) { c.domainname = "example"; }));
  ExpectRefused(set("kernel/hostname"), "sysctl 'kernel/hostname': give the hostname instead");
  ExpectRefused(set("vm/swappiness"), "sysctl 'vm/swappiness': it is the whole guest's");
  for (const std::string& name :
       {""s, "net.../x"s, ".net"s, "net."s, "net..x"s, "net/../../etc/passwd"s, "net.//.x"s, "net.a b"s}) {
    ExpectRefused(set(name), "sysctl '" + name + "': it is no name like");
  }
}

TEST_F(ValidateContainerTest, LogAndPropagation_OutOfRange_AreRefused) {
  ExpectRefused([](ContainerConfig& c) { c.log.max_size = Bytes{4095}; },
                "log files of 4095 bytes are too small: give at least 4096");
  ExpectRefused([](ContainerConfig& c) { c.log.max_files = 0; },
                "number of log files 0 is out of range: give 1 to 100");
  ExpectRefused([](ContainerConfig& c) { c.log.max_files = 101; }, "number of log files 101 is out of range");
  for (const char* name : {"", "private", "rslave", "shared", "runbindable"}) {
    ExpectTaken([&](ContainerConfig& c) { c.rootfs_propagation = name; });
  }
  ExpectRefused([](ContainerConfig& c) { c.rootfs_propagation = "rsometimes"; },
                "rootfs propagation 'rsometimes' is unknown: use 'private'");
}

TEST_F(ValidateContainerTest, SharedMemoryAndDns_OutOfRange_AreRefused) {
  ExpectPodRefused([](PodConfig& p) { p.shared_memory = Bytes{4095}; },
                   "shared memory of 4095 bytes is out of range");
  ExpectPodRefused([](PodConfig& p) { p.shared_memory = Bytes::MiB(257); },
                   "out of range: give 4096 bytes to the pod's memory, 256 MiB");
  ExpectPodRefused([](PodConfig& p) { p.dns.servers.assign(4, "192.0.2.1"); },
                   "4 dns servers: resolvers use at most 3");
  for (const std::string& server :
       {""s, "dns.example"s, "192.0.2"s, "192.0.2.1 "s, "192.0.2.1\0"s, "::1%lo"s}) {
    ExpectPodRefused([&](PodConfig& p) { p.dns.servers = {server}; }, "dns server '");
    ExpectPodRefused([&](PodConfig& p) { p.hosts = {{server, {"db"}}}; }, "is not an IP address, such as");
  }
  for (const std::string& name :
       {""s, "a b"s, "a\nnameserver 1.2.3.4"s, "-a"s, ".a"s, "a..b"s, "\xc3\xbc"s, std::string(254, 'a')}) {
    ExpectPodRefused([&](PodConfig& p) { p.dns.searches = {name}; }, "dns search domain '");
    ExpectPodRefused([&](PodConfig& p) { p.hosts = {{"::1", {"db", name}}}; }, "is no host name");
  }
  ExpectPodRefused([](PodConfig& p) { p.dns.options = {"ndots:2\n"}; },
                   "dns option 'ndots:2?' is not a resolver option");
  ExpectPodRefused([](PodConfig& p) { p.hosts = {{"::1", {}}}; }, "hosts: '::1' has no name");
  ExpectPodRefused(
      [](PodConfig& p) {
        p.hosts.assign(1025, {"::1", {"db"}});
      },
      "hosts has 1025 entries: at most 1024");
}

TEST(ValidateResources, ValidateResources_OutOfRange_NamesOwner) {
  EXPECT_TRUE(ValidateResources(FullResources(), "container 'db'"));
  ContainerResources resources;
  resources.pids_limit = 0;
  EXPECT_THAT(ValidateResources(resources, "container 'db'").error().ToString(),
              StartsWith("container 'db': process limit 0 is out of range"));
}

}  // namespace
}  // namespace virtcontainers
