// Capability arguments: what a network's configuration asks of plugins that declare that they can do it. Host
// only.
//
// (CNI conventions, "Well-known Capabilities")

#ifndef VIRTCONTAINERS_SRC_NETWORK_CNI_CAPABILITIES_H_
#define VIRTCONTAINERS_SRC_NETWORK_CNI_CAPABILITIES_H_

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "network/cni/list.h"
#include "virtcontainers/error.h"
#include "virtcontainers/network.h"

namespace virtcontainers::cni {

// "portMappings" of the network's forwards, "bandwidth" of its limits, "mac", "ips" of its addresses, "dns",
// each if the network has such; and those of CniOptions::capability_args. In "bandwidth", rates are bits per
// second and bursts bits, and ingress is what the container receives. Errors: InvalidArgument for
// capability_args that are no object, or that have what a field of the network says, and for ports beyond
// 65535.
Result<std::map<std::string, Json>> CapabilityArguments(const NetworkConfig& network);

// The names of the arguments that no plugin of the list declares, sorted: nobody would act on them.
std::vector<std::string> UndeclaredCapabilities(const List& list,
                                                const std::map<std::string, Json>& arguments);

// Those of the arguments that the plugin declares: its "runtimeConfig".
Json RuntimeConfig(const Plugin& plugin, const std::map<std::string, Json>& arguments);

}  // namespace virtcontainers::cni

#endif  // VIRTCONTAINERS_SRC_NETWORK_CNI_CAPABILITIES_H_
