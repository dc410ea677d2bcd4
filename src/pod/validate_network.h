// Refusing networks that cannot work, and the names that networks have.

#ifndef VIRTCONTAINERS_SRC_POD_VALIDATE_NETWORK_H_
#define VIRTCONTAINERS_SRC_POD_VALIDATE_NETWORK_H_

#include <string>
#include <string_view>
#include <vector>

#include "virtcontainers/error.h"
#include "virtcontainers/network.h"

namespace virtcontainers {

// An IPv4 or IPv6 address without a prefix.
bool IsAddress(const std::string& text);

// A name as resolvers take it; a domain may end with the root's dot. (hosts(5), resolv.conf(5))
bool IsHostName(std::string_view name);

// Errors of these: InvalidArgument, naming the field and the value; AlreadyExists for two networks of one
// name.
Status ValidateDns(const DnsConfig& dns);
Status ValidateRoute(const Route& route, const std::string& of);
Status ValidateNetwork(const NetworkConfig& network);
Status ValidateNetworks(const std::vector<NetworkConfig>& networks);

// The first of "eth0", "eth1" … that `taken` does not have.
std::string FreeNetworkName(const std::vector<std::string>& taken);

// The networks with their default names filled in.
std::vector<NetworkConfig> NamedNetworks(std::vector<NetworkConfig> networks);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_VALIDATE_NETWORK_H_
