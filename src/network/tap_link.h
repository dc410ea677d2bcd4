// An interface of a namespace joined to a tap for a guest. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_TAP_LINK_H_
#define VIRTCONTAINERS_SRC_NETWORK_TAP_LINK_H_

#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "network/network_namespace.h"
#include "network/sender_filter.h"
#include "virtcontainers/error.h"
#include "virtcontainers/network.h"

namespace virtcontainers {

struct TapLinkOptions {
  std::string interface;  // its name in the namespace
  std::string tap;        // a name that no device of the namespace has: 1 to 15 bytes
  uint32_t queues = 1;    // 1 to 64; more than one for a guest with several vCPUs
  NetworkLimits limits;
  std::optional<SenderRules> sender;  // unset: the guest may send anything
};

// The guest's end takes the interface's place: every frame that the interface receives leaves by the tap, and
// every frame that the guest sends leaves by the interface. The namespace's own kernel sees none of them.
struct TapLink {
  // One for each queue, with headers for offloads (IFF_VNET_HDR), non-blocking. The tap has the interface's
  // MTU. It is not persistent: it is gone once all descriptors, those in other processes too, are closed.
  std::vector<UniqueFd> queues;

  // All of it or nothing. Does not block. Errors: NotFound, naming the interface; AlreadyExists if the
  // interface is joined to a tap, or the name of the tap is taken; FailedPrecondition for a foreign qdisc
  // where a limit is to be, for an interface that is down, and where the kernel does not take the sender's
  // rules; InvalidArgument; PermissionDenied without CAP_NET_ADMIN in the namespace.
  static Result<TapLink> Create(const NetworkNamespace& space, const TapLinkOptions& options);

  // Removes what Create made of the interface, and nothing of others: filters and a root qdisc of somebody
  // else stay. Needs no state, and may be called again, and when there is nothing to undo: an interface that
  // does not exist is no error. The tap goes with its descriptors.
  static Status Undo(const NetworkNamespace& space, const std::string& interface);

  // The same, unless the interface is joined to a tap that exists, which some VM uses then: for a caller that
  // does not know whether what it finds is its own, and whose own VM has ended.
  static Status UndoAbandoned(const NetworkNamespace& space, const std::string& interface);
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_TAP_LINK_H_
