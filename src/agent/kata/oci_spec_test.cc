#include "agent/kata/oci_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <vector>

#include "agent/kata/guest_extension.h"

namespace virtcontainers {
namespace {

using testing::ElementsAre;

// The messages have no reflection: equal is what is equal on the wire. Maps have one entry in these tests.
template <typename Message>
void ExpectSame(const Message& actual, const Message& expected) {
  EXPECT_EQ(testing::PrintToString(actual.SerializeAsString()),
            testing::PrintToString(expected.SerializeAsString()));
}

// A value of its own in each field.
ProcessConfig FullProcess() {
  ProcessConfig process;
  process.args = {"prog", "arg"};
  process.env = {"A=1", "B=2"};
  process.cwd = "/cwd";
  process.user = {.uid = 11, .gid = 12, .additional_gids = {13, 14}, .umask = 027};
  process.terminal = true;
  process.rows = 15;
  process.columns = 16;
  process.no_new_privileges = true;
  process.capabilities = Capabilities{{"BND"}, {"EFF"}, {"INH"}, {"PRM"}, {"AMB"}};
  process.rlimits = {{"RLIMIT_NOFILE", 17, 18}};
  process.oom_score_adj = -19;
  return process;
}

grpc::Process FullProcessOnTheWire() {
  grpc::Process to;
  to.add_args("prog");
  to.add_args("arg");
  to.add_env("A=1");
  to.add_env("B=2");
  to.set_cwd("/cwd");
  to.mutable_user()->set_uid(11);
  to.mutable_user()->set_gid(12);
  to.mutable_user()->add_additionalgids(13);
  to.mutable_user()->add_additionalgids(14);
  to.set_terminal(true);
  to.mutable_consolesize()->set_height(15);
  to.mutable_consolesize()->set_width(16);
  to.set_nonewprivileges(true);
  to.mutable_capabilities()->add_bounding("BND");
  to.mutable_capabilities()->add_effective("EFF");
  to.mutable_capabilities()->add_inheritable("INH");
  to.mutable_capabilities()->add_permitted("PRM");
  to.mutable_capabilities()->add_ambient("AMB");
  grpc::POSIXRlimit* limit = to.add_rlimits();
  limit->set_type("RLIMIT_NOFILE");
  limit->set_soft(17);
  limit->set_hard(18);
  to.set_oomscoreadj(-19);
  return to;
}

ContainerResources FullResources() {
  ContainerResources resources;
  resources.memory_limit = 21;
  resources.memory_reservation = 22;
  resources.memory_swap = -1;
  resources.cpu_shares = 24;
  resources.cpu_quota = -1;
  resources.cpu_period = 26;
  resources.cpus = "0-1";
  resources.mems = "0";
  resources.pids_limit = -1;
  resources.block_weight = 28;
  resources.block_read_bytes = {{1, 2, 29}};
  resources.block_write_bytes = {{3, 4, 30}};
  resources.block_read_operations = {{5, 6, 31}};
  resources.block_write_operations = {{7, 8, 32}};
  resources.hugepages = {{"2MB", 33}};
  resources.devices = {{.allow = false}, {true, "c", 34, 35, "rw"}};
  resources.unified = {{"memory.high", "64M"}};
  return resources;
}

void Throttle(grpc::LinuxThrottleDevice* to, int64_t major, int64_t minor, uint64_t rate) {
  to->set_major(major);
  to->set_minor(minor);
  to->set_rate(rate);
}

grpc::LinuxResources FullResourcesOnTheWire() {
  grpc::LinuxResources to;
  to.mutable_memory()->set_limit(21);
  to.mutable_memory()->set_reservation(22);
  to.mutable_memory()->set_swap(-1);
  to.mutable_cpu()->set_shares(24);
  to.mutable_cpu()->set_quota(-1);
  to.mutable_cpu()->set_period(26);
  to.mutable_cpu()->set_cpus("0-1");
  to.mutable_cpu()->set_mems("0");
  to.mutable_pids()->set_limit(-1);
  grpc::LinuxBlockIO* block = to.mutable_blockio();
  block->set_weight(28);
  Throttle(block->add_throttlereadbpsdevice(), 1, 2, 29);
  Throttle(block->add_throttlewritebpsdevice(), 3, 4, 30);
  Throttle(block->add_throttlereadiopsdevice(), 5, 6, 31);
  Throttle(block->add_throttlewriteiopsdevice(), 7, 8, 32);
  to.add_hugepagelimits()->set_pagesize("2MB");
  to.mutable_hugepagelimits(0)->set_limit(33);
  grpc::LinuxDeviceCgroup* all = to.add_devices();
  all->set_allow(false);
  all->set_type("a");
  all->set_major(-1);
  all->set_minor(-1);
  all->set_access("rwm");
  grpc::LinuxDeviceCgroup* one = to.add_devices();
  one->set_allow(true);
  one->set_type("c");
  one->set_major(34);
  one->set_minor(35);
  one->set_access("rw");
  return to;
}

TEST(OciSpec, Process_EveryField_IsConverted) {
  ExpectSame(ToOciProcess(FullProcess()), FullProcessOnTheWire());
}

TEST(OciSpec, Process_WithoutTerminal_HasNoConsoleSize) {
  EXPECT_FALSE(ToOciProcess({}).has_consolesize());
  EXPECT_FALSE(ToOciProcess({}).has_capabilities()) << "the container's are taken";
}

TEST(OciSpec, Resources_EveryField_IsConverted) {
  ExpectSame(ToOciResources(FullResources()), FullResourcesOnTheWire());
}

TEST(OciSpec, Resources_NotGiven_AreLeftOut) {
  ExpectSame(ToOciResources({}), grpc::LinuxResources());
  ContainerResources pids;
  pids.pids_limit = 5;
  const grpc::LinuxResources sent = ToOciResources(pids);
  EXPECT_FALSE(sent.has_memory());
  EXPECT_FALSE(sent.has_cpu());
  EXPECT_FALSE(sent.has_blockio());
  EXPECT_EQ(sent.pids().limit(), 5);
}

GuestContainer FullContainer() {
  GuestContainer container;
  ContainerConfig& config = container.config;
  config.id = "c";
  config.rootfs = "/the/hosts/path";
  config.readonly_rootfs = true;
  config.hostname = "host";
  config.process = FullProcess();
  config.mounts = {{"/data", "bind", "/guest/data", {"rbind", "ro"}}};
  config.rootfs_propagation = "rslave";
  config.masked_paths = {"/masked"};
  config.readonly_paths = {"/readonly"};
  config.devices = {{"/dev/one", "b", 41, 42, 0640, 43, 44}};
  config.sysctl = {{"net.ipv4.ip_forward", "1"}};
  config.resources = FullResources();
  Seccomp& seccomp = config.seccomp.emplace();
  seccomp.default_action = "SCMP_ACT_ERRNO";
  seccomp.default_errno_return = 45;
  seccomp.architectures = {"SCMP_ARCH_X86_64"};
  seccomp.flags = {"SECCOMP_FILTER_FLAG_LOG"};
  seccomp.rules = {{{"read", "write"}, "SCMP_ACT_ALLOW", 46, {{1, 47, 48, "SCMP_CMP_MASKED_EQ"}}}};
  config.hooks.create_container = {{"/guest/hook", {"hook", "a"}, {"H=1"}, 49}};
  config.hooks.start_container = {{"/container/hook", {}, {}, {}}};
  config.hooks.prestart = config.hooks.create_runtime = config.hooks.poststart =
      config.hooks.poststop = {{"/host/hook", {}, {}, {}}};
  config.annotations = {{"key", "value"}};
  container.rootfs = "/the/guests/path";
  return container;
}

TEST(OciSpec, Container_EveryField_IsConverted) {
  grpc::Spec spec;
  spec.set_version("1.0.2");
  *spec.mutable_process() = FullProcessOnTheWire();
  spec.mutable_root()->set_path("/the/guests/path");
  spec.mutable_root()->set_readonly(true);
  spec.set_hostname("host");
  grpc::Mount* mount = spec.add_mounts();
  mount->set_destination("/data");
  mount->set_type("bind");
  mount->set_source("/guest/data");
  mount->add_options("rbind");
  mount->add_options("ro");
  // The host's hooks stay on the host.
  grpc::Hook* create = spec.mutable_hooks()->add_createcontainer();
  create->set_path("/guest/hook");
  create->add_args("hook");
  create->add_args("a");
  create->add_env("H=1");
  create->set_timeout(49);
  spec.mutable_hooks()->add_startcontainer()->set_path("/container/hook");
  (*spec.mutable_annotations())["key"] = "value";
  grpc::Linux* part = spec.mutable_linux();
  for (const char* type : {"pid", "mount", "ipc", "uts", "cgroup"}) part->add_namespaces()->set_type(type);
  part->set_cgroupspath("/vc/c");
  part->add_maskedpaths("/masked");
  part->add_readonlypaths("/readonly");
  part->set_rootfspropagation("rslave");
  (*part->mutable_sysctl())["net.ipv4.ip_forward"] = "1";
  grpc::LinuxDevice* device = part->add_devices();
  device->set_path("/dev/one");
  device->set_type("b");
  device->set_major(41);
  device->set_minor(42);
  device->set_filemode(0640);
  device->set_uid(43);
  device->set_gid(44);
  *part->mutable_resources() = FullResourcesOnTheWire();
  grpc::LinuxSeccomp* seccomp = part->mutable_seccomp();
  seccomp->set_defaultaction("SCMP_ACT_ERRNO");
  seccomp->add_architectures("SCMP_ARCH_X86_64");
  seccomp->add_flags("SECCOMP_FILTER_FLAG_LOG");
  grpc::LinuxSyscall* rule = seccomp->add_syscalls();
  rule->add_names("read");
  rule->add_names("write");
  rule->set_action("SCMP_ACT_ALLOW");
  rule->set_errnoret(46);
  grpc::LinuxSeccompArg* argument = rule->add_args();
  argument->set_index(1);
  argument->set_value(47);
  argument->set_valuetwo(48);
  argument->set_op("SCMP_CMP_MASKED_EQ");
  ExpectSame(ToOciSpec(FullContainer()), spec);
}

TEST(OciSpec, Device_WithoutMode_Is0666) {
  GuestContainer container;
  container.config.devices = {{.path = "/dev/x"}};
  EXPECT_EQ(ToOciSpec(container).linux().devices(0).filemode(), 0666u);
}

TEST(OciSpec, Container_WithoutSeccompAndHooks_HasNone) {
  const grpc::Spec spec = ToOciSpec({});
  EXPECT_FALSE(spec.has_hooks());
  EXPECT_FALSE(spec.linux().has_seccomp());
}

std::set<std::string> NamespacesOf(const ContainerConfig& config) {
  GuestContainer container;
  container.config = config;
  const grpc::Spec spec = ToOciSpec(container);
  std::set<std::string> types;
  for (const auto& entry : spec.linux().namespaces()) {
    EXPECT_EQ(entry.path(), "");
    types.insert(entry.type());
  }
  return types;
}

TEST(OciSpec, Namespaces_Network_IsListedOnlyIfOwnedByContainer) {
  ContainerConfig config;
  EXPECT_EQ(NamespacesOf(config).count("network"), 0u);
  config.namespaces.network = NamespaceOwner::kContainer;
  EXPECT_EQ(NamespacesOf(config).count("network"), 1u);
}

// The mount of /dev/shm as it is sent.
grpc::Mount Shm(NamespaceOwner ipc, const Mount& mount) {
  GuestContainer container;
  container.config.namespaces.ipc = ipc;
  container.config.mounts = {mount};
  return ToOciSpec(container).mounts(0);
}

TEST(OciSpec, SharedMemory_IpcNamespace_DecidesOwner) {
  const Mount asked{"/dev/shm", "tmpfs", "shm", {"size=1m"}};
  const grpc::Mount pods = Shm(NamespaceOwner::kPod, asked);
  EXPECT_EQ(pods.source(), kSandboxShm);
  EXPECT_EQ(pods.type(), "bind");
  EXPECT_THAT(pods.options(), ElementsAre("rbind"));
  EXPECT_EQ(pods.destination(), "/dev/shm");

  const grpc::Mount own = Shm(NamespaceOwner::kContainer, asked);
  EXPECT_EQ(own.source(), "shm");
  EXPECT_EQ(own.type(), "tmpfs");
  EXPECT_THAT(own.options(), ElementsAre("size=1m"));

  // What somebody bound there himself is his.
  EXPECT_EQ(Shm(NamespaceOwner::kPod, {"/dev/shm", "bind", "/mine", {}}).source(), "/mine");
  EXPECT_EQ(Shm(NamespaceOwner::kPod, {"/data/shm", "tmpfs", "shm", {}}).source(), "shm");
}

// What Kata's call has no field for

TEST(GuestExtension, Extend_Ordinary_IsEmpty) {
  wire::ExtendedCreateRequest request;
  EXPECT_EQ(Extend({}, &request), "");
  ExpectSame(request, wire::ExtendedCreateRequest());
}

TEST(GuestExtension, Extend_EveryField_IsNamed) {
  ContainerConfig config = FullContainer().config;
  config.namespaces.ipc = NamespaceOwner::kContainer;
  config.namespaces.uts = NamespaceOwner::kContainer;
  wire::ExtendedCreateRequest expected;
  expected.mutable_process()->set_umask(027);
  (*expected.mutable_unified())["memory.high"] = "64M";
  expected.set_own_ipc(true);
  expected.set_own_uts(true);
  expected.set_seccomp_default_errno(45);
  wire::ExtendedCreateRequest request;
  EXPECT_EQ(Extend(config, &request),
            "a process's umask, unified resources, an ipc namespace of the container's own, "
            "a uts namespace of the container's own, seccomp's default errno");
  ExpectSame(request, expected);
}

TEST(GuestExtension, Extend_OneField_IsNamed) {
  std::vector<ContainerConfig> configs(5);
  configs[0].process.user.umask = 0;  // a umask of nothing is one that was asked for
  configs[1].resources.unified = {{"memory.high", "64M"}};
  configs[2].namespaces.ipc = NamespaceOwner::kContainer;
  configs[3].namespaces.uts = NamespaceOwner::kContainer;
  configs[4].seccomp.emplace().default_errno_return = 0;
  for (const ContainerConfig& config : configs) {
    wire::ExtendedCreateRequest request;
    EXPECT_NE(Extend(config, &request), "") << &config - configs.data();
    EXPECT_NE(request.ByteSizeLong(), 0u) << &config - configs.data();
  }
}

}  // namespace
}  // namespace virtcontainers
