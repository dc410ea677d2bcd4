// What a pod and its containers are asked to be.
//
// Plain values. The caller fills them in, and the library copies them. Runtime::CreatePod and
// Runtime::CreateContainer check every field; their errors name the field and the value that they refuse.

#ifndef VIRTCONTAINERS_CONFIG_H_
#define VIRTCONTAINERS_CONFIG_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "virtcontainers/error.h"
#include "virtcontainers/network.h"

namespace virtcontainers {

// A size in bytes.
struct Bytes {
  uint64_t count = 0;

  static constexpr Bytes MiB(uint64_t n) { return Bytes{n << 20}; }
  constexpr uint64_t mib() const { return count >> 20; }
  friend constexpr bool operator==(Bytes, Bytes) = default;
  friend constexpr auto operator<=>(Bytes a, Bytes b) = default;
};

// How the host accelerates the VM.
enum class Accelerator {
  kAuto,  // KVM where it is usable, TCG where not; PodStatus says which and why
  kKvm,   // hardware virtualization, or StartPod fails
  kTcg,   // QEMU's software emulation: any host, some twenty times slower
};

// The transport between the host and the agent.
enum class AgentTransport {
  kAuto,          // vsock where /dev/vhost-vsock is usable, virtio-serial where not
  kVirtioSerial,  // a port named org.virtcontainers.agent.0
  kVsock,         // AF_VSOCK port 1024
};

// The machine that runs the VM. Empty strings mean: the default, found when the pod is started.
struct HypervisorConfig {
  std::string type = "qemu";    // "qemu", or "mock": a process that does nothing, for tests
  std::string machine = "q35";  // "q35" or "microvm"
  Accelerator accelerator = Accelerator::kAuto;
  // The VMM's program; default: qemu-system-x86_64 in $PATH. A confined VMM (PodStatus::sandbox) sees its own
  // directory and, if that is called "bin", ../lib and ../share/qemu. All users must be able to enter these.
  std::string path;
  std::string firmware;  // default qboot.rom of the VMM
  // An uncompressed ELF kernel with a PVH note, or a bzImage. A confined VMM reads kernel, initrd and
  // firmware only if all users may read them.
  std::string kernel;
  // The slots for disks, network devices and shares that a VM has at a time: 1 to 128. q35 has a PCI bridge
  // for each 32 of them; each bridge adds about 20 ms to a boot without KVM. A microvm has no slots.
  uint32_t device_slots = 32;
  std::string initrd;                          // the guest image's initramfs
  std::string virtiofsd;                       // default: where the distributions put it
  std::vector<std::string> kernel_parameters;  // added to the kernel's command line, after the library's own
  bool debug = false;                          // a verbose guest kernel and agent on the console

  friend bool operator==(const HypervisorConfig&, const HypervisorConfig&) = default;
};

struct AgentConfig {
  std::string type =
      "kata";  // "kata": Kata's agent protocol; "noop": no agent, and processes that do nothing
  AgentTransport transport = AgentTransport::kAuto;

  friend bool operator==(const AgentConfig&, const AgentConfig&) = default;
};

// The size of the VM.
struct ResourceConfig {
  uint32_t vcpus = 1;              // 1 to 255, and at most what the VMM supports
  Bytes memory = Bytes::MiB(256);  // at least kMinimumMemory, at most the host's memory
  // The memory to which the running VM may grow by memory devices, on a q35; at most the host's memory. 0:
  // the VM does not grow. A guest that may grow boots about 60 ms later without KVM.
  Bytes max_memory;

  friend bool operator==(const ResourceConfig&, const ResourceConfig&) = default;
};

inline constexpr Bytes kMinimumMemory = Bytes::MiB(96);

// The user and the groups that a process has in the container. (OCI runtime-spec, config.md, "User")
//
// Users and groups are given by numbers or by names. The guest looks names up in /etc/passwd and /etc/group
// of the container's own root file system each time that a process starts, as docker does.
//
// `name` is a user's name, or a number in decimal. If it is not empty, it replaces `uid` and `gid`. An entry
// of /etc/passwd gives both, and the process has all groups of /etc/group that list the user. A number
// without an entry is the uid; the gid is 0 then.
//
// `group` is a group's name, or a number in decimal. If it is not empty, it replaces `gid`, and the groups
// that list the user do not count.
//
// `additional_groups` are names, or numbers in decimal, in addition to `additional_gids`.
//
// A name has 1 to 255 bytes, none of them ':' or a control character. A name that is not found fails the
// start of the process: NotFound, with the name and the file. FailedPrecondition names a file that is not a
// regular file, or that is larger than 8 MiB.
struct User {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> additional_gids;
  std::optional<uint32_t> umask;  // default 0022; for a process that enters a container, the container's
  std::string name;
  std::string group;
  std::vector<std::string> additional_groups;

