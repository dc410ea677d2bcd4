// The host's time stamp counter. Host only.

#ifndef VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_TSC_H_
#define VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_TSC_H_

#include <cstdint>

namespace virtcontainers {

// How many thousand times a second it ticks; 0 if it cannot be measured. Blocks for a few milliseconds the
// first time.
uint32_t HostTscKhz();

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_TSC_H_
