// The private network of a user-mode stack: which addresses it has. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_USER_MODE_PLAN_H_
#define VIRTCONTAINERS_SRC_NETWORK_USER_MODE_PLAN_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "network/usernet_options.h"
#include "virtcontainers/error.h"
#include "virtcontainers/network.h"

namespace virtcontainers {

// What the private network has if nothing else is asked for.
inline constexpr char kUserModeIpv4[] = "10.0.2.15/24";
inline constexpr char kUserModeIpv6[] = "fd76:6370:6f64::15/64";
// There is no link whose frames would have to be small, and large ones cost less.
inline constexpr uint32_t kUserModeMtu = 65520;
inline constexpr uint32_t kUserModeLeastMtu = 576, kUserModeMostMtu = 65521;

// The host's side, as far as the network depends on it.
struct UserModeHost {
  bool ipv6 = false;  // it has IPv6 at all
  DnsConfig dns;      // its resolv.conf
};

// What is in resolv.conf. (resolv.conf(5); lines that are none are left out)
DnsConfig ParseResolvConf(std::string_view text);
// As this thread sees it.
UserModeHost LookAtUserModeHost();

// `addresses` are the guest's, with prefix, at most one of a family; a family that is missing has its
// default. The gateway and the name server are the first two other addresses of the guest's subnet. Without
// the host's IPv6, and with an MTU below 1280, the network has IPv4 only. Errors: InvalidArgument, naming the
// address, the prefix, the MTU or the port.
Result<UsernetOptions> PlanUserMode(const std::vector<std::string>& addresses, uint32_t mtu,
                                    const std::vector<PortForward>& forwards, const UserModeHost& host);

// What the guest is to be given. Name and MAC address are empty.
NetworkInterface UserModeGuest(const UsernetOptions& plan);

// The name servers inside, for the families in which the host has one, with the host's search domains. Empty
// if the host has no name server.
DnsConfig UserModeDns(const UsernetOptions& plan, const UserModeHost& host);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_USER_MODE_PLAN_H_
