// A pod's operations while it runs. Host only.
//
//   PodMonitor       the operations: whose turn it is, whether a call is legal, in which order the parts act
//   ├─ RecordKeeper      what is written of the pod
//   ├─ EventOutbox       what is told of it
//   ├─ PodVm             the VM, with its attachments and the link to the guest
//   ├─ ProcessTable      the processes that somebody may wait for, read from and write to
//   ├─ ExitRecorder      how they end
//   ├─ SocketForwards    the host's sockets that appear in containers
//   ├─ GuestContainers   the containers that the guest has
//   └─ Reconciler        a take-over: record and guest are brought to agree

#ifndef VIRTCONTAINERS_SRC_MONITOR_POD_MONITOR_H_
#define VIRTCONTAINERS_SRC_MONITOR_POD_MONITOR_H_

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "monitor/event_outbox.h"
#include "monitor/exit_recorder.h"
#include "monitor/guest_containers.h"
#include "monitor/pod_vm.h"
#include "monitor/process_table.h"
#include "monitor/record_keeper.h"
#include "monitor/socket_forwards.h"
#include "pod/effects.h"
#include "pod/state_machine.h"
#include "pod/store.h"
#include "virtcontainers/monitor.h"

namespace virtcontainers {

// One running pod. Thread-safe: the operations that change the pod take turns (operation_), the others do not
// wait for them. The record on disk is written after each change, and before anybody is told of the change.
class PodMonitor {
 public:
  // `descriptors`: of networks of kind kDescriptor, by their names.
  PodMonitor(const MonitorParts& parts, PodFiles files, std::string guest,
             std::map<std::string, UniqueFd> descriptors = {});
  ~PodMonitor();

  // Boots the VM and starts all containers, or undoes what was done of it. Once, before anything else.
  // `serve` makes the pod reachable, last of all: a pod that is said to run can be called.
  Status Start(Deadline deadline, const std::function<Status()>& serve = {});

  // Instead of Start: goes on with a pod whose monitor died while it ran. What that one knew is asked of the
  // guest. Errors: the VM and what runs in it are as they were.
  Status TakeOver(Deadline deadline, const std::function<Status()>& serve = {});

  // Blocks until the pod has stopped, by StopPod or because the VM died, and the record says so.
  void WaitUntilStopped();

  // As Runtime has them.
  Status StopPod(std::chrono::milliseconds grace, Deadline deadline);
  Status PausePod(Deadline deadline);
  Status ResumePod(Deadline deadline);
  Result<PodStats> StatsPod(Deadline deadline);
  Status AddNetwork(const NetworkConfig& config, UniqueFd descriptor, Deadline deadline);
  Status RemoveNetwork(const std::string& network, Deadline deadline);
  Status AddRoute(const std::string& network, const Route& route, Deadline deadline);
  Status RemoveRoute(const std::string& network, const Route& route, Deadline deadline);

  Status CreateContainer(const ContainerConfig& config, Deadline deadline);
  Status DeleteContainer(const std::string& id, Deadline deadline);
  Status StartContainer(const std::string& id, Deadline deadline);
  Status StopContainer(const std::string& id, std::chrono::milliseconds grace, Deadline deadline);
  Status PauseContainer(const std::string& id, Deadline deadline);
  Status ResumeContainer(const std::string& id, Deadline deadline);
  Status KillContainer(const std::string& id, int signal, Deadline deadline);
  Status UpdateContainer(const std::string& id, const ContainerResources& resources, Deadline deadline);
  Result<ContainerStats> StatsContainer(const std::string& id, Deadline deadline);
  Result<std::vector<ProcessInfo>> ProcessListContainer(const std::string& id, Deadline deadline);
  Status CopyFile(const std::string& id, const FileChunk& chunk, Deadline deadline);

  // `name` is the process's, and no other's: asked for twice, it is executed once. An empty `container` is
  // the pod's own root.
  Status Exec(const std::string& container, const std::string& name, const ProcessConfig& config,
              Deadline deadline);

  // Whether AttachContainer is legal.
  Status CheckAttach(const std::string& container);

  // The processes by the names that callers use; an empty container is the pod's own root.
  ProcessRef RefOf(const std::string& container, const std::string& exec) const {
    return vm_->RefOf(container, exec);
  }
  Status CheckProcess(const ProcessRef& process) const { return processes_->Check(process); }
  ProcessTable& processes() { return *processes_; }
  Agent& agent() { return *vm_->agent(); }

 private:
  // What is stopped, and says so when it has: pod_monitor.cc.
  Status Load();
  Status MakeParts(bool taken_over);
  Status Boot(Deadline deadline, const std::function<Status()>& serve);
  Status Serve(const std::function<Status()>& serve);
  // Of a VM that has gone: what else there was goes, and the journal says so.
  void RemoveEffects(const Status& stopped);
  void VmExited(const VmExit& exit);
  void EnterStopped(const std::string& reason);
  void WatchOom();

  // Runs an operation that changes the pod when its turn has come. One whose turn comes when nobody waits for
  // it any more does nothing.
  template <typename F>
  auto Locked(Deadline deadline, F operation) -> decltype(operation()) {
    const std::lock_guard turn(operation_);
    if (deadline.passed()) {
      return tl::unexpected<Error>(Error(Code::kDeadlineExceeded, "another operation is still under way"));
    }
    return operation();
  }
  // Whether the call is legal now.
  Result<Step> Check(PodCall call) const;
  Result<Step> Check(const std::string& id, ContainerCall call) const;
  // The record of a container for which the call is legal. Waits for the end of a container that has ended to
  // be recorded.
  Result<ContainerRecord> CheckedRecord(const std::string& id, ContainerCall call);
  // A guest knows of a container's end before that is written down. What it refuses for that is said in the
  // words of the container's state, as soon as there are any. The same of a VM's end.
  Error Restate(const std::string& id, ContainerCall call, Error error);
  Error RestatePod(PodCall call, Error error);

  // Runs a change of the networks and writes down how they are then, whether it succeeded or not. A change
  // that cannot be written down is undone by `undo`, if there is one.
  Status ChangeNetworks(Deadline deadline, const std::function<Status()>& change,
                        const std::function<Status(Deadline)>& undo = {});
  // The same of a change of a network's routes.
  Status ChangeRoutes(const std::string& network, const std::function<Status()>& change, Deadline deadline);
  Status SetPodState(PodState from, PodState to);
  // For pausing and resuming: `there` is done, and `back` as well if the new state cannot be written down.
  Status SwitchContainer(const std::string& id, ContainerState from, ContainerState to,
                         const std::function<Status(Deadline)>& there,
                         const std::function<Status(Deadline)>& back, Deadline deadline);
  Status Forget(const ContainerRecord& container);
  // Of a start that did not succeed: the container is stopped, with the reason.
  void NoteFailedStart(const ContainerConfig& config, const Error& error);

  const MonitorParts& parts_;
  const PodFiles files_;
  const std::string guest_image_;
  const std::string pod_;
  std::map<std::string, UniqueFd> descriptors_;  // until Start

  std::mutex operation_;  // held by operations that change the pod; before every other lock

  RecordKeeper keeper_;
  PodConfig config_;  // of Load
  std::unique_ptr<Effects> effects_;
  std::unique_ptr<EventOutbox> events_;
  std::unique_ptr<PodVm> vm_;
  std::unique_ptr<ProcessTable> processes_;
  std::unique_ptr<ExitRecorder> exits_;
  std::unique_ptr<SocketForwards> forwards_;
  std::unique_ptr<GuestContainers> guest_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_POD_MONITOR_H_
