#include "pod/validate.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "os/test_directory.h"
#include "pod/test_config.h"

namespace virtcontainers {
namespace {

using namespace std::string_literals;
using ::testing::HasSubstr;

class ValidateTest : public ::testing::Test {
 protected:
  ValidateTest() : rootfs_(dir_ / "rootfs") { ::mkdir(rootfs_.c_str(), 0755); }

  PodConfig Pod() const {
    PodConfig config = SmallPod("web");
    config.containers = {SmallContainer("db", rootfs_)};
    return config;
  }

  // What is said of a good pod once `spoil` has been at it.
  void ExpectRefused(const std::function<void(PodConfig&)>& spoil, Code code,
                     const std::string& message) const {
    PodConfig config = Pod();
    spoil(config);
    const Status status = ValidatePod(config, kHost);
    ASSERT_FALSE(status) << message;
    EXPECT_EQ(status.error().code(), code) << status.error().ToString();
    EXPECT_THAT(status.error().ToString(), HasSubstr(message));
  }
  void ExpectProcessRefused(const std::function<void(ProcessConfig&)>& spoil,
                            const std::string& message) const {
    ExpectRefused([&](PodConfig& pod) { spoil(pod.containers[0].process); }, Code::kInvalidArgument,
                  "container 'db': command" + message);
  }

