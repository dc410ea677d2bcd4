// The interface to a virtual machine monitor (VMM), which runs a pod's virtual machine.
//
// A Hypervisor lives in the pod's monitor. QEMU is the default; a program that calls MonitorMain (monitor.h)
// can add others. An implementation must pass the contract suite in test/contract/hypervisor_contract.h.

#ifndef VIRTCONTAINERS_HYPERVISOR_H_
#define VIRTCONTAINERS_HYPERVISOR_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "virtcontainers/agent_address.h"
#include "virtcontainers/config.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/device.h"
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

// The start paths of a VM. ColdBoot boots the kernel of HypervisorConfig.
struct ColdBoot {};

// What Save has written: descriptors of files, borrowed for the call.
struct SavedVm {
  int memory = -1;  // the guest's RAM
  int state = -1;   // the state of the vCPUs and devices
};

// A VM with the state of a template. The template's memory is not changed.
struct Clone {
  SavedVm of;
};

// The VM that was saved, going on. The memory file is the VM's own from then on.
struct Restore {
  SavedVm from;
};

// A VM to start. All paths are absolute and exist, and all sizes have been checked.
struct VmConfig {
  std::string name;             // the pod's id
  HypervisorConfig hypervisor;  // with its defaults filled in
  ResourceConfig resources;
  AgentTransport transport = AgentTransport::kVirtioSerial;  // one of HypervisorFeatures::transports
  uint32_t vsock_cid = 0;                                    // for kVsock
  std::string run_dir;                                       // the pod's own directory for sockets
  std::string console;          // the file for the console's output, from the first byte
  std::vector<Device> devices;  // that the VM has when its vCPUs start
  std::variant<ColdBoot, Clone, Restore> start;
};

// What a caller must know of a hypervisor before it plans a VM.
struct HypervisorFeatures {
  // The kinds of devices that AddDevice plugs into a VM that runs. A VM may have devices of every kind from
  // its start.
  bool plugs_block = false;
  bool plugs_network = false;
  bool plugs_shares = false;
  bool plugs_memory = false;
  // The VM boots HypervisorConfig's kernel and initrd, by default those of the guest image.
  bool boots_kernel = true;
  std::vector<std::string> sockets;  // names of what Start makes in VmConfig::run_dir
  bool saves = false;                // Save, Clone and Restore
  bool takes_over = false;           // Attach
  // How the agent can be reached, in the order of preference. Empty: not at all.
  std::vector<AgentTransport> transports;
  std::string vsock_obstacle;  // why kVsock is not among them, for a person
};

// A VM that runs.
struct VmInfo {
  ProcessIdentity process;
  std::string version;  // the VMM's
  std::string machine;
  Accelerator accelerator = Accelerator::kTcg;  // kKvm or kTcg
  std::string accelerator_reason;               // why it was chosen, for a person
  std::string sandbox;  // how the VMM's process is confined, or "none: " and why, for a person
  AgentAddress agent;

  friend bool operator==(const VmInfo&, const VmInfo&) = default;
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

  // The features of a VM with this configuration. Does not block, and needs no VM.
  // Errors: InvalidArgument for a configuration that this hypervisor cannot start, naming the field.
  virtual Result<HypervisorFeatures> features(const HypervisorConfig& config,
                                              const ResourceConfig& resources) const = 0;

  // Starts the VM with its devices. Returns when its vCPUs run, which is before the guest has booted. A call
  // that fails leaves nothing behind. Errors: NotFound for a missing program or file, naming it;
  // InvalidArgument for a device that CheckDevice refuses; FailedPrecondition when called twice, or for
  // Accelerator::kKvm where KVM is not usable; Aborted, with the VMM's output, when the VMM ends at once;
  // Unimplemented for a start path that the hypervisor does not have.
  virtual Result<VmInfo> Start(const VmConfig& config, Deadline deadline) = 0;

  // Takes over a VM whose monitor has died. `config` and `running` are the argument and the result of its
  // Start. The VM may be running or paused, and stays so. Its exit status is not available, since only its
  // parent could collect it: the reason of its end comes from what the VMM reports. A call that fails does
  // not change the VM. Errors: NotFound when the VMM's process has ended; Unimplemented for a hypervisor
  // whose VMs end with their monitor: a pod without a monitor can only be stopped then.
  virtual Result<VmInfo> Attach(const VmConfig& config, const VmInfo& running, Deadline deadline) {
    (void)config, (void)running, (void)deadline;
    return tl::unexpected<Error>(
        Error(Code::kUnimplemented, std::string(name()) + " cannot take over a vm that runs"));
  }

  // Plugs a device into the VM, which runs or is paused: all of it, or nothing. Returns when the VMM has the
  // device; the guest sees it a moment later, and after Resume if the VM is paused. Idempotent by id: a
  // device that the VM has already is left as it is, and the call returns its address. One call of AddDevice
  // and RemoveDevice runs at a time; others wait. A call whose deadline passes, or whose monitor dies, may
  // have plugged the device: RemoveDevice with its id undoes it in every case. Errors: InvalidArgument as
  // CheckDevice; FailedPrecondition for a VM that does not run, and for a kind that the machine does not plug
  // (features), naming one that does; ResourceExhausted when all slots are taken; Unavailable when the VM
  // ends meanwhile.
  virtual Result<GuestAddress> AddDevice(const Device& device, Deadline deadline) {
    (void)deadline;
    return tl::unexpected<Error>(
        Error(Code::kUnimplemented, std::string(name()) + " plugs no " + std::string(KindOf(device)) +
                                        " into a vm that runs: give it to the vm when it starts"));
  }

  // Takes a device out of the VM, and what AddDevice has made for it out of the VMM. Returns when the guest
  // has let go of the device and the VMM has closed its descriptors. Idempotent: a device that the VM does
  // not have is removed already. Also for devices that the VM has had from its start, where their kind is
  // plugged. Errors: DeadlineExceeded when the guest does not let go: the device stays, or goes later, and
  // the call may be repeated; FailedPrecondition when the guest refuses, when the VM is paused, or does not
  // run.
  virtual Status RemoveDevice(const std::string& id, Deadline deadline) {
    (void)deadline;
    return tl::unexpected<Error>(Error(Code::kUnimplemented, std::string(name()) + " cannot take device '" +
                                                                 id + "' out of a vm that runs"));
  }

  // The devices of VmConfig and AddDevice that the VM has, in no order, as the VMM reports them. After Attach
  // they are those that the dead monitor plugged, whether or not it wrote that down.
  // Errors: FailedPrecondition for a VM that does not run; Unavailable when the VM ends meanwhile.
  virtual Result<std::vector<PluggedDevice>> ListDevices(Deadline deadline) {
    (void)deadline;
    return tl::unexpected<Error>(
        Error(Code::kUnimplemented, std::string(name()) + " cannot list the devices of a vm"));
  }

  // Writes the memory and the state of a paused VM, from which another VM can start. The VM stays paused.
  // Errors: Unimplemented where HypervisorFeatures::saves is false; FailedPrecondition for a VM that is not
  // paused; those of writing.
  virtual Status Save(const SavedVm& to, Deadline deadline) {
    (void)to, (void)deadline;
    return tl::unexpected<Error>(Error(Code::kUnimplemented, std::string(name()) + " cannot save a vm"));
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