  friend bool operator==(const User&, const User&) = default;
};

// Names such as "CAP_NET_ADMIN". (capabilities(7)) Names that Linux does not know are ignored: see
// WarningsOf.
struct Capabilities {
  std::vector<std::string> bounding, effective, inheritable, permitted, ambient;

  friend bool operator==(const Capabilities&, const Capabilities&) = default;
};

// The capabilities of a container's process whose configuration gives none: those of runc.
const Capabilities& DefaultCapabilities();

struct Rlimit {
  std::string type;  // "RLIMIT_NOFILE"
  uint64_t soft = 0;
  uint64_t hard = 0;

  friend bool operator==(const Rlimit&, const Rlimit&) = default;
};

// How the guest's kernel gives a process its processors. (OCI runtime-spec, config.md, "Scheduler"; sched(7),
// sched_setattr(2))
struct Scheduler {
  // "SCHED_OTHER", "SCHED_BATCH", "SCHED_IDLE", "SCHED_FIFO", "SCHED_RR" or "SCHED_DEADLINE".
  std::string policy;
  int nice = 0;                    // -20 to 19; of SCHED_OTHER and SCHED_BATCH
  int priority = 0;                // 1 to 99; required by SCHED_FIFO and SCHED_RR
  std::vector<std::string> flags;  // "SCHED_FLAG_RESET_ON_FORK"
  // In nanoseconds; of SCHED_DEADLINE, which requires runtime and deadline. A period of 0 equals the
  // deadline.
  uint64_t runtime = 0, deadline = 0, period = 0;

  friend bool operator==(const Scheduler&, const Scheduler&) = default;
};

// The order in which the guest's kernel serves the block I/O of processes. (OCI runtime-spec, config.md, "I/O
// Priority"; ioprio_set(2))
struct IoPriority {
  std::string io_class;  // "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE" or "IOPRIO_CLASS_IDLE"
  int priority = 0;      // 0, the first to be served, to 7

  friend bool operator==(const IoPriority&, const IoPriority&) = default;
};

// A process to run in a container or in the pod's root file system.
struct ProcessConfig {
  std::vector<std::string> args;  // args[0] is looked up in the PATH of `env` if it has no slash
  std::vector<std::string> env;   // "NAME=value"; without a PATH the usual one is used
  std::string cwd = "/";          // absolute, in the container
  User user;
  bool terminal = false;             // a pseudo terminal instead of pipes; carries stdout and stderr
  uint16_t rows = 24, columns = 80;  // of the terminal
  bool no_new_privileges = false;
  // Default: DefaultCapabilities(); of a process that enters a container, the container's.
  std::optional<Capabilities> capabilities;
  std::vector<Rlimit> rlimits;
  std::optional<int> oom_score_adj;
  // Default: the kernel's; of a process that enters a container, the container's.
  std::optional<Scheduler> scheduler;
  std::optional<IoPriority> io_priority;
  // The processors of the guest on which a process that enters a container may run: "0-1,3". Default: those
  // of the container, or all. Has no effect on a container's first process. (OCI runtime-spec, config.md,
  // "execCPUAffinity", final)
  std::string exec_cpus;
  // Of a process that enters a container: args[0] is the name of a program in /bin of the guest image, which
  // runs in the container with the container's files, user and limits. The guest image has a busybox with its
  // applets: `sh` and `ps` work in a container without programs.
  bool guest_program = false;
  // Of a process that enters a container: the agent in the guest kills the process and its process group when
  // it has run for this long, even if no process of the host lives. 0: no limit.
  std::chrono::milliseconds time_limit{0};

