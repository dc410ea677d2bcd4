// What starts and ends a pod's virtual machine.
//
// A Hypervisor lives in the pod's monitor. QEMU is the default; give MonitorMain (monitor.h) another to add
// one. An implementation passes the contract suite in test/contract/hypervisor_contract.h.

#ifndef VIRTCONTAINERS_HYPERVISOR_H_
#define VIRTCONTAINERS_HYPERVISOR_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "virtcontainers/config.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// A process that is still the same one after a reboot or a reused pid only if all three agree.
struct ProcessIdentity {
  pid_t pid = 0;
  uint64_t start_time = 0;  // clock ticks since boot (proc(5), stat field 22)
  std::string boot_id;      // /proc/sys/kernel/random/boot_id

  friend bool operator==(const ProcessIdentity&, const ProcessIdentity&) = default;
};

// A directory of the host shown to the guest by virtio-fs: a daemon listens on `socket`.
struct SharedDirectory {
  std::string tag;
  std::string socket;
};

// A VM to start. Paths are absolute and exist, sizes have been checked.
struct VmConfig {
  std::string name;             // the pod's id
  HypervisorConfig hypervisor;  // with its defaults filled in
  ResourceConfig resources;
  AgentTransport transport = AgentTransport::kVirtioSerial;  // kVirtioSerial or kVsock
  uint32_t vsock_cid = 0;                                    // for kVsock
  std::string run_dir;                                       // the pod's own directory for sockets
  std::string console;  // the file that takes the console, from the first byte
  std::optional<SharedDirectory> share;
};

// A VM that runs.
struct VmInfo {
  ProcessIdentity process;
  std::string version;  // the VMM's
  std::string machine;
  Accelerator accelerator = Accelerator::kTcg;  // kKvm or kTcg
  std::string accelerator_reason;               // why this one, for a person
  std::string sandbox;       // what the VMM's process is confined to, or "none: " and why, for a person
  std::string agent_socket;  // kVirtioSerial: the unix socket that is the host's end of the port
};

// How a VM ended.
struct VmExit {
  bool clean = false;  // by the guest's power-off, or because Stop was called
  std::string reason;  // "guest powered off", "vm exited: killed by signal 9", "guest reset itself"
};

enum class VmState { kNone, kRunning, kPaused, kExited };

// One VM. Its processes are started with this process's variable VIRTCONTAINERS_POD in their environments: a
// process that has not is not known to be the pod's when its monitor has died, and nobody ends it.
// Thread-safe. Start or Attach is called once; an object whose VM has exited is of no further use.
class Hypervisor {
 public:
  // A VM still running is killed.
  virtual ~Hypervisor() = default;

  virtual std::string_view name() const = 0;

  // Starts the VM and returns when its vCPUs run; the guest has hardly begun to boot then. On failure nothing
  // is left. Errors: NotFound for a missing program or file, naming it; FailedPrecondition when called twice,
  // or for Accelerator::kKvm where KVM is not usable; Aborted with the VMM's own words when it ends at once.
  virtual Result<VmInfo> Start(const VmConfig& config, Deadline deadline) = 0;

  // Instead of Start: takes over a VM that runs on after the process that started it has died. `config` and
  // `running` are those of Start then. The VM may be running or paused, and stays so. How it ends is known
  // from what it says, its exit status being its parent's to collect. On failure the VM is as it was. Errors:
  // NotFound when that process has ended; Unimplemented for a hypervisor that cannot: its VMs end with their
  // monitor.
  virtual Result<VmInfo> Attach(const VmConfig& config, const VmInfo& running, Deadline deadline) {
    (void)config, (void)running, (void)deadline;
    return tl::unexpected<Error>(
        Error(Code::kUnimplemented, std::string(name()) + " cannot take over a vm that runs"));
  }

  // Leaves a VM that runs alone from now on, also when the object is destroyed: somebody else takes it over.
  virtual void Detach() {}

  virtual VmState state() const = 0;

  // Stops the vCPUs, and lets them go on. Legal when running and paused, in that order; FailedPrecondition
  // otherwise.
  virtual Status Pause(Deadline deadline) = 0;
  virtual Status Resume(Deadline deadline) = 0;

  // Ends the VMM, politely and after a second by force; returns when it is gone. The guest is not asked: that
  // is the agent's part. Legal in any state; idempotent.
  virtual Status Stop(Deadline deadline) = 0;

  // Blocks until the VM has ended, for whatever reason. Any number of callers.
  // Errors: DeadlineExceeded; FailedPrecondition if it was never started.
  virtual Result<VmExit> WaitExit(Deadline deadline) = 0;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_HYPERVISOR_H_
