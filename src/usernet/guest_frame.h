// Which frames of a guest reach the network stack. Host only.

#ifndef VIRTCONTAINERS_SRC_USERNET_GUEST_FRAME_H_
#define VIRTCONTAINERS_SRC_USERNET_GUEST_FRAME_H_

#include <string_view>

namespace virtcontainers {

// libslirp connects to whatever address a packet names. Refused are therefore packets to this host's own
// addresses that no network has: IPv4's 127.0.0.0/8 and 0.0.0.0/8, and IPv6's ::/96 (with ::1) and
// ::ffff:0:0/96, which are IPv4's in disguise. Router solicitations are refused, because the guest's
// configuration comes from the host, and frames that are neither ARP, IPv4 nor IPv6, or are cut short. Pure.
bool MayPass(std::string_view frame);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_USERNET_GUEST_FRAME_H_
