// The attachments of a pod, as a whole. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_ATTACHMENTS_H_
#define VIRTCONTAINERS_SRC_MONITOR_ATTACHMENTS_H_

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/attachment.h"
#include "pod/effects.h"
#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

// Prepared in order, released in reverse, adopted as a whole; one that is added to a VM that runs takes the
// same steps. Thread-compatible, since the caller's operations take turns; any thread may call record() at
// any time.
class Attachments {
 public:
  // `effects` outlives the object.
  explicit Attachments(Effects& effects) : effects_(effects) {}

  // Of a pod whose VM does not run yet. No two have one name. Returns the attachment.
  template <typename A>
  A& Add(std::unique_ptr<A> attachment) {
    A& added = *attachment;
    list_.push_back(std::move(attachment));
    return added;
  }

  // Prepares all of them. A failure releases those that were prepared.
  Status Prepare(Deadline deadline);
  // The devices of all of them, for VmConfig::devices.
  std::vector<Device> devices() const;
  // The VM that was started has the devices.
  Status Plugged(const ProcessIdentity& vm, Deadline deadline);
  void Describe(SandboxConfig& sandbox) const;
  Status Introduce(Agent& agent, Deadline deadline);

  // Adopts all of them from the records of a pod that runs. Errors: those of the first that cannot be
  // adopted.
  Status Adopt(const std::vector<AttachmentRecord>& records, Deadline deadline);
  // Takes out of an adopted VM what belongs to no attachment: devices that the dead monitor was plugging or
  // removing.
  Status RemoveStrays(Hypervisor& hypervisor, Deadline deadline);

  // Adds one to a VM that runs, as process `vm`: prepares it, plugs its devices, introduces it. Nothing is
  // left of a failure, but for devices that the guest does not let go of: those stay announced, and the next
  // attempt or owner removes them. Errors: AlreadyExists for a name that is taken; those of the steps.
  Status AddToRunning(std::unique_ptr<Attachment> attachment, Hypervisor& hypervisor, Agent& agent,
                      const ProcessIdentity& vm, Deadline deadline);
  // Takes it out of a VM that runs: unplugs the devices and releases it. Idempotent. Errors: those of
  // Hypervisor::RemoveDevice; then it is as it was, and the call may be repeated.
  Status RemoveFromRunning(std::string_view name, Hypervisor& hypervisor, Deadline deadline);

  // Shows a container to the guest by all of them. A failure hides what was shown.
  Status Show(ContainerOnItsWay& container);
  // Hides a container, in reverse. Stops at the first that fails, which is tried again by the next call.
  Status Hide(const std::string& container);

  // Releases all of them in reverse, whatever fails. Returns the first error. Idempotent.
  Status Release(Deadline deadline);
  // Leaves all of them to another monitor.
  void Leave();

  std::vector<AttachmentRecord> record() const;

 private:
  Status Plug(Attachment& attachment, Hypervisor& hypervisor, Deadline deadline);
  Status Unplug(const std::vector<std::string>& devices, Hypervisor& hypervisor, Deadline deadline);

  Effects& effects_;
  mutable std::mutex mutex_;  // held while list_ changes, and by record()
  std::vector<std::unique_ptr<Attachment>> list_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_ATTACHMENTS_H_
