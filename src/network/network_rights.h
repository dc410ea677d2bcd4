// What this process and this kernel lack for the networks of pods. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_NETWORK_RIGHTS_H_
#define VIRTCONTAINERS_SRC_NETWORK_NETWORK_RIGHTS_H_

#include <string>
#include <vector>

namespace virtcontainers {

// One line for a person each; empty if nothing is missing.
struct NetworkRights {
  // Without which no kind but user and descriptor works: "no CAP_NET_ADMIN", "no /dev/net/tun: ...".
  std::vector<std::string> missing;
  // Without which some options do not work: "no ifb devices: what the guest of a tap sends cannot be
  // limited".
  std::vector<std::string> limited;
};

// Looks, and tries parts of the kernel in a network namespace that exists during the call only. Changes
// nothing else.
NetworkRights CheckNetworkRights();

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_NETWORK_RIGHTS_H_
