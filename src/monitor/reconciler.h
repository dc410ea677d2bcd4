// The record of a pod and its guest, brought to agree after a monitor's death. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_RECONCILER_H_
#define VIRTCONTAINERS_SRC_MONITOR_RECONCILER_H_

#include <string>

#include "monitor/event_outbox.h"
#include "monitor/exit_recorder.h"
#include "monitor/guest_containers.h"
#include "monitor/pod_vm.h"
#include "monitor/record_keeper.h"
#include "monitor/reported_events.h"

namespace virtcontainers {

// Its one job: what a take-over finds becomes what a monitor that never died would have
// (docs/architecture.md, "Taking over"): the guest decides what runs, the record decides what was requested.
// Used once, by one thread.
class Reconciler {
 public:
  // All of them outlive the object.
  struct Parts {
    PodVm& vm;
    RecordKeeper& keeper;
    EventOutbox& events;
    ExitRecorder& exits;
    GuestContainers& guest;
    SocketForwards& forwards;
  };
  explicit Reconciler(const Parts& parts);

  // Of a VM whose agent is connected. Errors: those of the guest and of writing the record; the guest is as
  // it was.
  Status Run(Deadline deadline);

 private:
  // What a guest that cannot say it must have in it.
  GuestState GuestOfRecord() const;
  Status AdoptContainer(const ContainerRecord& record, const GuestState::Container& found);
  void AdoptExec(const std::string& container, const std::string& exec);
  // A container that the guest does not have.
  Status AdoptMissing(const ContainerRecord& record);
  // Emits an end that is written down and has not been reported.
  void EmitStopped(const ContainerRecord& record);

  const Parts parts_;
  const ReportedEvents reported_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_RECONCILER_H_
