// What a VM is given of the host: one life for shares, files, hooks, disks and networks. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_ATTACHMENT_H_
#define VIRTCONTAINERS_SRC_MONITOR_ATTACHMENT_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pod/record.h"
#include "virtcontainers/agent.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/device.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// A container on its way from its configuration to the guest. Attachments change it one after the other.
struct ContainerOnItsWay {
  GuestContainer container;
  // Mounts of `container` that are left out where no mount point can be made for them.
  std::vector<Mount> optional_mounts;
  // Paths of the guest in `container`, each with the path of the host in whose place it is. Error messages of
  // the guest are given the host's.
  std::vector<std::pair<std::string, std::string>> paths;
};

// One thing that a VM is given. Its life:
//
//   Prepare ─► devices ─► Plugged ─► Introduce ─► (Show, Hide) … ─► Release
//   Adopt in the place of the first four, in a process that takes the pod over
//
// Attachments write their effects on the host through Effects: an attachment whose process is killed at any
// step is undone by the next owner of the pod, or adopted. The calls of one object come one at a time, but
// for record(), which any thread may call after Prepare or Adopt. Calls block until their deadline at most.
class Attachment {
 public:
  // Kills and closes what Release has not, unless Leave was called.
  virtual ~Attachment() = default;

  // Unique in the pod, and in the pod's record.
  virtual std::string_view name() const = 0;

  // Makes on the host what the devices need. Nothing is left of a failure.
  virtual Status Prepare(Deadline deadline) = 0;

  // The devices for the VM. Legal after Prepare, until Plugged.
  virtual std::vector<Device> devices() const { return {}; }

  // The VMM, which is process `vm`, has the devices: descriptors that were only for it are closed.
  virtual Status Plugged(const ProcessIdentity& vm, Deadline deadline) {
    (void)vm, (void)deadline;
    return {};
  }

  // Adds to what the guest is told of the pod, before the first container.
  virtual void Describe(SandboxConfig& sandbox) const { (void)sandbox; }

  // The devices are about to be taken out of a VM that goes on: it is no fault if what is behind them ends.
  virtual void BeforeUnplug() {}

  // Tells the guest of the devices, by calls of the agent, when the pod's sandbox is there.
  virtual Status Introduce(Agent& agent, Deadline deadline) {
    (void)agent, (void)deadline;
    return {};
  }

  // Shows the guest what a container needs of the attachment. Nothing is left of a failure.
  virtual Status Show(ContainerOnItsWay& container) {
    (void)container;
    return {};
  }

  // Undoes Show. Idempotent, also for a container that was never shown.
  virtual Status Hide(const std::string& container) {
    (void)container;
    return {};
  }

  // What the next monitor needs to adopt the attachment. Its processes are those that the VM cannot do
  // without.
  virtual AttachmentRecord record() const {
    return {.name = std::string(name()), .processes = {}, .devices = {}, .network = {}};
  }

  // Goes on with what another object's Prepare made, in a process that has died since. `record` is that
  // object's record(), or null if the pod's record has none. Errors: NotFound when what is needed has ended;
  // the VM is as it was.
  virtual Status Adopt(const AttachmentRecord* record, Deadline deadline) = 0;

  // Undoes all of it. The VM has ended, or has let go of the devices. Idempotent; legal in any state, also of
  // what Prepare or Adopt made by half.
  virtual Status Release(Deadline deadline) = 0;

  // Leaves everything as it is when the object is destroyed, for another monitor.
  virtual void Leave() {}
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_ATTACHMENT_H_
