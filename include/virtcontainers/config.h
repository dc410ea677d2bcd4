// What a pod and its containers are asked to be.
//
// Plain values, filled in by the caller and copied by the library: no pointer into them is kept. Everything
// is checked by Runtime::CreatePod and Runtime::CreateContainer, which name the field and the value that they
// refuse.

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

// What carries the host's conversation with the agent.
enum class AgentTransport {
  kAuto,          // vsock where /dev/vhost-vsock is usable, virtio-serial where not
  kVirtioSerial,  // a port named org.virtcontainers.agent.0
  kVsock,         // AF_VSOCK port 1024
};

// The machine that runs the VM. Empty strings mean: the default, found when the pod is started.
struct HypervisorConfig {
  std::string type = "qemu";    // "qemu", or "mock": a VM that is a process that does nothing, for tests
  std::string machine = "q35";  // "q35" or "microvm"
  Accelerator accelerator = Accelerator::kAuto;
  // The VMM's program; default qemu-system-x86_64 in $PATH. One that is confined (PodStatus::sandbox) sees
  // the directory that it is in and, beside a "bin", ../lib and ../share/qemu; everybody must be able to
  // enter these.
  std::string path;
  std::string firmware;  // default qboot.rom of the VMM
  // An uncompressed ELF kernel with a PVH note, or a bzImage. A VMM that is confined reads kernel, initrd and
  // firmware only if everybody may.
  std::string kernel;
  std::string initrd;                          // the guest image's initramfs
  std::string virtiofsd;                       // default: where the distributions put it
  std::vector<std::string> kernel_parameters;  // added to the kernel's command line, after the library's own
  bool debug = false;                          // a verbose guest kernel and agent on the console
};

struct AgentConfig {
  std::string type = "kata";  // "kata": Kata's agent protocol; "noop": no agent, processes that do nothing
  AgentTransport transport = AgentTransport::kAuto;
};

// The size of the VM.
struct ResourceConfig {
  uint32_t vcpus = 1;              // 1 to 255, and no more than the VMM can
  Bytes memory = Bytes::MiB(256);  // at least kMinimumMemory, and no more than the host has
};

inline constexpr Bytes kMinimumMemory = Bytes::MiB(96);

// The user and the groups that a process has in the container. (OCI runtime-spec, config.md, "User")
//
// By numbers, or by names. The guest looks names up in /etc/passwd and /etc/group of the container's own root
// file system, each time that a process starts, as docker does:
//
// - `name` is a user's name, or a number in decimal. If it is not empty, it replaces `uid` and `gid`: an
// entry of
//   /etc/passwd gives both, and the process is in all groups whose member the user is in /etc/group. A number
//   without an entry is the uid, with gid 0.
// - `group` is a group's name, or a number in decimal. If it is not empty, it replaces `gid`, and the
// memberships in
//   /etc/group do not count.
// - `additional_groups` are names, or numbers in decimal, in addition to `additional_gids`.
//
// A name that is not found fails the start of the process: NotFound, with the name and the file.
// FailedPrecondition names a file that is not a regular file, or is larger than 8 MiB. A name has 1 to 255
// bytes, none of them ':' or a control character.
struct User {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> additional_gids;
  std::optional<uint32_t> umask;  // default 0022; for a process that enters a container, the container's
  std::string name;
  std::string group;
  std::vector<std::string> additional_groups;
};

// Names such as "CAP_NET_ADMIN". (capabilities(7)) Those that Linux does not have are ignored: see
// WarningsOf.
struct Capabilities {
  std::vector<std::string> bounding, effective, inheritable, permitted, ambient;
};

// The capabilities a container's process has when its configuration does not say: those runc gives.
const Capabilities& DefaultCapabilities();

struct Rlimit {
  std::string type;  // "RLIMIT_NOFILE"
  uint64_t soft = 0;
  uint64_t hard = 0;
};

// How the guest's kernel gives a process its processors. (OCI runtime-spec, config.md, "Scheduler"; sched(7),
// sched_setattr(2))
struct Scheduler {
  // "SCHED_OTHER", "SCHED_BATCH", "SCHED_IDLE", "SCHED_FIFO", "SCHED_RR" or "SCHED_DEADLINE".
  std::string policy;
  int nice = 0;                    // -20 to 19; of SCHED_OTHER and SCHED_BATCH
  int priority = 0;                // 1 to 99; of SCHED_FIFO and SCHED_RR, which need one
  std::vector<std::string> flags;  // "SCHED_FLAG_RESET_ON_FORK"
  // In nanoseconds; of SCHED_DEADLINE, which needs the first two. A period of 0 is the deadline.
  uint64_t runtime = 0, deadline = 0, period = 0;
};

