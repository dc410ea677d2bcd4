// The interfaces of a namespace as ports of a network for a guest. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_GUEST_PORTS_H_
#define VIRTCONTAINERS_SRC_NETWORK_GUEST_PORTS_H_

#include <cstdint>
#include <vector>

#include "network/host_network.h"
#include "network/network_namespace.h"
#include "virtcontainers/error.h"
#include "virtcontainers/network.h"

namespace virtcontainers {

struct GuestPortOptions {
  uint32_t queues = 1;
  NetworkLimits limits;  // of each interface
  // The guest sends with the interface's MAC address and addresses only. One without addresses is held to its
  // MAC address.
  bool check_sender = false;
};

// Joins interfaces of a namespace, by their names, to taps (network/tap_link.h). All or nothing. Errors:
// those of TapLink::Create.
Result<std::vector<HostNetwork::Port>> JoinInterfaces(const NetworkNamespace& space,
                                                      const std::vector<NetworkInterface>& interfaces,
                                                      const GuestPortOptions& options);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_GUEST_PORTS_H_
