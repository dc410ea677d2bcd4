// What a pod's monitor does: the pod's operations while it runs, and its record. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_POD_MONITOR_H_
#define VIRTCONTAINERS_SRC_MONITOR_POD_MONITOR_H_

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "monitor/container_log.h"
#include "monitor/event_writer.h"
#include "monitor/pod_vm.h"
#include "monitor/process_table.h"
#include "pod/effects.h"
#include "pod/state_machine.h"
#include "pod/store.h"
#include "virtcontainers/monitor.h"

namespace virtcontainers {

// One running pod. Thread-safe: the operations that change it take turns, the others do not wait for them.
//
// The record on disk is written after each change, by nobody else while this lives, and before anybody is
// told of the change.
class PodMonitor {
 public:
  PodMonitor(const MonitorParts& parts, PodFiles files, std::string guest);
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
  Status CreateContainer(const ContainerConfig& config, Deadline deadline);
  Status DeleteContainer(const std::string& id, Deadline deadline);
  Status StartContainer(const std::string& id, Deadline deadline);
  Status StopContainer(const std::string& id, std::chrono::milliseconds grace, Deadline deadline);

  Status PausePod(Deadline deadline);
  Status ResumePod(Deadline deadline);
  Status PauseContainer(const std::string& id, Deadline deadline);
  Status ResumeContainer(const std::string& id, Deadline deadline);
  Status KillContainer(const std::string& id, int signal, Deadline deadline);
  Status UpdateContainer(const std::string& id, const ContainerResources& resources, Deadline deadline);
  Result<PodStats> StatsPod(Deadline deadline);
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
  ProcessRef RefOf(const std::string& container, const std::string& exec) const;
  Status CheckProcess(const ProcessRef& process) const { return processes_->Check(process); }
  ProcessTable& processes() { return *processes_; }
  Agent& agent() { return *agent_; }

 private:
  // A container's exit is awaited here by those who stop it.
  bool WaitForState(std::unique_lock<std::mutex>& lock, const std::string& container, ContainerState state,
                    Deadline deadline);

  // An operation that comes to its turn when nobody waits for it any more does nothing.
  static Status CheckTurn(Deadline deadline);
  // A container that has ended is not touched before that is written down and told.
  void AwaitEnding(const std::string& id);
  Status Forget(const ContainerRecord& container);

  Result<PodConfig> Load();
  Status Serve(const std::function<Status()>& serve);
  // Of a VM that has gone: what else there was goes, and the journal says so.
  void RemoveEffects(const Status& stopped);
  Result<std::unique_ptr<PodVm>> MakeVm(const PodConfig& config);
  Status Boot(const PodConfig& config, Deadline deadline, const std::function<Status()>& serve);
  Status PrepareGuest(const PodConfig& config, Deadline deadline);
  Status CreateInGuest(const ContainerConfig& config, Deadline deadline);
  Status StartInGuest(const ContainerConfig& config, Deadline deadline);
  // A container's life has begun.
  static void NoteStart(ContainerRecord& container);
  // From the creation of a container in the guest until it is started or removed: writes down an end that it
  // has in between, by a signal or for lack of memory.
  void WatchUnstarted(const std::string& id);
  void ForgetUnstarted(const std::string& id);
  // From its start on, or from a take-over on: reads what the container logs, and waits for its end.
  void Follow(const std::string& id, const std::shared_ptr<ContainerLog>& log);
  // The same of an executed process. `tell_start`, if given, is called before its end is told.
  void FollowExec(const std::string& container, const std::string& name, bool tell_end,
                  const std::function<void()>& tell_start = {});

  // What a take-over finds (pod_monitor_takeover.cc).
  class Past;
  Status AdoptGuest(const PodConfig& config, Deadline deadline);
  Status AdoptContainer(const ContainerRecord& record, const GuestState::Container& found, const Past& past);
  void AdoptExec(const std::string& container, const std::string& exec, const Past& past);
  // An end that is written down, if nobody has been told of it.
  void TellStopped(const ContainerRecord& record, const Past& past);
  GuestState GuestOfRecord() const;