  friend bool operator==(const ProcessConfig&, const ProcessConfig&) = default;
};

// (OCI runtime-spec, config.md, "Mounts")
//
// A bind mount (type "bind", or the option "bind" or "rbind") shows a file or directory of the host, by
// virtio-fs: its source is an absolute path there. With "ro" the host exports it read-only, too. Sockets,
// pipes and device nodes are refused, because virtio-fs does not connect them to the host's. The guest makes
// mounts of every other type.
struct Mount {
  std::string destination;
  std::string type;
  std::string source;
  std::vector<std::string> options;

  friend bool operator==(const Mount&, const Mount&) = default;
};

// A unix socket of the host that appears in a container, without any network: each connection to
// `destination` becomes one that the pod's monitor makes to `source`, as the user that runs the pod.
//
// `source` is looked up at each connection, and may come and go; its path may have symbolic links. Where
// nobody listens there, the container's connection is accepted and ends at once, and monitor.log has the
// reason. Connections end with the monitor; the next monitor serves new ones. 64 of one socket are served at
// a time, and others wait.
//
// The socket is there before the container's process starts. It is made in the container's root file system
// or in what is mounted there, with the directories above it that are missing, and stays in that file system
// when the container has gone. A socket there at which nobody listens is replaced. The start fails with
// FailedPrecondition where the directory is read-only, AlreadyExists where something else is.
struct ForwardedSocket {
  std::string source;       // absolute, on the host
  std::string destination;  // absolute, in the container; the last part has at most 107 bytes
  uint32_t mode = 0666;     // permission bits: who may connect
  uint32_t uid = 0;
  uint32_t gid = 0;

  friend bool operator==(const ForwardedSocket&, const ForwardedSocket&) = default;
};

// A rule of the cgroup's device filter. Without `major` or `minor` the rule applies to all numbers. (OCI
// runtime-spec, config-linux.md, "Allowed Device list")
struct DeviceRule {
  bool allow = false;
  std::string type = "a";  // "a", "b" or "c"
  std::optional<int64_t> major, minor;
  std::string access = "rwm";

  friend bool operator==(const DeviceRule&, const DeviceRule&) = default;
};

// A limit on the traffic with a block device of the guest, in bytes or operations per second.
struct BlockThrottle {
  int64_t major = 0, minor = 0;
  uint64_t rate = 0;

  friend bool operator==(const BlockThrottle&, const BlockThrottle&) = default;
};

struct HugepageLimit {
  std::string page_size;  // "2MB"
  uint64_t bytes = 0;

  friend bool operator==(const HugepageLimit&, const HugepageLimit&) = default;
};

// The limits of a container in its VM, by cgroup v2. A limit that is not given is none for a new container,
// and is left unchanged by UpdateContainer. (OCI runtime-spec, config-linux.md, "Control groups")
struct ContainerResources {
  // In bytes; -1: no limit. Swap is memory and swap together.
  std::optional<int64_t> memory_limit, memory_reservation, memory_swap;

  std::optional<uint64_t> cpu_shares;  // 2 to 262144; default 1024
  std::optional<int64_t> cpu_quota;    // microseconds in each period; -1: no limit
  std::optional<uint64_t> cpu_period;  // microseconds, 1000 to 1000000; default 100000
  std::string cpus, mems;              // "0-1,3"

  std::optional<int64_t> pids_limit;  // -1: no limit

  std::optional<uint16_t> block_weight;  // 10 to 1000
  std::vector<BlockThrottle> block_read_bytes, block_write_bytes, block_read_operations,
      block_write_operations;

  std::vector<HugepageLimit> hugepages;

  // In order; the last rule that matches counts. Empty: only the devices that the specification gives every
  // container, such as /dev/null, and ContainerConfig::devices are allowed. UpdateContainer refuses rules.
  std::vector<DeviceRule> devices;

  // Files of the container's cgroup and their contents: {"memory.high", "64M"}. Written after the other
  // limits.
  std::map<std::string, std::string> unified;

  friend bool operator==(const ContainerResources&, const ContainerResources&) = default;
};

// A device node in the container, for a device of the guest.
struct DeviceNode {
  std::string path;
  std::string type = "c";  // "c", "u", "b" or "p"
  int64_t major = 0, minor = 0;
  std::optional<uint32_t> mode;  // permission bits; default 0666
  uint32_t uid = 0, gid = 0;

