// How many files this process, and those that it starts, may have open. Host only.

#ifndef VIRTCONTAINERS_SRC_OS_DESCRIPTOR_LIMIT_H_
#define VIRTCONTAINERS_SRC_OS_DESCRIPTOR_LIMIT_H_

#include <cstdint>
#include <string_view>

#include "virtcontainers/error.h"

namespace virtcontainers {

// As many as the hard limit allows. The soft one is low for programs that use select(2). (systemd.exec(5),
// LimitNOFILE) What cannot be raised stays as it is.
void RaiseDescriptorLimit();

// The limit of this process.
Result<uint64_t> DescriptorLimit();

// Errors: ResourceExhausted if `limit` is below `least`, which `who` needs.
Status CheckDescriptorLimit(uint64_t limit, uint64_t least, std::string_view who);

// How many a program may have that this process starts and that raises its own limit to `most`, if it may:
// with CAP_SYS_RESOURCE `most`, or what the kernel allows any process; without, the hard limit of this
// process.
uint64_t HighestDescriptorLimit(uint64_t most);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_DESCRIPTOR_LIMIT_H_
