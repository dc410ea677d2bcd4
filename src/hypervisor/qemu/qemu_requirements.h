// What QEMU requires of a VM's configuration and of the host. Host only.

#ifndef VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_QEMU_REQUIREMENTS_H_
#define VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_QEMU_REQUIREMENTS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "virtcontainers/device.h"
#include "virtcontainers/error.h"
#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

// The program's path without links: a confined QEMU is shown the directory that it is in. `configured` is
// empty for the default. Errors: NotFound.
Result<std::string> FindQemu(const std::string& configured);

// Errors: those of a kernel, initrd or firmware that cannot be read, naming it.
Status CheckFiles(const HypervisorConfig& config);

// As Hypervisor::features.
Result<HypervisorFeatures> QemuFeatures(const HypervisorConfig& config, const ResourceConfig& resources);

// How many devices can be plugged into a VM that runs.
uint32_t SlotsOf(const HypervisorConfig& config);

// The error of a device for a machine without slots.
Error NotPlugged(std::string_view kind, const std::string& id);

// CheckDevice, and what a VM of this size can have.
Status CheckDeviceOf(const ResourceConfig& resources, const Device& device);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_QEMU_REQUIREMENTS_H_
