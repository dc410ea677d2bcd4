// What a pod and its containers are asked to be.
//
// Plain values, filled in by the caller and copied by the library: no pointer into them is kept. Everything
// is checked by Runtime::CreatePod and Runtime::CreateContainer, which name the field and the value that they
// refuse.

#ifndef VIRTCONTAINERS_CONFIG_H_
#define VIRTCONTAINERS_CONFIG_H_

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
  std::string path;                            // the VMM's program; default qemu-system-x86_64 in $PATH
  std::string firmware;                        // default qboot.rom of the VMM
  std::string kernel;                          // an uncompressed ELF kernel with a PVH note, or a bzImage
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

// Numeric ids in the container. (OCI runtime-spec, config.md, "User")
struct User {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> additional_gids;
  std::optional<uint32_t> umask;
};

// Names such as "CAP_NET_ADMIN". (capabilities(7))
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

// A process to run in a container or in the pod's root file system.
struct ProcessConfig {
  std::vector<std::string> args;  // args[0] is looked up in the PATH of `env` if it has no slash
  std::vector<std::string> env;   // "NAME=value"; without a PATH the usual one is used
  std::string cwd = "/";          // absolute, in the container
  User user;
  bool terminal = false;             // a pseudo terminal instead of pipes; stderr is then part of stdout
  uint16_t rows = 24, columns = 80;  // of the terminal
  bool no_new_privileges = false;
  std::optional<Capabilities> capabilities;  // default: DefaultCapabilities()
  std::vector<Rlimit> rlimits;
  std::optional<int> oom_score_adj;
};

// (OCI runtime-spec, config.md, "Mounts")
struct Mount {
  std::string destination;
  std::string type;
  std::string source;
  std::vector<std::string> options;
};

// Where the output of a container's first process goes.
enum class ContainerOutput {
  kLog,     // to the container's log, whoever listens; its standard input is empty
  kAttach,  // kept for the one who calls AttachContainer; the process waits when its output is not read
};

// A container: a process with a root file system of its own.
struct ContainerConfig {
  std::string id;      // see IsValidId
  std::string rootfs;  // an absolute path to a directory on the host, given to the container as it is
  bool readonly_rootfs = false;
  std::string hostname;  // empty: the pod's
  ProcessConfig process;
  ContainerOutput output = ContainerOutput::kLog;
  std::vector<Mount> mounts;              // empty: DefaultMounts()
  std::vector<std::string> masked_paths;  // default of OCI bundles: what `runc spec` masks
  std::vector<std::string> readonly_paths;
  std::map<std::string, std::string> annotations;
};

// /proc, /dev, /dev/pts, /dev/shm, /dev/mqueue, /sys and the cgroup tree, as `runc spec` has them.
const std::vector<Mount>& DefaultMounts();

// A pod: one VM, and the containers in it.
struct PodConfig {
  std::string id;        // see IsValidId
  std::string hostname;  // empty: the id
  ResourceConfig resources;
  HypervisorConfig hypervisor;
  AgentConfig agent;
  std::vector<ContainerConfig> containers;  // started by StartPod, in this order
  std::map<std::string, std::string> annotations;
};

// True for 1 to 64 characters of [A-Za-z0-9_.-] that begin with a letter or digit: it is a file name, a host
// name's likeness and a guest's cgroup.
bool IsValidId(std::string_view id);

// The configuration of container `id` read from `<bundle>/config.json`. A relative root.path is taken from
// the bundle. Errors: NotFound without the file; InvalidArgument, naming the field, for what is malformed or
// what a container in a VM cannot be given. (OCI runtime-spec 1.0 to 1.2, bundle.md and config.md)
Result<ContainerConfig> LoadOciBundle(const std::string& bundle, const std::string& id);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_CONFIG_H_
