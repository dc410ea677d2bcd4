// The interfaces of a network namespace that a guest takes over. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_INTERFACES_H_
#define VIRTCONTAINERS_SRC_NETWORK_INTERFACES_H_

#include <string>
#include <vector>

#include "network/network_namespace.h"
#include "virtcontainers/error.h"
#include "virtcontainers/network.h"

namespace virtcontainers {

struct FoundInterface {
  int index = 0;     // in its namespace
  std::string kind;  // "veth", "macvlan", "tun"; "device" for one without a kind
  std::string host;  // for a status: "veth in /run/netns/blue"
  // As the guest is to see it. Addresses are global ones: the guest makes its link-local address itself,
  // which is the same for the same MAC. An address whose network the namespace does not reach through the
  // link directly ("noprefixroute", CNI's ptp) is given as a single host's, "10.1.0.2/32": the guest's kernel
  // would make a route to its network otherwise. Routes are those of the main table that the kernel has not
  // made itself, those without a gateway first, so that they can be added in their order. Routes learned from
  // router advertisements are not among them: the guest hears the same ones.
  NetworkInterface interface;
};

// All interfaces of the namespace, except loopback, that have an IPv4 address, or an IPv6 address that is not
// link-local; in the order of their indices. Changes nothing; does not block.
//
// Errors: NotFound if there is none, naming the namespace and what is in it; FailedPrecondition for what a
// guest cannot be given, naming the interface: no Ethernet device, a route with several next hops, with a
// gateway of the other family, or in a tunnel.
Result<std::vector<FoundInterface>> FindInterfaces(const NetworkNamespace& space);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_INTERFACES_H_
