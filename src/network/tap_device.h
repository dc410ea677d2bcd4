// A tap of the host that a guest uses. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_TAP_DEVICE_H_
#define VIRTCONTAINERS_SRC_NETWORK_TAP_DEVICE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "network/sender_filter.h"
#include "virtcontainers/error.h"
#include "virtcontainers/network.h"

namespace virtcontainers {

struct TapDeviceOptions {
  std::string tap;
  uint32_t queues = 1;
  NetworkLimits limits;
  std::optional<SenderRules> sender;
  // Called when nobody else can have the tap any more, before anything of it is changed. Its error is Open's.
  std::function<Status()> before_changes;
};

// In the calling thread's network namespace.
struct TapDevice {
  std::vector<UniqueFd> queues;  // as TapLink's
  uint32_t mtu = 0;
  bool multi_queue = false;  // so several queues can be asked for

  // All of it or nothing; the tap itself is never made. Errors: those of OpenTap; FailedPrecondition for a
  // foreign qdisc where a limit is to be; AlreadyExists for limits or rules of ours that were not undone.
  static Result<TapDevice> Open(const TapDeviceOptions& options);

  // Removes limits and rules of ours from the tap, and the ifb device that one of them needs. Needs no state;
  // may be called again; a tap that does not exist is no error.
  static Status Undo(const std::string& tap);
};

// The ifb device through which what the guest of `tap` sends is limited.
std::string IfbName(const std::string& tap);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_TAP_DEVICE_H_
