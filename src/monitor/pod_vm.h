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

#include "monitor/console_limit.h"
#include "pod/paths.h"
#include "pod/record.h"
#include "storage/shared_rootfs.h"
#include "virtcontainers/agent.h"
#include "virtcontainers/hypervisor.h"
#include "virtcontainers/monitor.h"

namespace virtcontainers {

// Launch, Connect, and at the end Stop. Thread-safe after Connect.
class PodVm {
 public:
  struct Options {
    PodConfig config;
    PodPaths paths;
    std::string guest;  // the directory of the guest image
    // Called once from a thread of the object's own when the VM has ended, by itself or not; the agent's
    // calls have failed by then or are about to. Must not destroy the object.
    std::function<void(const VmExit&)> on_exit;
  };

  // Errors: InvalidArgument for a type that `parts` do not have.
  static Result<std::unique_ptr<PodVm>> Create(const MonitorParts& parts, Options options);

  // Kills what still runs.
  ~PodVm();

  // Starts the processes: virtiofsd and the VMM. Errors: NotFound for what is missing on the host, naming it.
  Status Launch(Deadline deadline);

  // Waits for the agent. Errors: Aborted for a guest that does not come up, with the cause and the console's
  // last lines.
  Status Connect(Deadline deadline);

  // What to tell of a boot that failed with `error`: the cause, as far as the VM's end and its console say.
  Error ExplainBootFailure(const Error& error) const;

  // Shows the guest what a container needs of the host's files: its root file system, the sources of its bind
  // mounts, and the pod's own files that it has none of. Answers the container with the guest's paths, as it
  // came without a VM that has a share; nothing is shown after a failure. Errors: NotFound, naming the path.
  Result<GuestContainer> ShowFiles(ContainerConfig container);
  // Takes all of it away, of a container that is gone from the guest, and runs its poststop hooks.
  Status HideRootfs(const std::string& container);

  // The hooks on the host of a container that has been made in the guest: prestart and create_runtime. After
  // this, failed or not, those of poststop are due: they are run by HideRootfs, or by Stop at last. Errors:
  // as RunHook.
  Status RunCreateHooks(const ContainerConfig& container, Deadline deadline);
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

 private:
  PodVm(Options options, std::unique_ptr<Hypervisor> hypervisor, std::shared_ptr<Agent> agent)
      : options_(std::move(options)), hypervisor_(std::move(hypervisor)), agent_(std::move(agent)) {}

  Result<HypervisorConfig> ResolveHypervisor() const;
  bool has_guest() const { return agent_->name() != "noop"; }

  const Options options_;
  const std::unique_ptr<Hypervisor> hypervisor_;
  const std::shared_ptr<Agent> agent_;
  std::unique_ptr<SharedRootfs> share_;
  std::vector<Mount> files_;  // that every container is given
  AgentAddress address_;
  VmRecord record_;
  std::unique_ptr<ConsoleLimit> console_;
  std::thread watcher_;

  std::mutex mutex_;
  std::map<std::string, ContainerConfig> hooked_;  // those whose poststop hooks are due; under mutex_
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_POD_VM_H_
