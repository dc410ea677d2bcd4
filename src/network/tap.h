// Opening tap devices. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_TAP_H_
#define VIRTCONTAINERS_SRC_NETWORK_TAP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

inline constexpr uint32_t kMaxTapQueues = 64;

// The descriptors of a tap's queues as a VMM takes them: IFF_VNET_HDR, non-blocking, closed on exec.
using TapQueueFds = std::vector<UniqueFd>;

// A new tap in the calling thread's network namespace, down, not persistent. Errors: AlreadyExists,
// InvalidArgument for a name that no device can have or a number of queues; PermissionDenied without
// CAP_NET_ADMIN; Unimplemented without /dev/net/tun.
Result<TapQueueFds> MakeTap(const std::string& name, uint32_t queues);

// The queues of a tap that exists in the calling thread's network namespace. Never makes one, even if the tap
// goes away during the call. Errors: NotFound; FailedPrecondition for a device that is no tap, that a
// descriptor elsewhere holds, that is down, or that has one queue where several are asked for; and those of
// MakeTap.
Result<TapQueueFds> OpenTap(const std::string& name, uint32_t queues);

// Whether `name` can be a device's: 1 to 15 bytes without spaces and slashes. (dev_valid_name)
bool IsLinkName(const std::string& name);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_TAP_H_