  void PumpOutput(const std::string& container, const std::shared_ptr<ContainerLog>& log,
                  OutputStream stream);
  void FinishContainer(const std::string& id);
  void RemoveFromGuest(const std::string& id, Deadline deadline);
  Status StopInGuest(const std::string& id, std::chrono::milliseconds grace, Deadline deadline);
  void StopAllInGuest(std::chrono::milliseconds grace, Deadline deadline);
  void VmExited(const VmExit& exit);
  // Whether the call is legal on that container now.
  Result<Step> Check(const std::string& id, ContainerCall call) const;
  Status SetPodState(PodState from, PodState to);
  // A guest knows of a container's end before that is written down. What it refuses for that is said in the
  // words of the container's state, as soon as there are any.
  Error Restate(const std::string& id, ContainerCall call, Error error);
  // The same of a VM's end.
  Error RestatePod(PodCall call, Error error);
  Status SetContainerState(const std::string& id, ContainerState state);
  // For pausing and resuming: `there` is done, and `back` as well if the new state cannot be written down.
  Status SwitchContainer(const std::string& id, ContainerState from, ContainerState to,
                         const std::function<Status(Deadline)>& there,
                         const std::function<Status(Deadline)>& back, Deadline deadline);
  void WatchOom();
  // Writes an event; those of a start once it has succeeded.
  void Tell(EventType type, const std::string& container = "", const std::string& process = "",
            std::optional<ExitStatus> exit = {}, const std::string& reason = "");
  Result<ContainerRecord> Record(const std::string& container, PodState* pod_state = nullptr) const;
  // Errors: those of writing the record down; the change holds nevertheless, and is written as soon as that
  // is possible again.
  Status Change(const std::function<void(PodRecord&)>& change);
  Status Save();
  void EnterStopped(const std::string& reason);

  // What undoing something may take, when nobody may be waiting any more.
  static constexpr std::chrono::seconds kUndo{10};

  // What is to come before a container is said to have stopped: its exit, and the ends of its logged output.
  struct Ending {
    int open = 0;
    Result<ExitStatus> exit = ExitStatus{};
    std::shared_ptr<ContainerLog> log;
    std::function<void()> tell;  // those who wait for the process
    bool unstarted = false;      // the container was never started

    static Ending Of(std::shared_ptr<ContainerLog> log) {
      return {.open = log ? 3 : 1, .log = std::move(log), .tell = {}};
    }
    static Ending OfUnstarted(const ExitStatus& exit) {
      return {.exit = exit, .log = {}, .tell = [] {}, .unstarted = true};
    }
  };
  void RecordEnding(const std::string& id, const Ending& ending);
  void RecordEndings();
  // Takes back a start that could not be written down.
  void UndoStart(const ContainerRecord& before);
  // Of one that did not succeed: the container is stopped, with the reason.
  void NoteFailedStart(const ContainerConfig& config, const Error& error);

  const MonitorParts& parts_;
  const PodFiles files_;
  const std::string guest_;
  std::unique_ptr<Effects> effects_;
  std::string pod_;
  std::string sandbox_;  // the pod's name in the guest: no container can have it

  std::mutex operation_;  // held by operations that change the pod; before mutex_

  std::mutex telling_end_;  // from a change to an end until its event: of a container, of the pod
  std::mutex saving_;       // held while the record is written; before mutex_
  uint64_t saved_ = 0;      // the version that is on disk; under saving_

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  PodRecord record_;
  uint64_t version_ = 0;                   // of the record
  bool unsaved_ = false;                   // the last attempt to write it failed
  std::optional<PodRecord> before_;        // what there was before a start that is under way
  std::map<std::string, Ending> endings_;  // of containers that run, or whose end has not been told yet
  // Containers that are made in the guest and not started, each with the number of its making.
  std::map<std::string, uint64_t> unstarted_;
  uint64_t makings_ = 0;
  bool stopping_ = false;  // StopPod is under way: the VM's end is no accident
  bool starting_ = false;  // also while a start is undone
  bool stopped_ = false;

  std::set<std::string> in_guest_;  // containers that the guest knows; under operation_
  bool taken_over_ = false;
  std::unique_ptr<EventWriter> events_;
  std::vector<Event> untold_;  // of a start that may yet be undone; under mutex_
  std::unique_ptr<PodVm> vm_;
  std::shared_ptr<Agent> agent_;  // the VM's
  std::unique_ptr<ProcessTable> processes_;

  // Containers whose end is to be written down, by a thread of its own: the agent's must not wait for a disk.
  std::deque<std::pair<std::string, Ending>> ended_;  // under mutex_
  std::condition_variable ended_changed_;
  bool destroying_ = false;
  std::thread recorder_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_POD_MONITOR_H_
