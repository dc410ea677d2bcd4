// Block devices of the VM, as the host names them.

#ifndef VIRTCONTAINERS_GUEST_AGENT_SANDBOX_BLOCK_DEVICE_H_
#define VIRTCONTAINERS_GUEST_AGENT_SANDBOX_BLOCK_DEVICE_H_

#include <chrono>
#include <string>

#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// How long a device that was plugged in may take to be there.
inline constexpr std::chrono::milliseconds kHotplugLimit{3000};

// The node of `source`: "/dev/vdb", or the PCI path "02/01" (slots of the bridges from the root to the
// device, in hex). Blocks until it is there, at most `limit`; NOT_FOUND then. Loads virtio_blk if the image
// has it as a module.
Result<std::string> FindBlockDevice(const std::string& source, std::chrono::milliseconds limit);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_SANDBOX_BLOCK_DEVICE_H_
