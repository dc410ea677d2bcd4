// The containers that the guest has: made, started, stopped, removed. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_GUEST_CONTAINERS_H_
#define VIRTCONTAINERS_SRC_MONITOR_GUEST_CONTAINERS_H_

#include <chrono>
#include <set>
#include <string>

#include "monitor/event_outbox.h"
#include "monitor/exit_recorder.h"
#include "monitor/pod_vm.h"
#include "monitor/process_table.h"
#include "monitor/record_keeper.h"
#include "monitor/socket_forwards.h"
#include "virtcontainers/config.h"

namespace virtcontainers {

// Its one job: what the guest has of a container, and what the host has made for it, are there together or
// not at all, and the record says so. Thread-compatible: the operations that change the pod take turns
// (PodMonitor). Calls block until their deadline at most.
class GuestContainers {
 public:
  // All of them outlive the object.
  struct Parts {
    PodVm& vm;
    RecordKeeper& keeper;
    EventOutbox& events;
    ExitRecorder& exits;
    ProcessTable& processes;
    SocketForwards& forwards;
  };
  // `taken_over`: another monitor may have left parts of containers that the record does not have.
  GuestContainers(const Parts& parts, bool taken_over) : parts_(parts), taken_over_(taken_over) {}

  bool Has(const std::string& id) const { return known_.count(id) != 0; }
  // The guest of a taken over pod has the container.
  void Adopt(const ContainerConfig& config);

  // Makes a container in the guest and runs its create hooks. Nothing is left of a failure.
  Status Create(const ContainerConfig& config, Deadline deadline);
  // Starts a container that was made, writes down that it runs, and emits the event. A container whose start
  // fails in the guest is removed from it; one that runs and could not be written down is still there, for
  // UndoStart.
  Status Start(const ContainerConfig& config, Deadline deadline);
  // Takes back a start that could not be written down: the record of the container is `before` again.
  void UndoStart(const ContainerRecord& before);
  // Removes a container that has ended or was never started. Errors: those of the agent and of hiding its
  // files; then the call may be repeated.
  Status Remove(const std::string& id, Deadline deadline);
  // The same, whatever fails.
  void Discard(const std::string& id, Deadline deadline);

  // SIGTERM, and SIGKILL after `grace`. Errors: DeadlineExceeded.
  Status Stop(const std::string& id, std::chrono::milliseconds grace, Deadline deadline);
  // The same of all containers that run or are paused. A guest that does not answer takes no more time than
  // one that does.
  void StopAll(std::chrono::milliseconds grace, Deadline deadline);

 private:
  Agent& agent() const { return *parts_.vm.agent(); }

  const Parts parts_;
  const bool taken_over_;
  std::set<std::string> known_;  // the containers that the guest has
};

// The beginning of a container's life, in its record.
void NoteStart(ContainerRecord& container);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_GUEST_CONTAINERS_H_
