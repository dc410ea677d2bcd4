// Configurations and records with every field set. For tests only.

#ifndef VIRTCONTAINERS_SRC_POD_TEST_CONFIG_H_
#define VIRTCONTAINERS_SRC_POD_TEST_CONFIG_H_

#include <chrono>
#include <string>

#include "pod/record.h"
#include "pod/validate.h"
#include "virtcontainers/config.h"

namespace virtcontainers {

inline constexpr HostLimits kHost{Bytes::MiB(8192)};

// What ValidateContainer accepts, with as little as possible in it.
inline ContainerConfig SmallContainer(const std::string& id, const std::string& rootfs) {
  ContainerConfig config;
  config.id = id;
  config.rootfs = rootfs;
  config.process.args = {"true"};
  return config;
}

inline PodConfig SmallPod(const std::string& id) {
  PodConfig config;
  config.id = id;
  return config;
}

// All that UpdateContainer can be given.
inline ContainerResources FullResources() {
  ContainerResources resources;
  resources.memory_limit = 64 << 20;
  resources.memory_reservation = 32 << 20;
  resources.memory_swap = 96 << 20;
  resources.cpu_shares = 262144;
  resources.cpu_quota = -1;
  resources.cpu_period = 1000;
  resources.cpus = "0-1,3";
  resources.mems = "0";
  resources.pids_limit = 100;
  resources.block_weight = 10;
  resources.block_read_bytes = {{254, 0, 18446744073709551615u}};
  resources.block_write_bytes = {{254, 1, 2}, {254, 16, 3}};
  resources.block_read_operations = {{254, 2, 4}};
  resources.block_write_operations = {{254, 3, 5}};
  resources.hugepages = {{"2MB", 4 << 20}};
  resources.unified = {{"memory.high", "64M"}, {"cpu.weight.nice", "0"}};
  return resources;
}

inline ContainerConfig FullContainer() {
  ContainerConfig config;
  config.id = "db.1";
  config.rootfs = "/srv/\xc3\xbc \"rootfs\"\n";
  config.readonly_rootfs = true;
  config.hostname = "db";
  config.domainname = "example";
  ProcessConfig& process = config.process;
  process.args = {"sh", "-c", "echo \"hi\"\t\x01 'there'", ""};
  process.env = {"PATH=/bin", "EMPTY=", "A=b=c"};
  process.cwd = "/var/lib";
  process.user = {.uid = 4294967295u,
                  .gid = 33,
                  .additional_gids = {0, 4294967295u},
                  .umask = 027,
                  .name = "nobody",
                  .group = "domain users",
                  .additional_groups = {"video", "7"}};
  process.terminal = true;
  process.rows = 65535;
  process.columns = 1;
  process.no_new_privileges = true;
  process.capabilities = Capabilities{
      {"CAP_CHOWN"}, {"CAP_KILL"}, {"CAP_MKNOD"}, {"CAP_SETUID"}, {"CAP_SYS_CHROOT", "CAP_FOWNER"}};
  process.rlimits = {{"RLIMIT_NOFILE", 1024, 18446744073709551615u}, {"RLIMIT_CORE", 0, 0}};
  process.oom_score_adj = -1000;
  process.exec_cpus = "0-1,3";
  process.scheduler = Scheduler{.policy = "SCHED_DEADLINE",
                                .nice = -20,
                                .priority = 0,
                                .flags = {"SCHED_FLAG_RECLAIM"},
                                .runtime = 1024,
                                .deadline = 9223372036854775807u,
                                .period = 9223372036854775807u};
  process.io_priority = IoPriority{.io_class = "IOPRIO_CLASS_IDLE", .priority = 7};
  config.output = ContainerOutput::kAttach;
  config.mounts = {{"/proc", "proc", "proc", {"nosuid", "noexec"}}, {"/tmp", "tmpfs", "tmpfs", {}}};
  config.log = {.format = LogFormat::kJson, .max_size = Bytes{4096}, .max_files = 100};
  config.default_mounts = false;
  config.rootfs_propagation = "rslave";
  config.masked_paths = {"/proc/kcore"};
  config.readonly_paths = {"/proc/sys", "/proc/bus"};
  config.devices = {{"/dev/fuse", "c", 10, 229, 0640, 1, 2}, {"/dev/fifo", "p", 0, 0, {}, 0, 0}};
  config.namespaces = {.pid = NamespaceOwner::kPod,
                       .ipc = NamespaceOwner::kContainer,
                       .uts = NamespaceOwner::kContainer,
                       .network = NamespaceOwner::kContainer};
  config.sysctl = {{"net.ipv4.ip_forward", "1"}, {"kernel.msgmax", "8192"}};
  config.personality = "LINUX32";
  config.resources = FullResources();
  config.forward_sockets = {{"/run/agent.sock", "/run/api.sock", 0600, 3, 4}};
  config.resources.devices = {
      {false, "a", {}, {}, "rwm"}, {true, "c", 10, 229, "rw"}, {true, "b", 8, {}, "m"}};
  config.seccomp = Seccomp{
      .default_action = "SCMP_ACT_ERRNO",
      .default_errno_return = 38,
      .architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"},
      .flags = {"SECCOMP_FILTER_FLAG_LOG"},
      .rules = {{.names = {"read", "write"}, .action = "SCMP_ACT_ALLOW", .errno_return = {}, .arguments = {}},
                {.names = {"personality"},
                 .action = "SCMP_ACT_ERRNO",
                 .errno_return = 1,
                 .arguments = {{0, 18446744073709551615u, 0, "SCMP_CMP_EQ"},
                               {5, 0xffff, 0x20008, "SCMP_CMP_MASKED_EQ"}}}}};
  config.hooks = {.prestart = {{"/bin/one", {"one", "-a"}, {"A=1"}, 1}},
                  .create_runtime = {{"/bin/two", {}, {}, {}}, {"/bin/three", {}, {}, {}}},
                  .create_container = {{"/bin/four", {}, {}, 30}},
                  .start_container = {{"/bin/five", {"five"}, {}, {}}},
                  .poststart = {{"/bin/six", {}, {"B="}, {}}},
                  .poststop = {{"/bin/seven", {}, {}, 4294967295u}}};
  config.bundle = "/run/bundle";
  config.annotations = {{"com.example/a", "1"}, {"b", ""}};
  return config;
}

inline PodConfig FullPod() {
  PodConfig config;
  config.id = "web-1";
  config.hostname = "web.example";
  config.resources = {.vcpus = 255, .memory = Bytes{1ull << 40}};
  config.hypervisor = {.type = "mock",
                       .machine = "microvm",
                       .accelerator = Accelerator::kKvm,
                       .path = "/usr/bin/qemu",
                       .firmware = "/fw",
                       .kernel = "/vmlinux",
                       .initrd = "/initrd",
                       .virtiofsd = "/virtiofsd",
                       .kernel_parameters = {"quiet", "a=\"b c\""},
                       .debug = true};
  config.agent = {.type = "noop", .transport = AgentTransport::kVsock};
  config.shared_memory = Bytes{4096};
  config.resources.max_memory = Bytes::MiB(4096);
  config.hypervisor.device_slots = 64;
  config.dns = {.servers = {"192.0.2.1", "2001:db8::1"},
                .searches = {"example.com", "cluster.local."},
                .options = {"ndots:5", "edns0"}};
  config.hosts = {{"192.0.2.7", {"db", "db.example"}}, {"::1", {"here"}}};
  NetworkConfig& user = config.networks.emplace_back();
  user.name = "eth0";
  user.mac = "02:00:00:00:00:01";
  user.mtu = 9000;
  user.addresses = {"10.0.2.15/24", "fd00::15/64"};
  user.routes = {{"198.51.100.0/24", "10.0.2.3", "10.0.2.15", 4294967295u, true}};
  user.dns = {.servers = {"10.0.2.3"}, .searches = {"."}, .options = {"edns0"}};
  user.limits = {.receive = {1000, 1}, .transmit = {18446744073709551615u, 2}};
  user.allow_spoofing = true;
  user.forwards = {{"127.0.0.1", 65535, 1, 1, NetworkProtocol::kUdp}};
  user.host_loopback = true;
  NetworkConfig& cni = config.networks.emplace_back();
  cni.kind = NetworkKind::kCni;
  cni.cni = {.config = "{\"name\": \"x\"}",
             .directories = {"/etc/cni/net.d"},
             .plugin_directories = {"/opt/cni/bin"},
             .args = {{"K8S_POD_NAME", "web"}},
             .capability_args = "{}"};
  NetworkConfig& bridge = config.networks.emplace_back();
  bridge.kind = NetworkKind::kBridge;
  bridge.source = "br0";
  config.annotations = {{"owner", "me"}};
  return config;
}

inline NetworkStatus FullNetworkStatus() {
  NetworkInterface eth0;
  eth0.name = "eth0";
  eth0.mac = "02:00:00:00:00:01";
  eth0.mtu = 1450;
  eth0.addresses = {"10.0.2.15/24", "fd00::15/64"};
  eth0.routes = {{"0.0.0.0/0", "10.0.2.2", "", 7, false}};
  eth0.neighbors = {{"10.0.2.2", "02:00:00:00:00:02"}};
  return {.name = "eth0",
          .kind = NetworkKind::kUser,
          .interfaces = {eth0},
          .host = "passt 2025_05",
          .forwards = {{"127.0.0.1", 65535, 1, 1, NetworkProtocol::kUdp}},
          .dns = {.servers = {"10.0.2.3"}, .searches = {}, .options = {}}};
}

inline PodRecord FullRecord() {
  const Time created{std::chrono::nanoseconds(1'769'850'300'123'456'789)};
  PodRecord record;
  record.state = PodState::kRunning;
  record.reason = "vm exited: killed by signal 9";
  record.created = created;
  record.started = created + std::chrono::seconds(1);
  record.finished = created + std::chrono::seconds(2);
  record.vm =
      VmRecord{.info = {.process = {.pid = 77, .start_time = 18446744073709551615u, .boot_id = "boot"},
                        .version = "7.2.22",
                        .machine = "q35",
                        .accelerator = Accelerator::kTcg,
                        .accelerator_reason = "the CPU has neither svm nor vmx",
                        .sandbox = "user 2013265920, own root",
                        .agent = SerialSocket{"/run/web/agent.sock"}},
               .mark = "mark",
               .agent_version = "0.1.0"};
  record.monitor = {.pid = 76, .start_time = 5, .boot_id = "boot"};
  record.attachments = {
      {"share", {{"virtiofsd", {.pid = 78, .start_time = 6, .boot_id = "boot"}}}, {"share"}, {}},
      {"network",
       {{"passt", {.pid = 79, .start_time = 7, .boot_id = "boot"}},
        {"helper", {.pid = 80, .start_time = 8, .boot_id = "boot"}}},
       {"eth0", "eth1"},
       NetworkRecord{FullPod().networks.front(), FullNetworkStatus()}}};
  for (const ContainerState state :
       {ContainerState::kReady, ContainerState::kRunning, ContainerState::kPaused}) {
    ContainerRecord& container = record.containers.emplace_back();
    container.id = "c" + std::to_string(record.containers.size());
    container.state = state;
  }
  ContainerRecord& ended = record.containers.emplace_back();
  ended.id = "ended";
  ended.state = ContainerState::kStopped;
  ended.reason = "out of memory";
  ended.exit = ExitStatus{137};
  ended.created = created;
  ended.started = record.started;
  ended.finished = record.finished;
  ended.restarting = true;
  return record;
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_TEST_CONFIG_H_