  const TestDirectory dir_;
  const std::string rootfs_;
};

TEST(Id, IsValidId_ValidIds_IsTrue) {
  for (const std::string& id : {"a"s, "0"s, "web-1"s, "Web_2.x"s, "a..b"s, "a-"s, "a+b"s,
                                std::string(76, 'x'), std::string(120, 'x')}) {
    EXPECT_TRUE(IsValidId(id)) << id;
    EXPECT_TRUE(ValidateId("pod", id)) << id;
  }
}

TEST(Id, IsValidId_InvalidIds_IsFalse) {
  for (const std::string& id : {"."s,
                                ".."s,
                                "../.."s,
                                "../../.."s,
                                "/"s,
                                "a/b"s,
                                "/etc"s,
                                "-a"s,
                                "_a"s,
                                ".a"s,
                                " "s,
                                "a b"s,
                                "a "s,
                                "a\n"s,
                                "a\0b"s,
                                "a\xff"s,
                                "\xc3\xbc"s,
                                "a~b"s,
                                "a:b"s,
                                "a%2fb"s,
                                std::string(121, 'x'),
                                std::string(300, 'x')}) {
    EXPECT_FALSE(IsValidId(id)) << testing::PrintToString(id);
    const Status status = ValidateId("pod", id);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code(), Code::kInvalidArgument);
    EXPECT_THAT(status.error().ToString(), HasSubstr("use 1 to 120 letters, digits, '_', '.', '+' and '-'"));
    for (const char c : status.error().ToString())
      EXPECT_TRUE(c >= 0x20 && c < 0x7f) << "it would garble a terminal";
  }
  EXPECT_EQ(ValidateId("pod", "../x").error().ToString().substr(0, 31), "pod id '../x' is not valid: use");
  EXPECT_LT(ValidateId("container", std::string(1 << 20, 'x')).error().ToString().size(), 300u);
  EXPECT_EQ(ValidateId("pod", "").error().ToString(), "a pod needs an id");
}

TEST_F(ValidateTest, Pod_ValidConfig_IsAccepted) {
  EXPECT_TRUE(ValidatePod(Pod(), kHost));
  EXPECT_TRUE(ValidatePod(SmallPod("empty"), kHost));
  PodConfig full = Pod();
  full.hostname = "web.example";
  full.resources = {.vcpus = 255, .memory = kHost.memory};
  full.hypervisor.machine = "microvm";
  full.hypervisor.kernel = dir_.Write("vmlinux");
  full.hypervisor.kernel_parameters = {"quiet"};
  full.containers.push_back(FullContainer());
  full.containers[1].rootfs = rootfs_;
  full.containers[1].mounts = DefaultMounts();
  full.shared_memory = kHost.memory;
  full.dns = FullPod().dns;
  full.hosts = FullPod().hosts;
  const Status status = ValidatePod(full, kHost);
  EXPECT_TRUE(status) << status.error().ToString();
  full.resources.memory = full.shared_memory = kMinimumMemory;
  EXPECT_TRUE(ValidatePod(full, kHost));
  EXPECT_GT(ReadHostLimits().memory.mib(), 64u);
}

TEST_F(ValidateTest, Pod_WithInvalidId_IsRefused) {
  ExpectRefused([](PodConfig& pod) { pod.id = "../../.."; }, Code::kInvalidArgument,
                "pod id '../../..' is not valid");
  ExpectRefused([](PodConfig& pod) { pod.containers[0].id = "a/b"; }, Code::kInvalidArgument,
                "container id 'a/b' is not valid");
}

// Duplicate container ids were accepted.
TEST_F(ValidateTest, Containers_DuplicateId_AreRefused) {
  ExpectRefused([](PodConfig& pod) { pod.containers.push_back(pod.containers[0]); }, Code::kAlreadyExists,
                "container id 'db' is there twice: give each its own");
}

TEST_F(ValidateTest, Size_OutOfRange_IsRefused) {
  const auto memory = [](Bytes size) { return [size](PodConfig& pod) { pod.resources.memory = size; }; };
  const auto vcpus = [](uint32_t count) { return [count](PodConfig& pod) { pod.resources.vcpus = count; }; };
  ExpectRefused(memory(Bytes{0}), Code::kInvalidArgument,
                "memory of 0 bytes is too small for a guest: give at least 96 MiB");
  ExpectRefused(memory(Bytes::MiB(1)), Code::kInvalidArgument, "memory of 1048576 bytes is too small");
  ExpectRefused(memory(Bytes::MiB(8193)), Code::kInvalidArgument,
                "memory of 8193 MiB is more than this host's 8192 MiB: give less");
  ExpectRefused(memory(Bytes{UINT64_MAX}), Code::kInvalidArgument, "is more than this host's");
  ExpectRefused(memory(Bytes{Bytes::MiB(256).count + 1}), Code::kInvalidArgument,
                "is not a whole number of MiB");
  ExpectRefused(vcpus(0), Code::kInvalidArgument, "vcpus 0 is out of range: give 1 to 255");
  ExpectRefused(vcpus(10'000), Code::kInvalidArgument, "vcpus 10000 is out of range: give 1 to 255");
}

TEST_F(ValidateTest, Rootfs_MissingOrRelative_IsRefused) {
  const auto rootfs = [](const std::string& path) {
    return [path](PodConfig& pod) { pod.containers[0].rootfs = path; };
  };
  ExpectRefused(rootfs(""), Code::kInvalidArgument, "container 'db' needs a rootfs: a directory on the host");
  ExpectRefused(rootfs(dir_ / "nothing"), Code::kNotFound, "/nothing' does not exist");
  ExpectRefused(rootfs(dir_.Write("file")), Code::kInvalidArgument, "/file' is not a directory");
  ExpectRefused(rootfs("rootfs"), Code::kInvalidArgument, "rootfs 'rootfs' is not an absolute path");
  ExpectRefused(rootfs(rootfs_ + "\0x"s), Code::kInvalidArgument, "rootfs has a NUL byte in it");
  ExpectRefused(rootfs("/\xff"), Code::kInvalidArgument, "rootfs is not UTF-8: '/?'");
  ASSERT_EQ(::symlink(rootfs_.c_str(), (dir_ / "link").c_str()), 0);
  PodConfig linked = Pod();
  linked.containers[0].rootfs = dir_ / "link";
  EXPECT_TRUE(ValidatePod(linked, kHost));
}

TEST_F(ValidateTest, Command_EmptyOrTooLarge_IsRefused) {
  ExpectProcessRefused([](ProcessConfig& p) { p.args = {}; }, " is empty: name a program to run");
  ExpectProcessRefused([](ProcessConfig& p) { p.args = {""}; }, " is empty");
  ExpectProcessRefused(
      [](ProcessConfig& p) {
        p.args = {"echo", "a\0b"s};
      },
      ": an argument has a NUL byte in it: 'a?b'");
  ExpectProcessRefused([](ProcessConfig& p) { p.args = {"echo", "\xff"}; }, ": an argument is not UTF-8");
  ExpectProcessRefused(
      [](ProcessConfig& p) {
        p.args = {"echo", std::string(1 << 20, 'x')};
      },
      ": 1048582 bytes of arguments and environment: at most 1048576");
  ExpectProcessRefused([](ProcessConfig& p) { p.cwd = ""; },
                       ": working directory '' is not an absolute path");
  ExpectProcessRefused([](ProcessConfig& p) { p.cwd = "tmp"; },
                       ": working directory 'tmp' is not an absolute path");
  ExpectProcessRefused([](ProcessConfig& p) { p.cwd = "/\0"s; },
                       ": the working directory has a NUL byte in it");
}

TEST_F(ValidateTest, Environment_MalformedVariable_IsRefused) {
  for (const std::string& variable : {"PATH"s, ""s, "=x"s}) {
    ExpectProcessRefused([&](ProcessConfig& p) { p.env = {variable}; },
                         ": environment variable '" + variable + "' is not NAME=value");
  }
  ExpectProcessRefused([](ProcessConfig& p) { p.env = {"A=\0"s}; },
                       ": an environment variable has a NUL byte in it");
  ExpectProcessRefused([](ProcessConfig& p) { p.env = {"A=\xc3"}; },
                       ": an environment variable is not UTF-8");
  ExpectProcessRefused([](ProcessConfig& p) { p.env = {"A=" + std::string(1 << 20, 'x')}; }, ": 10485");
}

TEST_F(ValidateTest, Process_UmaskRlimitsAndCapabilities_AreChecked) {
  ExpectProcessRefused([](ProcessConfig& p) { p.user.umask = 01000; }, ": umask 512 is out of range");
  ExpectProcessRefused([](ProcessConfig& p) { p.user.additional_gids.resize(65537); },
                       ": 65537 additional groups");
  for (const auto& [name, shown] :
       {std::pair{"a:b"s, "'a:b'"s}, {"a\nb"s, "'a?b'"s}, {"a\0"s, "'a?'"s}, {"\x7f"s, "'?'"s}}) {
    ExpectProcessRefused([&](ProcessConfig& p) { p.user.name = name; },
                         ": " + shown + " is no name of a user: use 1 to 255 bytes");
    ExpectProcessRefused([&](ProcessConfig& p) { p.user.group = name; },
                         ": " + shown + " is no name of a group");
    ExpectProcessRefused(
        [&](ProcessConfig& p) {
          p.user.additional_groups = {"video", name};
        },
        ": " + shown + " is no name of a group");
  }
  ExpectProcessRefused([](ProcessConfig& p) { p.user.name = std::string(256, 'x'); }, ": 'xxx");
  ExpectProcessRefused([](ProcessConfig& p) { p.user.additional_groups = {""}; },
                       ": '' is no name of a group");
  ExpectProcessRefused([](ProcessConfig& p) { p.user.name = "\xff"; }, ": the name of a user is not UTF-8");
  ExpectProcessRefused([](ProcessConfig& p) { p.oom_score_adj = -1001; },
                       ": oom_score_adj -1001 is out of range");
  ExpectProcessRefused([](ProcessConfig& p) { p.oom_score_adj = 1001; },
                       ": oom_score_adj 1001 is out of range");
  ExpectProcessRefused([&](ProcessConfig& p) { p.capabilities.emplace().ambient = {"CAP_\0"s}; },
                       ": capabilities: a name has a NUL byte in it");
  ExpectProcessRefused([&](ProcessConfig& p) { p.capabilities.emplace().ambient.resize(257); },
                       ": capabilities: 257 names: at most 256");
  ExpectProcessRefused(
      [](ProcessConfig& p) {
        p.rlimits = {{"NOFILE", 1, 1}};
      },
      ": rlimits: 'NOFILE' is not a resource limit");
  ExpectProcessRefused(
      [](ProcessConfig& p) {
        p.rlimits = {{"RLIMIT_CPU", 1, 1}, {"RLIMIT_CPU", 2, 2}};
      },
      ": rlimits: RLIMIT_CPU is there twice");
  ExpectProcessRefused(
      [](ProcessConfig& p) {
        p.rlimits = {{"RLIMIT_CPU", 2, 1}};
      },
      ": rlimits: RLIMIT_CPU: the soft limit 2 is above the hard one, 1");
}

TEST_F(ValidateTest, Scheduler_UnknownOrOutOfRange_IsRefused) {
  const auto refuse = [this](const Scheduler& scheduler, const std::string& message) {
    ExpectProcessRefused([&](ProcessConfig& p) { p.scheduler = scheduler; }, ": scheduler" + message);
  };
  refuse({}, ": the policy '' is unknown: use 'SCHED_OTHER'");
  refuse({.policy = "SCHED_ISO"}, ": the policy 'SCHED_ISO' is unknown");
  refuse({.policy = "SCHED_OTHER", .flags = {"X"}}, ": the flag 'X' is unknown");
  refuse({.policy = "SCHED_OTHER", .nice = 20}, ": nice 20 is out of range: give -20 to 19");
  refuse({.policy = "SCHED_BATCH", .nice = -21}, ": nice -21 is out of range");
  refuse({.policy = "SCHED_OTHER", .priority = 1}, ": a priority is for 'SCHED_FIFO' and 'SCHED_RR'");
  refuse({.policy = "SCHED_FIFO"}, ": priority 0 is out of range: give 1 to 99");
  refuse({.policy = "SCHED_RR", .priority = 100}, ": priority 100 is out of range");
  refuse({.policy = "SCHED_IDLE", .period = 1}, ": runtime, deadline and period are for 'SCHED_DEADLINE'");
  refuse({.policy = "SCHED_DEADLINE", .deadline = 5000}, ": runtime 0 is out of range: give 1024 to");
  refuse({.policy = "SCHED_DEADLINE", .runtime = 5000, .deadline = 4000}, ": the runtime must not be above");
  refuse({.policy = "SCHED_DEADLINE", .runtime = 2000, .deadline = 4000, .period = 3000},
         ": the runtime must not be above the deadline, nor the deadline above the period");
  refuse({.policy = "SCHED_DEADLINE", .runtime = 2000, .deadline = 1ull << 63},
         ": deadline 9223372036854775808");
  for (const std::string& cpus : {"0-"s, "x"s, "1024"s, "0-1024"s, std::string(4098, '1')}) {
    ExpectProcessRefused([&](ProcessConfig& p) { p.exec_cpus = cpus; },
                         ": exec CPU affinity: '" + cpus.substr(0, 80));
  }
  ExpectProcessRefused([](ProcessConfig& p) { p.io_priority.emplace(); },
                       ": I/O priority: the class '' is unknown");
  ExpectProcessRefused(
      [](ProcessConfig& p) {
        p.io_priority = IoPriority{"IOPRIO_CLASS_BE", 8};
      },
      ": I/O priority: priority 8 is out of range: give 0 to 7");
  ExpectRefused([](PodConfig& pod) { pod.containers[0].personality = "LINUX64"; }, Code::kInvalidArgument,
                "container 'db': personality: the domain 'LINUX64' is unknown: use 'LINUX' or 'LINUX32'");
  ExpectRefused([](PodConfig& pod) { pod.containers[0].domainname = "a b"; }, Code::kInvalidArgument,
                "domainname 'a b': use letters");
}

TEST_F(ValidateTest, Mounts_WrongDestinationOrType_AreRefused) {
  const auto mount = [this](Mount entry, const std::string& message) {
    ExpectRefused([&](PodConfig& pod) { pod.containers[0].mounts = {entry}; }, Code::kInvalidArgument,
                  "container 'db': mount at " + message);
  };
  mount({"tmp", "tmpfs", "tmpfs", {}}, "'tmp': the destination is not an absolute path");
  mount({"", "tmpfs", "tmpfs", {}}, "'': the destination is not an absolute path");
  mount({"/", "tmpfs", "tmpfs", {}}, "'/': the destination is the root file system itself");
  for (const std::string root : {"//", "/.", "/./", "/..", "/a/..", "/a/./b/../..//"}) {
    mount({root, "tmpfs", "tmpfs", {}}, "'" + root + "': the destination is the root file system itself");
  }
  mount({"/data", "ext4", "/dev/sda1", {}}, "'/data': the type 'ext4' is not known in a VM: use 'bind'");
  mount({"/data", "overlay", "overlay", {"lowerdir=/srv"}},
        "'/data': the type 'overlay' is not known in a VM");
  mount({"/data", "", "x", {}}, "'/data': the type '' is not known in a VM");
  mount({"/data", "bind", "/srv", {"idmap"}}, "'/data': the option 'idmap' needs a user namespace");
  mount({"/data", "tmpfs", "tmpfs", {"remount"}}, "'/data': the option 'remount' has no meaning");
  mount({"/data", "proc", "proc", {"tmpcopyup"}}, "'/data': the option 'tmpcopyup' is for a mount of type");
  mount({"/data", "bind", "/srv", {"tmpcopyup"}}, "'/data': the option 'tmpcopyup' is for a mount of type");
  mount({"/data", "tmpfs", "tmpfs", {"tmpcopyup", "bind"}}, "'/data': the option 'tmpcopyup' is for a mount");
  EXPECT_TRUE(ValidateMount({"/data", "tmpfs", "tmpfs", {"tmpcopyup"}}, "mount"));
  mount({"/data\0"s, "tmpfs", "tmpfs", {}}, "'/data?' has a NUL byte in it");
  mount({"/data", "tmpfs\0"s, "tmpfs", {}}, "'/data' has a NUL byte in it");
  mount({"/data", "tmpfs", "\0"s, {}}, "'/data' has a NUL byte in it");
  mount({"/data", "tmpfs", "tmpfs", {"size=\0"s}}, "'/data': an option has a NUL byte in it");
  ExpectRefused([](PodConfig& pod) { pod.containers[0].mounts.resize(1025); }, Code::kInvalidArgument,
                "1025 mounts");
}

TEST_F(ValidateTest, MaskedAndReadonlyPaths_Relative_AreRefused) {
  ExpectRefused([](PodConfig& pod) { pod.containers[0].masked_paths = {"proc"}; }, Code::kInvalidArgument,
                "container 'db': masked paths: 'proc' is not an absolute path");
  ExpectRefused(
      [](PodConfig& pod) {
        pod.containers[0].readonly_paths = {"/proc", ""};
      },
      Code::kInvalidArgument, "container 'db': readonly paths: '' is not an absolute path");
  ExpectRefused([](PodConfig& pod) { pod.containers[0].readonly_paths.emplace(1025, "/x"); },
                Code::kInvalidArgument, "1025 container 'db': readonly paths: at most 1024");
}

TEST_F(ValidateTest, Hostname_Invalid_IsRefused) {
  for (const std::string& name : {"a b"s, "a/b"s, "a\n"s, "\xc3\xbc"s, "a\0"s, std::string(121, 'h')}) {
    ExpectRefused([&](PodConfig& pod) { pod.hostname = name; }, Code::kInvalidArgument, "hostname '");
    ExpectRefused([&](PodConfig& pod) { pod.containers[0].hostname = name; }, Code::kInvalidArgument,
                  "hostname '");
  }
}

TEST_F(ValidateTest, Annotations_WithoutNameOrTooLarge_AreRefused) {
  ExpectRefused(
      [](PodConfig& pod) {
        pod.annotations = {{"", "x"}};
      },
      Code::kInvalidArgument, "pod 'web' has an annotation without a name");
  ExpectRefused(
      [](PodConfig& pod) {
        pod.containers[0].annotations = {{"a", "\xff"}};
      },
      Code::kInvalidArgument, "container 'db': the annotation 'a' is not UTF-8");
  ExpectRefused(
      [](PodConfig& pod) {
        pod.annotations = {{"a", std::string(300'000, 'x')}};
      },
      Code::kInvalidArgument, "pod 'web' has annotations of 300001 bytes: at most 262144");
  ExpectRefused(
      [](PodConfig& pod) {
        for (int i = 0; i < 257; ++i) pod.annotations[std::to_string(i)] = "";
      },
      Code::kInvalidArgument, "pod 'web' has 257 annotations: at most 256");
}

TEST_F(ValidateTest, HypervisorAndAgent_UnknownValues_AreRefused) {
  ExpectRefused([](PodConfig& pod) { pod.hypervisor.machine = "pc"; }, Code::kInvalidArgument,
                "machine 'pc' is unknown: use 'q35' or 'microvm'");
  ExpectRefused([](PodConfig& pod) { pod.hypervisor.device_slots = 0; }, Code::kInvalidArgument,
                "device_slots 0 is out of range: give 1 to 128");
  ExpectRefused([](PodConfig& pod) { pod.hypervisor.device_slots = 129; }, Code::kInvalidArgument,
                "device_slots 129 is out of range");
  ExpectRefused([](PodConfig& pod) { pod.resources.max_memory = Bytes::MiB(1); }, Code::kInvalidArgument,
                "max_memory of 1048576 bytes is out of range");
  ExpectRefused([](PodConfig& pod) { pod.resources.max_memory = Bytes{kHost.memory.count + 1}; },
                Code::kInvalidArgument, "to this host's");
  ExpectRefused([](PodConfig& pod) { pod.hypervisor.type = ""; }, Code::kInvalidArgument,
                "the hypervisor's type is empty");
  ExpectRefused([](PodConfig& pod) { pod.hypervisor.type = "\xff"; }, Code::kInvalidArgument,
                "type is not UTF-8");
  ExpectRefused([](PodConfig& pod) { pod.agent.type = ""; }, Code::kInvalidArgument,
                "the agent's type is empty");
  ExpectRefused([](PodConfig& pod) { pod.hypervisor.kernel = "/nothing/vmlinux"; }, Code::kNotFound,
                "kernel '/nothing/vmlinux' does not exist");
  ExpectRefused([](PodConfig& pod) { pod.hypervisor.path = "qemu"; }, Code::kInvalidArgument,
                "hypervisor 'qemu' is not an absolute path");
  ExpectRefused([](PodConfig& pod) { pod.hypervisor.initrd = "/a\0b"s; }, Code::kInvalidArgument,
                "initrd has a NUL byte in it");
  ExpectRefused([](PodConfig& pod) { pod.hypervisor.kernel_parameters = {"quiet\0"s}; },
                Code::kInvalidArgument, "a kernel parameter has a NUL byte in it");
}

TEST_F(ValidateTest, Containers_MoreThan256_AreRefused) {
  ExpectRefused([](PodConfig& pod) { pod.containers.resize(257); }, Code::kInvalidArgument,
                "257 containers in one pod: at most 256");
}

TEST(ValidateContainerIdTest, ContainerId_NameOfGuestDirectory_IsRefused) {
  for (const char* id : {"shared", "sandbox", "web+pod"}) {
    ContainerConfig config;
    config.id = id;
    const Status status = ValidateContainer(config);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code(), Code::kInvalidArgument);
    EXPECT_NE(status.error().message().find("choose another"), std::string::npos);
  }
}

}  // namespace
}  // namespace virtcontainers
