// The devices of a mock VM. Host only.

#ifndef VIRTCONTAINERS_SRC_HYPERVISOR_MOCK_MOCK_DEVICES_H_
#define VIRTCONTAINERS_SRC_HYPERVISOR_MOCK_MOCK_DEVICES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "virtcontainers/device.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// Written to <run_dir>/mock-devices, so that a monitor that takes the VM over finds them; without a run_dir
// only this object knows them. Thread-compatible.
class MockDevices {
 public:
  MockDevices(const std::string& run_dir, uint32_t slots);

  // As Hypervisor::AddDevice and RemoveDevice of a guest that lets go at once. Errors: ResourceExhausted when
  // all slots are taken; FailedPrecondition for an image that another disk writes.
  Result<GuestAddress> Add(const Device& device);
  Status Remove(const std::string& id);
  // Forgets those of an earlier VM.
  void Clear();
  bool Has(const std::string& id) const;
  std::vector<PluggedDevice> List() const;

 private:
  struct Entry {
    std::string id;
    std::string slot;   // "-" for memory
    std::string image;  // the disk's file, "-" for other devices
    bool readonly = false;
  };
  Status Save(const std::vector<Entry>& entries);

  const std::string path_;
  const uint32_t slots_;
  std::vector<Entry> entries_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_HYPERVISOR_MOCK_MOCK_DEVICES_H_
