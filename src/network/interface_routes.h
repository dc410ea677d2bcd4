// The routes of a network namespace, by the device that they use. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_INTERFACE_ROUTES_H_
#define VIRTCONTAINERS_SRC_NETWORK_INTERFACE_ROUTES_H_

#include <string>
#include <vector>

#include "network/netlink.h"
#include "virtcontainers/error.h"
#include "virtcontainers/network.h"

namespace virtcontainers {

// A route of the main table.
struct FoundRoute {
  int index = 0;  // of the device; 0 for one with several next hops
  Route route;
  bool connected = false;  // the kernel's own, for the network of an address
  bool learned = false;    // from a router advertisement
  // Why a guest cannot be given it; empty if it can. `devices` are those that it uses.
  std::string obstacle;
  std::vector<int> devices;
};

// All unicast routes of the main table, of both families. Errors: those of netlink.
Result<std::vector<FoundRoute>> ListRoutes(Netlink& netlink);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_INTERFACE_ROUTES_H_
