// How QEMU makes a device: the parts of QEMU that stand behind the device, and the device itself. Pure. Host
// only.
//
// The same plan is carried out by QMP for a VM that runs, and written as arguments for one that is to start.

#ifndef VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_DEVICE_PLAN_H_
#define VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_DEVICE_PLAN_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "virtcontainers/device.h"

namespace virtcontainers {

// The slots of q35 for devices: conventional PCI bridges, each with 32 slots that can be plugged and
// unplugged by ACPI (docs/decisions/0023-devices-behind-a-pci-bridge.md).
inline constexpr uint32_t kSlotsOfBridge = 32;
inline constexpr uint32_t kFirstBridgeSlot = 0x10;  // of the root complex

struct DeviceSlot {
  uint32_t index = 0;  // from 0; kSlotsOfBridge of them are behind each bridge
};

uint32_t BridgesFor(uint32_t slots);
std::string BridgeId(uint32_t bridge);
GuestAddress AddressOf(DeviceSlot slot);

// The names of a device in QEMU: in QMP's device_add, and of its parts.
std::string QemuDeviceId(std::string_view id);

// The descriptors that QEMU gets for a device, in the order of DevicePlan's names.
std::vector<int> DescriptorsOf(const Device& device);

// A command of QMP with its arguments.
struct QmpStep {
  std::string command;
  Json arguments;
};

struct DevicePlan {
  std::vector<QmpStep> parts;  // made in this order
  Json device;                 // the arguments of device_add
};

// The bus that a device is plugged into.
enum class DeviceBus {
  kPci,   // q35
  kMmio,  // microvm, whose devices are there from the start
};

// `descriptors` are QEMU's names of DescriptorsOf: a number of an inherited descriptor, or a name given by
// `getfd`; of a disk the number of a descriptor set. `slot` has no meaning for kMmio and for memory.
DevicePlan PlanDevice(const Device& device, DeviceBus bus, DeviceSlot slot,
                      const std::vector<std::string>& descriptors);

// The plan as arguments: "-blockdev", "{…}", …, "-device", "{…}".
std::vector<std::string> ArgumentsOf(const DevicePlan& plan);

// The commands that remove every part that any device with this id can have, in an order that works. A part
// that is not there makes its command fail.
std::vector<QmpStep> RemovalOfParts(std::string_view id);

// The name that getfd gives descriptor number `index` of a device.
std::string DescriptorName(std::string_view id, size_t index);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_DEVICE_PLAN_H_
