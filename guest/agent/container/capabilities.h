// Linux capabilities of a process.

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONTAINER_CAPABILITIES_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONTAINER_CAPABILITIES_H_

#include <cstdint>
#include <string_view>

#include "oci.pb.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// One bit per capability, by its number in the kernel.
struct CapabilitySets {
  uint64_t bounding = 0;
  uint64_t effective = 0;
  uint64_t inheritable = 0;
  uint64_t permitted = 0;
  uint64_t ambient = 0;
};

// The number of "CAP_CHOWN" (in any case, with or without the prefix), or -1.
int CapabilityNumber(std::string_view name);

// Names that are not known are logged and left out, as runc does.
CapabilitySets ParseCapabilities(const grpc::LinuxCapabilities& capabilities);

// The steps of a process that is becoming somebody else; each acts on the caller. The bounding set goes first
// (dropping takes a capability itself), the rest last.
Status DropBoundingSet(uint64_t keep);
Status SetCapabilities(const CapabilitySets& sets);

// Makes everything that is permitted effective again, as it is not after a change of user.
Status RaisePermittedCapabilities();

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONTAINER_CAPABILITIES_H_
