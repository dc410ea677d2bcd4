// The interface to a virtual machine monitor (VMM), which runs a pod's virtual machine.
//
// A Hypervisor lives in the pod's monitor. QEMU is the default; a program that calls MonitorMain (monitor.h)
// can add others. An implementation must pass the contract suite in test/contract/hypervisor_contract.h.

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

// Identifies a process across reboots and reused pids: two identities are of one process only if all three
// fields are equal.
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

// A VM to start. All paths are absolute and exist, and all sizes have been checked.
struct VmConfig {
  std::string name;             // the pod's id
  HypervisorConfig hypervisor;  // with its defaults filled in
  ResourceConfig resources;
  AgentTransport transport = AgentTransport::kVirtioSerial;  // kVirtioSerial or kVsock
  uint32_t vsock_cid = 0;                                    // for kVsock
  std::string run_dir;                                       // the pod's own directory for sockets
  std::string console;  // the file for the console's output, from the first byte
  std::optional<SharedDirectory> share;
};

// A VM that runs.
struct VmInfo {
  ProcessIdentity process;
  std::string version;  // the VMM's
  std::string machine;
  Accelerator accelerator = Accelerator::kTcg;  // kKvm or kTcg
  std::string accelerator_reason;               // why it was chosen, for a person
  std::string sandbox;       // how the VMM's process is confined, or "none: " and why, for a person
  std::string agent_socket;  // kVirtioSerial: the unix socket that is the host's end of the port
};

// How a VM ended.
struct VmExit {
  bool clean = false;  // by the guest's power-off, or because Stop was called
  std::string reason;  // "guest powered off", "vm exited: killed by signal 9", "guest reset itself"
};

enum class VmState { kNone, kRunning, kPaused, kExited };

// One VM. An implementation starts its processes with the monitor's variable VIRTCONTAINERS_POD in their
// environment: without it the library cannot find them after the monitor has died, and they are never killed.
// Thread-safe. Start or Attach is called once; an object whose VM has exited cannot be used again.
class Hypervisor {
 public:
  // Kills a VM that runs, unless Detach was called.
  virtual ~Hypervisor() = default;

  virtual std::string_view name() const = 0;

  // Starts the VM. Returns when its vCPUs run, which is before the guest has booted. A call that fails leaves
  // nothing behind. Errors: NotFound for a missing program or file, naming it; FailedPrecondition when called
  // twice, or for Accelerator::kKvm where KVM is not usable; Aborted, with the VMM's output, when the VMM
  // ends at once.
  virtual Result<VmInfo> Start(const VmConfig& config, Deadline deadline) = 0;

  // Takes over a VM whose monitor has died. `config` and `running` are the argument and the result of its
  // Start. The VM may be running or paused, and stays so. Its exit status is not available, since only its
  // parent could collect it: the reason of its end comes from what the VMM reports. A call that fails does
  // not change the VM. Errors: NotFound when the VMM's process has ended; Unimplemented for a hypervisor
  // whose VMs end with their monitor.
  virtual Result<VmInfo> Attach(const VmConfig& config, const VmInfo& running, Deadline deadline) {
    (void)config, (void)running, (void)deadline;
    return tl::unexpected<Error>(
        Error(Code::kUnimplemented, std::string(name()) + " cannot take over a vm that runs"));
  }

  // Gives the VM up without ending it, for another monitor to take over. The destructor leaves the VM running
  // then.
  virtual void Detach() {}

  virtual VmState state() const = 0;

  // Stops and continues the vCPUs. Pause is legal when running, Resume when paused; FailedPrecondition
  // otherwise.
  virtual Status Pause(Deadline deadline) = 0;
  virtual Status Resume(Deadline deadline) = 0;

  // Asks the VMM to quit, and kills it if it has not ended after a second. Returns when it has ended. Does
  // not shut the guest down, which is the agent's task. Legal in any state. Idempotent.
  virtual Status Stop(Deadline deadline) = 0;

  // Blocks until the VM has ended. Any number of callers may wait.
  // Errors: DeadlineExceeded; FailedPrecondition if it was never started.
  virtual Result<VmExit> WaitExit(Deadline deadline) = 0;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_HYPERVISOR_H_