  friend bool operator==(const DeviceNode&, const DeviceNode&) = default;
};

// (OCI runtime-spec, config-linux.md, "Seccomp"; seccomp(2))
struct SeccompArgument {
  uint32_t index = 0;
  uint64_t value = 0, value_two = 0;
  std::string op;  // "SCMP_CMP_EQ"

  friend bool operator==(const SeccompArgument&, const SeccompArgument&) = default;
};

struct SeccompRule {
  std::vector<std::string> names;  // of system calls
  std::string action;              // "SCMP_ACT_ERRNO"
  std::optional<uint32_t> errno_return;
  std::vector<SeccompArgument> arguments;

  friend bool operator==(const SeccompRule&, const SeccompRule&) = default;
};

struct Seccomp {
  std::string default_action;
  std::optional<uint32_t> default_errno_return;
  std::vector<std::string> architectures;  // "SCMP_ARCH_X86_64"
  std::vector<std::string> flags;          // "SECCOMP_FILTER_FLAG_LOG"
  std::vector<SeccompRule> rules;

  friend bool operator==(const Seccomp&, const Seccomp&) = default;
};

// A program that runs at a point of a container's life, with the container's state on standard input. A
// process that a hook on the host leaves running is killed when the pod stops: the library finds it by the
// variable VIRTCONTAINERS_POD, which it adds to the hook's environment. (OCI runtime-spec, config.md,
// "POSIX-platform Hooks")
struct Hook {
  std::string path;               // of the file that is executed; absolute
  std::vector<std::string> args;  // args[0] is the name that the program sees; empty: `path`
  std::vector<std::string> env;
  std::optional<uint32_t> timeout;  // seconds

  friend bool operator==(const Hook&, const Hook&) = default;
};

struct Hooks {
  // On the host, after the container has been made in the guest and before its program runs: first
  // `prestart`, then `create_runtime`. A hook that fails undoes the container.
  std::vector<Hook> prestart, create_runtime;
  // In the guest, in the container's namespaces, before its root is set: `path` is in the guest's root. A
  // hook that fails undoes the container.
  std::vector<Hook> create_container;
  // In the container, before its program; `path` is in the container. A hook that fails undoes the container.
  std::vector<Hook> start_container;
  // On the host, after the program has been started, and after the container has been removed from the guest.
  // The monitor logs failures.
  std::vector<Hook> poststart, poststop;

  bool empty() const {
    return prestart.empty() && create_runtime.empty() && create_container.empty() &&
           start_container.empty() && poststart.empty() && poststop.empty();
  }

  friend bool operator==(const Hooks&, const Hooks&) = default;
};

// The owner of a namespace. A container never has a namespace of the host.
enum class NamespaceOwner {
  kContainer,  // the container's own
  kPod,        // the pod's, shared with all other containers that have kPod
};

// The mount and cgroup namespaces are always the container's own. (namespaces(7))
struct Namespaces {
  NamespaceOwner pid = NamespaceOwner::kContainer;
  NamespaceOwner ipc = NamespaceOwner::kPod;  // /dev/shm goes with it
  // A container with a hostname or a domainname has always a uts namespace of its own.
  NamespaceOwner uts = NamespaceOwner::kPod;
  NamespaceOwner network = NamespaceOwner::kPod;  // a container's own has a loopback interface only

  friend bool operator==(const Namespaces&, const Namespaces&) = default;
};

// Where the output of a container's first process goes.
enum class ContainerOutput {
  kLog,     // to the container's log; the standard input is empty
  kAttach,  // to the caller of AttachContainer; the process blocks while nobody reads its output
};

// The format of a log.
enum class LogFormat {
  kCri,    // "2026-01-31T09:05:00.123456789Z stdout F text", which Kubernetes' tools read
  kJson,   // {"time":"…","stream":"stdout","log":"text\n"}, which Docker's tools read
  kPlain,  // the bytes of both streams, unchanged
};

// The log of ContainerOutput::kLog. A full file is renamed to "<log>.1", an older "<log>.1" to "<log>.2", and
// so on.
struct LogConfig {
  LogFormat format = LogFormat::kCri;
  Bytes max_size = Bytes::MiB(16);  // of one file; at least 4 KiB
  uint32_t max_files = 2;           // 1 to 100, including the current one

