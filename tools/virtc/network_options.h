// Networks and ports as they are typed.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_NETWORK_OPTIONS_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_NETWORK_OPTIONS_H_

#include <string>
#include <string_view>
#include <vector>

#include "options.h"
#include "virtcontainers/config.h"
#include "virtcontainers/error.h"

namespace virtc {

// "KIND[:SOURCE][,OPTION=VALUE…]": "user", "cni:podman", "namespace:/run/netns/x", "tap:tap0,mtu=9000",
// "bridge:br0,address=10.0.0.2/24,gateway=10.0.0.1". A file of CNI may be named in the place of a list.
virtcontainers::Result<virtcontainers::NetworkConfig> ParseNetwork(std::string_view text);

// "[ADDRESS:]HOST[-LAST]:GUEST[-LAST][/tcp|/udp]"; an IPv6 address in brackets.
virtcontainers::Result<virtcontainers::PortForward> ParseForward(std::string_view text);

// "DESTINATION[@GATEWAY]"; "default" with the gateway's family.
virtcontainers::Result<virtcontainers::Route> ParseRoute(std::string_view text);

// "8080:80/tcp", as ParseForward takes it back.
std::string ForwardText(const virtcontainers::PortForward& forward);

// What is typed about a pod's networks.
struct NetworkOptions {
  std::vector<std::string> networks, ports;

  void Declare(Options& options);
  // Sets the networks of a pod. Where none is typed, a pod that runs something has a user-mode network.
  virtcontainers::Status Apply(virtcontainers::PodConfig& config) const;
};

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_NETWORK_OPTIONS_H_
