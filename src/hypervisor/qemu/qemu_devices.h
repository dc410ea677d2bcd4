// The devices of a QEMU that runs: plugged, removed and listed by QMP. Host only.

#ifndef VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_QEMU_DEVICES_H_
#define VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_QEMU_DEVICES_H_

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "hypervisor/qemu/device_plan.h"
#include "hypervisor/qemu/qmp_client.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/device.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// Keeps no list of its own: QEMU knows what it has, also of what another process plugged. Thread-safe, but
// for Add and Remove, which the caller calls one at a time.
class QemuDevices {
 public:
  // `slots` is the number of slots behind q35's bridges; 0: nothing can be plugged.
  explicit QemuDevices(uint32_t slots) : slots_(slots) {}

  // As Hypervisor has them. The caller has checked the device, and that the machine plugs its kind.
  Result<GuestAddress> Add(QmpClient& qmp, const Device& device, Deadline deadline);
  Status Remove(QmpClient& qmp, const std::string& id, Deadline deadline);
  Result<std::vector<PluggedDevice>> List(QmpClient& qmp, Deadline deadline);

  // Takes every event of QEMU, on the reading thread of the client.
  void HandleEvent(const QmpEvent& event);

 private:
  struct Found {
    std::string id;
    bool has_slot = false;
    DeviceSlot slot;
  };
  Result<std::vector<Found>> Find(QmpClient& qmp, Deadline deadline);
  Result<std::vector<std::string>> SendDescriptors(QmpClient& qmp, const Device& device, Deadline deadline);
  Status Plug(QmpClient& qmp, const DevicePlan& plan, Deadline deadline);
  // Removes the parts of a device that is not there.
  Status RemoveParts(QmpClient& qmp, const std::string& id, Deadline deadline);
  Status AwaitRemoval(QmpClient& qmp, const std::string& id, Deadline deadline);

  const uint32_t slots_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> removed_;               // by QEMU's ids; under mutex_
  std::map<std::string, std::string> refused_;  // by the guest, with its reason; under mutex_
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_QEMU_DEVICES_H_