  friend bool operator==(const LogConfig&, const LogConfig&) = default;
};

// A container: a process with a root file system of its own.
struct ContainerConfig {
  std::string id;      // see IsValidId
  std::string rootfs;  // the absolute path of a directory on the host
  // The host exports the root file system read-only, so that the guest cannot write to it. The host makes
  // missing mount points and a missing working directory before, and leaves them; it changes nothing that
  // exists.
  bool readonly_rootfs = false;
  std::string hostname;    // empty: the pod's
  std::string domainname;  // of NIS; empty: the pod's, which has none. (setdomainname(2))
  ProcessConfig process;
  ContainerOutput output = ContainerOutput::kLog;
  LogConfig log;

  bool default_mounts = true;      // adds those of DefaultMounts() whose destination is not in `mounts`
  std::vector<Mount> mounts;       // in order
  std::string rootfs_propagation;  // "rprivate", "rslave", "rshared" ...; empty: private

  // Paths that the container cannot read, and paths that it cannot write. By some, such as
  // /proc/sysrq-trigger, the container's root could end the VM. Not given: DefaultMaskedPaths() and
  // DefaultReadonlyPaths(). An empty list protects nothing. Paths that do not exist are skipped.
  std::optional<std::vector<std::string>> masked_paths, readonly_paths;
  std::vector<DeviceNode> devices;  // in addition to /dev/null and the others that every container has
  std::vector<ForwardedSocket> forward_sockets;
  Namespaces namespaces;
  // Of the container's own namespaces: {"net.ipv4.ip_forward", "1"}. The first separator of a name, '.' or
  // '/', decides which of them separates: "net/ipv4/conf/eth0.1/rp_filter". (sysctl(8))
  std::map<std::string, std::string> sysctl;
  // What uname(2) tells every process of the container: "LINUX", which is the default, or "LINUX32", a
  // machine of 32 bits. (OCI runtime-spec, config-linux.md, "Personality"; personality(2))
  std::string personality;
  ContainerResources resources;
  std::optional<Seccomp> seccomp;

  Hooks hooks;
  std::string bundle;  // the path of the bundle that hooks are told; not used otherwise
  std::map<std::string, std::string> annotations;

  friend bool operator==(const ContainerConfig&, const ContainerConfig&) = default;
};

// /proc, /dev, /dev/pts, /dev/shm, /dev/mqueue, /sys and the cgroup tree, as `runc spec` has them.
const std::vector<Mount>& DefaultMounts();

// The paths in /proc and /sys that `runc spec` masks and makes read-only.
const std::vector<std::string>& DefaultMaskedPaths();
const std::vector<std::string>& DefaultReadonlyPaths();

// A line of hosts(5).
struct HostEntry {
  std::string address;
  std::vector<std::string> names;

  friend bool operator==(const HostEntry&, const HostEntry&) = default;
};

// A pod: one VM, and the containers in it.
struct PodConfig {
  std::string id;        // see IsValidId
  std::string hostname;  // empty: the first 64 characters of the id
  ResourceConfig resources;
  HypervisorConfig hypervisor;
  AgentConfig agent;
  Bytes shared_memory = Bytes::MiB(64);  // /dev/shm of the containers that share the pod's ipc namespace
  // Written to /etc/resolv.conf of every container. Empty: what the networks bring.
  DnsConfig dns;
  std::vector<HostEntry>
      hosts;  // written to /etc/hosts of every container, with localhost and the pod's hostname
  std::vector<NetworkConfig> networks;      // empty: a loopback interface only
  std::vector<ContainerConfig> containers;  // started by StartPod, in this order
  std::map<std::string, std::string> annotations;

  friend bool operator==(const PodConfig&, const PodConfig&) = default;
};

// The parts of a valid configuration that have no effect, a sentence each, for the caller's log: a capability
// that Linux does not know, a file system's option of a bind mount. The monitor writes the same sentences to
// its log (monitor.log) when it starts the process.
std::vector<std::string> WarningsOf(const ContainerConfig& config);
std::vector<std::string> WarningsOf(const ProcessConfig& process);

// containerd's ids have up to 76 characters, those of podman and CRI-O 64.
inline constexpr size_t kMaxIdLength = 120;

// True for 1 to kMaxIdLength characters of [A-Za-z0-9_.+-] that begin with a letter or digit. Ids are names
// of files on the host and of cgroups in the guest.
bool IsValidId(std::string_view id);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_CONFIG_H_
