// A pod's VM with all that belongs to it: the VMM, the share of root file systems, and the link to the agent.
// Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_POD_VM_H_
#define VIRTCONTAINERS_SRC_MONITOR_POD_VM_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "monitor/console_limit.h"
#include "pod/journal.h"
#include "pod/paths.h"
#include "pod/record.h"
#include "storage/shared_rootfs.h"
#include "virtcontainers/agent.h"
#include "virtcontainers/hypervisor.h"
#include "virtcontainers/monitor.h"

namespace virtcontainers {

// Launch and Connect, or TakeOver, Reconnect and Watch; at the end Stop. Thread-safe after that.
class PodVm {
 public:
  struct Options {
    PodConfig config;
    PodPaths paths;
    std::string guest;  // the directory of the guest image
    Journal& journal;   // takes what this makes outside of the pod's files; outlives this
    // Called once from a thread of the object's own when the VM has ended, by itself or not, since Watch; the
    // agent's calls have failed by then or are about to. Must not destroy the object.
    std::function<void(const VmExit&)> on_exit;
  };

  // Errors: InvalidArgument for a type that `parts` do not have.
  static Result<std::unique_ptr<PodVm>> Create(const MonitorParts& parts, Options options);

  // Kills what still runs, unless it was taken over and Watch was never called: that is as it was found.
  ~PodVm();

  // Starts the processes: virtiofsd and the VMM. It is watched from then on. Errors: NotFound for what is
  // missing on the host, naming it.
  Status Launch(Deadline deadline);

  // Instead: goes on with what another object's Launch started and record() and helpers() told of, in a
  // process that has died since. Errors: NotFound for a VM that has ended.
  Status TakeOver(const VmRecord& record, const std::vector<ProcessIdentity>& helpers, Deadline deadline);

  // After TakeOver, of a VM that is not paused: takes up the conversation with its agent.
  Status Reconnect(Deadline deadline) { return agent_->Connect(record_.info.agent, deadline); }

  // From now on its end is told by on_exit.
  Status Watch();

  // Waits for the agent. Errors: Aborted for a guest that does not come up, with the cause and the console's
  // last lines.
  Status Connect(Deadline deadline);

  // What to tell of a boot that failed with `error`: the cause, as far as the VM's end and its console say.
  Error ExplainBootFailure(const Error& error) const;

  // Shows the guest what a container needs of the host's files: its root file system, the sources of its bind
  // mounts, and the pod's own files that it has none of; and makes the container in the guest. Nothing of it
  // is left after a failure. Errors: NotFound, naming the path; those of Agent::CreateContainer, with the
  // host's paths in the place of the guest's.
  Status CreateContainer(ContainerConfig container, Deadline deadline);
  // Takes the files away, of a container that is gone from the guest, and runs its poststop hooks.
  Status HideRootfs(const std::string& container);

  // The hooks on the host of a container that has been made in the guest: prestart and create_runtime. After
  // this, failed or not, those of poststop are due: they are run by HideRootfs, or by Stop at last. Errors:
  // as RunHook.
  Status RunCreateHooks(const ContainerConfig& container, Deadline deadline);
  // Of a container that was there when this was taken over: its poststop hooks are due.
  void KeepStopHooks(const ContainerConfig& container);
  // The hooks of one whose program runs. Failures are logged.
  void RunStartHooks(const ContainerConfig& container, Deadline deadline) const;

  // Lets the guest power off, and makes it if it does not; all is gone when this returns. Then it runs the
  // poststop hooks of the containers that are gone with it. Idempotent.
  Status Stop(Deadline deadline);

  const std::shared_ptr<Agent>& agent() const { return agent_; }
  Hypervisor& hypervisor() { return *hypervisor_; }

  // What to note of it. Complete after Connect.
  const VmRecord& record() const { return record_; }
  std::vector<ProcessIdentity> helpers() const;

  // The tag of the share; empty if there is none.
  std::string share_tag() const;
  // How many descriptors virtiofsd may have; 0 if there is none.
  uint64_t share_descriptors() const { return share_ ? share_->descriptors() : 0; }

 private:
  PodVm(Options options, std::unique_ptr<Hypervisor> hypervisor, std::shared_ptr<Agent> agent)
      : options_(std::move(options)), hypervisor_(std::move(hypervisor)), agent_(std::move(agent)) {}

  Result<HypervisorConfig> ResolveHypervisor() const;
  Status LaunchShare(VmConfig& vm, Deadline deadline);
  // A container with the guest's paths, as it came without a VM that has a share, and the host's path of
  // each.
  struct Shown {
    GuestContainer container;
    std::vector<std::pair<std::string, std::string>> paths;
  };
  Result<Shown> ShowFiles(ContainerConfig container);
  Result<VmInfo> LaunchVmm(const VmConfig& vm, Deadline deadline);
  VmConfig Describe() const;
  SharedRootfs::Options ShareOptions();
  void LimitConsole();
  void RunLate(const char* turn, const std::vector<Hook>& hooks, const std::string& state,
               Deadline deadline) const;
  void RunStopHooks(const ContainerConfig& container, Deadline deadline) const;
  // virtiofsd has ended, and with it every file of the guest's.
  void LoseShare(const std::string& reason);
  bool has_guest() const { return agent_->name() != "noop"; }

  const Options options_;
  const std::unique_ptr<Hypervisor> hypervisor_;
  const std::shared_ptr<Agent> agent_;
  std::unique_ptr<SharedRootfs> share_;
  std::vector<Mount> files_;  // that every container is given
  UniqueFd share_socket_;
  VmRecord record_;
  std::unique_ptr<ConsoleLimit> console_;
  std::thread watcher_;
  bool taken_over_ = false;

  std::mutex mutex_;
  std::string lost_share_;                         // why the VM was ended from here; under mutex_
  std::map<std::string, ContainerConfig> hooked_;  // those whose poststop hooks are due; under mutex_
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_POD_VM_H_
