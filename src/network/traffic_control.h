// Queueing disciplines and classifiers of a network device. (tc(8)) Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_TRAFFIC_CONTROL_H_
#define VIRTCONTAINERS_SRC_NETWORK_TRAFFIC_CONTROL_H_

#include <cstdint>
#include <set>
#include <string>

#include "network/netlink.h"
#include "virtcontainers/error.h"
#include "virtcontainers/network.h"

namespace virtcontainers {

// The priorities of our filters: behind all that tc chooses by itself, which are 49152 at most. Filters of
// others see a frame first. The second of a redirect says that the interface receives all multicast for us.
inline constexpr uint16_t kSenderPriority = 0xc0dd;
inline constexpr uint16_t kRedirectPriority = 0xc0de;
inline constexpr uint16_t kMulticastRedirectPriority = 0xc0df;

// Makes the place for filters of what a device receives; one that exists, of whoever, is used.
// Errors: Unimplemented if the kernel has none.
Status AddIngress(Netlink& netlink, int index);

// The priorities of the filters of what a device receives. Empty if it has no place for any.
Result<std::set<uint16_t>> IngressFilters(Netlink& netlink, int index);

// Removes the place for filters, unless it has filters. A device that is gone is no error.
Status RemoveUnusedIngress(Netlink& netlink, int index);

// Sends all that a device receives out of device `target` instead, whatever the frames are.
// Errors: AlreadyExists for a filter of that priority.
Status AddRedirect(Netlink& netlink, int index, uint16_t priority, int target);

// The device that the redirect of that priority leads to; 0 if there is none, or the device is gone.
Result<int> RedirectTarget(Netlink& netlink, int index, uint16_t priority);

// Asks a loaded program about all that a device receives. Errors: the same.
Status AddProgram(Netlink& netlink, int index, uint16_t priority, int program);

// One that does not exist is no error.
Status RemoveIngressFilter(Netlink& netlink, int index, uint16_t priority);

// Limits what leaves a device, by a tbf qdisc with a handle of ours. `mtu` is the largest packet that passes
// whatever the burst. No limit: does nothing. Errors: FailedPrecondition if the device has a qdisc of
// somebody else, naming it.
Status LimitEgress(Netlink& netlink, int index, const std::string& name, const RateLimit& limit,
                   uint32_t mtu);

// Removes what LimitEgress made, and nothing else.
Status RemoveEgressLimit(Netlink& netlink, int index);

// `limit` with the burst that stands for 0, and one that lets a packet of `mtu` pass.
RateLimit WithBurst(const RateLimit& limit, uint32_t mtu);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_TRAFFIC_CONTROL_H_
