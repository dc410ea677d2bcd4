// A pod's VM: the VMM, what it is given of the host, and the link to the agent. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_POD_VM_H_
#define VIRTCONTAINERS_SRC_MONITOR_POD_VM_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "monitor/attachments.h"
#include "monitor/console_limit.h"
#include "monitor/host_hooks.h"
#include "monitor/pod_networks.h"
#include "pod/effects.h"
#include "pod/paths.h"
#include "pod/record.h"
#include "virtcontainers/agent.h"
#include "virtcontainers/hypervisor.h"
#include "virtcontainers/monitor.h"

namespace virtcontainers {

// Launch and Connect, or TakeOver, Reconnect and Watch; at the end Stop. Operations that change the pod take
// turns (their caller's affair); the others are thread-safe.
class PodVm {
 public:
  struct Options {
    PodConfig config;
    PodPaths paths;
    std::string guest;  // the directory of the guest image
    Effects& effects;   // outlives the object
    // Of networks of kind kDescriptor, by their names.
    std::map<std::string, UniqueFd> descriptors;
    // Called once from a thread of the object's own when the VM has ended, by itself or not, since Watch; the
    // agent's calls have failed by then or are about to. Must not destroy the object.
    std::function<void(const VmExit&)> on_exit;
  };

  // Errors: InvalidArgument for a type that `parts` do not have.
  static Result<std::unique_ptr<PodVm>> Create(const MonitorParts& parts, Options options);

  // Kills what still runs, unless it was taken over and Watch was never called: that is as it was found.
  ~PodVm();

  // Prepares the attachments and starts the VMM with their devices. The VM is watched from then on. Errors:
  // NotFound for what is missing on the host, naming it.
  Status Launch(Deadline deadline);

  // Instead: goes on with what another object's Launch started and `record` tells of, in a process that has
  // died since. Errors: NotFound for a VM that has ended.
  Status TakeOver(const PodRecord& record, Deadline deadline);

  // After TakeOver, of a VM that is not paused: takes up the conversation with its agent, and takes devices
  // out of the VM that belong to nothing.
  Status Reconnect(Deadline deadline);

  // From now on its end is told by on_exit.
  Status Watch();

  // Waits for the agent. Errors: Aborted for a guest that does not come up, with the cause and the console's
  // last lines.
  Status Connect(Deadline deadline);

  // Prepares the guest for containers: its clock, its random numbers, the pod's sandbox with what the
  // attachments add.
  Status PrepareGuest(Deadline deadline);

  // The pod's name in the guest, which no container can have.
  const std::string& sandbox() const { return sandbox_; }
  // A process by the names that callers use; an empty container is the pod's own root.
  ProcessRef RefOf(const std::string& container, const std::string& exec) const {
    return ProcessRef{container.empty() ? sandbox_ : container, exec};
  }

  // What to tell of a boot that failed with `error`: the cause, as far as the VM's end and its console say.
  Error ExplainBootFailure(const Error& error) const;

  // Shows the guest what a container needs of the host, and makes the container in the guest. Nothing of it
  // is left after a failure. Errors: NotFound, naming the path; those of Agent::CreateContainer, with the
  // host's paths in the place of the guest's.
  Status CreateContainer(const ContainerConfig& container, Deadline deadline);
  // Undoes what CreateContainer showed, of a container that is gone from the guest, and runs its poststop
  // hooks.
  Status HideContainer(const std::string& container) { return attachments_.Hide(container); }

  // The hooks on the host of a container that has been made in the guest, and of one whose program runs.
  Status RunCreateHooks(const ContainerConfig& container, Deadline deadline) {
    return hooks_.RunCreate(container, record_.info.process.pid, deadline);
  }
  void RunStartHooks(const ContainerConfig& container, Deadline deadline) {
    hooks_.RunStart(container, record_.info.process.pid, deadline);
  }
  // Of a container that was there when the VM was taken over: its poststop hooks are due.
  void KeepStopHooks(const ContainerConfig& container) { hooks_.Keep(container); }

  // Lets the guest power off, and makes it if it does not; all is gone when this returns. Then it runs the
  // poststop hooks of the containers that are gone with it. Idempotent.
  Status Stop(Deadline deadline);

  const std::shared_ptr<Agent>& agent() const { return agent_; }
  Hypervisor& hypervisor() { return *hypervisor_; }

  PodNetworks& networks() { return networks_; }
  // Of a VM that runs.
  PodNetworks::Running running() { return {*hypervisor_, *agent_, record_.info.process}; }

  // What to note of it. Complete after Connect.
  const VmRecord& record() const { return record_; }
  std::vector<AttachmentRecord> attachments() const { return attachments_.record(); }

 private:
  PodVm(Options options, std::unique_ptr<Hypervisor> hypervisor, std::shared_ptr<Agent> agent);

  // The VM's configuration, without its devices and its transport.
  VmConfig Describe() const;
  // Adds the attachments that come after the networks.
  void AddGuestAttachments();
  // Fills in the guest image's kernel and initrd. Errors: NotFound, naming the file.
  Status FindKernel(HypervisorConfig& hypervisor) const;
  Result<VmInfo> LaunchVmm(const VmConfig& vm, const HypervisorFeatures& features, Deadline deadline);
  void LimitConsole();
  // A process that the VM cannot do without has ended: the VM is ended, for this reason.
  void EndVm(const std::string& reason);

  Options options_;
  const std::string sandbox_;
  const std::unique_ptr<Hypervisor> hypervisor_;
  const std::shared_ptr<Agent> agent_;
  PodNetworks networks_;
  Attachments attachments_;
  HostHooks& hooks_;  // one of attachments_
  VmRecord record_;
  std::unique_ptr<ConsoleLimit> console_;
  std::thread watcher_;
  bool taken_over_ = false;

  std::mutex mutex_;
  std::string lost_;  // why the VM was ended from here; under mutex_
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_POD_VM_H_