// In which order the guest's kernel serves a process's block devices. (OCI runtime-spec, config.md, "I/O
// Priority"; ioprio_set(2))
struct IoPriority {
  std::string io_class;  // "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE" or "IOPRIO_CLASS_IDLE"
  int priority = 0;      // 0, the first to be served, to 7
};

// A process to run in a container or in the pod's root file system.
struct ProcessConfig {
  std::vector<std::string> args;  // args[0] is looked up in the PATH of `env` if it has no slash
  std::vector<std::string> env;   // "NAME=value"; without a PATH the usual one is used
  std::string cwd = "/";          // absolute, in the container
  User user;
  bool terminal = false;             // a pseudo terminal instead of pipes; stderr is then part of stdout
  uint16_t rows = 24, columns = 80;  // of the terminal
  bool no_new_privileges = false;
  // Default: DefaultCapabilities(); for a process that enters a container, the container's.
  std::optional<Capabilities> capabilities;
  std::vector<Rlimit> rlimits;
  std::optional<int> oom_score_adj;
  // Default: the kernel's; for a process that enters a container, the container's.
  std::optional<Scheduler> scheduler;
  std::optional<IoPriority> io_priority;
  // The guest's processors that a process which enters a container may run on: "0-1,3". Default: the
  // container's, whose first process it does not concern, or all. (OCI runtime-spec, config.md,
  // "execCPUAffinity", final)
  std::string exec_cpus;
  // Of a process that enters a container: args[0] is the name of a program in /bin of the guest image, which
  // runs in the container as any other process does, with the container's files, user and limits. The guest
  // image has a busybox, whose applets have such names: `sh` and `ps` work in a container without programs.
  bool guest_program = false;
  // Of a process that enters a container: when it has run for so long, the agent in the guest kills it with its
  // process group, whoever of the host still lives. 0: no limit.
  std::chrono::milliseconds time_limit{0};
};

// (OCI runtime-spec, config.md, "Mounts")
//
// A bind mount (type "bind", or the option "bind" or "rbind") shows a file or directory of the host, by
// virtio-fs: its source is an absolute path there. With "ro" the host keeps it read-only, too. Sockets, pipes
// and device nodes are refused: what is behind them stays on the host. Every other type is made in the guest.
struct Mount {
  std::string destination;
  std::string type;
  std::string source;
  std::vector<std::string> options;
};

// A line of the cgroup's device filter; without a number: all of them. (OCI runtime-spec, config-linux.md,
// "Allowed Device list")
struct DeviceRule {
  bool allow = false;
  std::string type = "a";  // "a", "b" or "c"
  std::optional<int64_t> major, minor;
  std::string access = "rwm";
};

// A bound on the traffic with a block device of the guest, in bytes or operations per second.
struct BlockThrottle {
  int64_t major = 0, minor = 0;
  uint64_t rate = 0;
};

struct HugepageLimit {
  std::string page_size;  // "2MB"
  uint64_t bytes = 0;
};

// What a container may use of its VM, by cgroup v2. What is not given is not limited, and left as it is by
// UpdateContainer. (OCI runtime-spec, config-linux.md, "Control groups")
struct ContainerResources {
  // In bytes; -1: no limit. Swap is memory and swap together.
  std::optional<int64_t> memory_limit, memory_reservation, memory_swap;

  std::optional<uint64_t> cpu_shares;  // 2 to 262144; 1024 is everybody's
  std::optional<int64_t> cpu_quota;    // microseconds in each period; -1: no limit
  std::optional<uint64_t> cpu_period;  // microseconds, 1000 to 1000000; default 100000
  std::string cpus, mems;              // "0-1,3"

  std::optional<int64_t> pids_limit;  // -1: no limit

  std::optional<uint16_t> block_weight;  // 10 to 1000
  std::vector<BlockThrottle> block_read_bytes, block_write_bytes, block_read_operations,
      block_write_operations;

  std::vector<HugepageLimit> hugepages;

  // In order; later ones win. Empty: none but the devices that the specification gives every container, such
  // as /dev/null, and ContainerConfig::devices. Not for UpdateContainer.
  std::vector<DeviceRule> devices;

  // Files of the container's cgroup and what is written to them: {"memory.high", "64M"}. Written last.
  std::map<std::string, std::string> unified;
};

// A device node that is made in the container; the device is the guest's.
struct Device {
  std::string path;
  std::string type = "c";  // "c", "u", "b" or "p"
  int64_t major = 0, minor = 0;
  std::optional<uint32_t> mode;  // permission bits; default 0666
  uint32_t uid = 0, gid = 0;
};

// (OCI runtime-spec, config-linux.md, "Seccomp"; seccomp(2))
struct SeccompArgument {
  uint32_t index = 0;
  uint64_t value = 0, value_two = 0;
  std::string op;  // "SCMP_CMP_EQ"
};

struct SeccompRule {
  std::vector<std::string> names;  // of system calls
  std::string action;              // "SCMP_ACT_ERRNO"
  std::optional<uint32_t> errno_return;
  std::vector<SeccompArgument> arguments;
};

struct Seccomp {
  std::string default_action;
  std::optional<uint32_t> default_errno_return;
  std::vector<std::string> architectures;  // "SCMP_ARCH_X86_64"
  std::vector<std::string> flags;          // "SECCOMP_FILTER_FLAG_LOG"
  std::vector<SeccompRule> rules;
};

// A program that is run at a turn of a container's life, with the container's state on standard input. What a
// hook on the host leaves running ends when the pod stops: it is found by the variable VIRTCONTAINERS_POD,
// which is added to the hook's environment and inherited from it. (OCI runtime-spec, config.md,
// "POSIX-platform Hooks")
struct Hook {
  std::string path;               // of the file that is executed; absolute
  std::vector<std::string> args;  // args[0] is the name the program sees; empty: `path`
  std::vector<std::string> env;
  std::optional<uint32_t> timeout;  // seconds
};

struct Hooks {
  // On the host, when the container has been made in the guest and its program has not begun: first
  // `prestart`, then `create_runtime`. One that fails undoes the container.
  std::vector<Hook> prestart, create_runtime;
  // In the guest, in the container's namespaces and before it has its root: `path` is the guest's. One that
  // fails undoes the container.
  std::vector<Hook> create_container;
  // In the container, before its program; `path` is the container's. One that fails undoes the container.
  std::vector<Hook> start_container;
  // On the host, once the program runs, and once the container is gone from the guest. Failures are logged by
  // the monitor.
  std::vector<Hook> poststart, poststop;

  bool empty() const {
    return prestart.empty() && create_runtime.empty() && create_container.empty() &&
           start_container.empty() && poststart.empty() && poststop.empty();
  }
};

// Whose a namespace is. The host's are out of reach.
enum class NamespaceOwner {
  kContainer,  // the container's own
  kPod,        // the pod's, with all other containers that say so
};

// The mount and cgroup namespaces are always the container's own. (namespaces(7))
struct Namespaces {
  NamespaceOwner pid = NamespaceOwner::kContainer;
  NamespaceOwner ipc = NamespaceOwner::kPod;  // /dev/shm goes with it
  // One with a hostname or a domainname of its own always has its own.
  NamespaceOwner uts = NamespaceOwner::kPod;
  NamespaceOwner network = NamespaceOwner::kPod;  // a container's own has no more than a loopback interface
};

// Where the output of a container's first process goes.
enum class ContainerOutput {
  kLog,     // to the container's log, whoever listens; its standard input is empty
  kAttach,  // kept for the one who calls AttachContainer; the process waits when its output is not read
};

// How a log's lines look.
enum class LogFormat {
  kCri,    // "2026-01-31T09:05:00.123456789Z stdout F text", which Kubernetes' tools read
  kJson,   // {"time":"…","stream":"stdout","log":"text\n"}, which Docker's tools read
  kPlain,  // the bytes as they came, of both streams
};

// The log of ContainerOutput::kLog. A file that is full becomes "<log>.1", and that "<log>.2", and so on.
struct LogConfig {
  LogFormat format = LogFormat::kCri;
  Bytes max_size = Bytes::MiB(16);  // of one file; at least 4 KiB
  uint32_t max_files = 2;           // 1 to 100, with the one that is written
};

// A container: a process with a root file system of its own.
struct ContainerConfig {
  std::string id;      // see IsValidId
  std::string rootfs;  // an absolute path to a directory on the host, given to the container as it is
  // The root file system cannot be written, whatever the guest does: the host shows it read-only. Mount
  // points and the working directory that are missing in it are made before, on the host, and stay; nothing
  // is ever changed that was there.
  bool readonly_rootfs = false;
  std::string hostname;    // empty: the pod's
  std::string domainname;  // of NIS; empty: the pod's, which has none. (setdomainname(2))
  ProcessConfig process;
  ContainerOutput output = ContainerOutput::kLog;
  LogConfig log;

  bool default_mounts = true;  // DefaultMounts() come before `mounts`, where these have nothing of their own
  std::vector<Mount> mounts;   // in order
  std::string rootfs_propagation;  // "rprivate", "rslave", "rshared" ...; empty: private

  // Paths that the container cannot read, and paths that it cannot write, such as /proc/sysrq-trigger, by
  // which its root could end the whole VM. Not given: DefaultMaskedPaths() and DefaultReadonlyPaths(). An
  // empty list: none, for a container that is trusted with its VM. Those that do not exist are skipped.
  std::optional<std::vector<std::string>> masked_paths, readonly_paths;
  std::vector<Device> devices;  // beside /dev/null and the others that every container has
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
  std::string bundle;  // what hooks are told is the bundle's path; of no other use
  std::map<std::string, std::string> annotations;
};

// /proc, /dev, /dev/pts, /dev/shm, /dev/mqueue, /sys and the cgroup tree, as `runc spec` has them.
const std::vector<Mount>& DefaultMounts();

// What `runc spec` masks and makes read-only, in /proc and /sys.
const std::vector<std::string>& DefaultMaskedPaths();
const std::vector<std::string>& DefaultReadonlyPaths();

// The lines of resolv.conf(5). All empty: containers keep the one of their root file system.
struct DnsConfig {
  std::vector<std::string> servers;   // addresses
  std::vector<std::string> searches;  // domains
  std::vector<std::string> options;   // "ndots:2"
};

// A line of hosts(5).
struct HostEntry {
  std::string address;
  std::vector<std::string> names;
};

// A pod: one VM, and the containers in it.
struct PodConfig {
  std::string id;        // see IsValidId
  std::string hostname;  // empty: the id
  ResourceConfig resources;
  HypervisorConfig hypervisor;
  AgentConfig agent;
  Bytes shared_memory = Bytes::MiB(64);  // /dev/shm of the containers that share the pod's ipc namespace
  DnsConfig dns;                         // becomes /etc/resolv.conf of every container
  std::vector<HostEntry> hosts;  // with the pod's own name and localhost, /etc/hosts of every container
  std::vector<ContainerConfig> containers;  // started by StartPod, in this order
  std::map<std::string, std::string> annotations;
};

// What of a valid configuration has no effect, a sentence each, for the caller's log: a capability that Linux
// does not have, a file system's option of a bind mount. The pod's monitor writes the same to its own log
// (monitor.log) when it makes the process.
std::vector<std::string> WarningsOf(const ContainerConfig& config);
std::vector<std::string> WarningsOf(const ProcessConfig& process);

// True for 1 to 64 characters of [A-Za-z0-9_.-] that begin with a letter or digit: it is a file name, a host
// name's likeness and a guest's cgroup.
bool IsValidId(std::string_view id);

// The configuration of container `id` read from `<bundle>/config.json`. A relative root.path is taken from
// the bundle. Errors: NotFound without the file; InvalidArgument, naming the field, for what is malformed or
// what a container in a VM cannot be given. (OCI runtime-spec 1.x, bundle.md and config.md)
Result<ContainerConfig> LoadOciBundle(const std::string& bundle, const std::string& id);

// A process for Runtime::EnterContainer, read from `file`: an object as config.json's "process", which
// containerd, podman and others give an OCI runtime to execute ("process.json" of `runc exec --process`).
// Where it has no capabilities, ProcessConfig::capabilities is not set, and the process gets the container's.
// Errors: as LoadOciBundle.
Result<ProcessConfig> LoadOciProcess(const std::string& file);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_CONFIG_H_
