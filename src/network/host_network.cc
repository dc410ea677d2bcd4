#include "network/host_network.h"

#include "base/errors.h"
#include "base/hash.h"
#include "base/network_address.h"
#include "network/bridge_network.h"
#include "network/cni_network.h"
#include "network/descriptor_network.h"
#include "network/namespace_network.h"
#include "network/tap_network.h"
#include "network/user_network.h"

namespace virtcontainers {

Result<std::unique_ptr<HostNetwork>> MakeHostNetwork(const NetworkConfig& config,
                                                     HostNetwork::Context context, UniqueFd descriptor) {
  switch (config.kind) {
    case NetworkKind::kDescriptor:
      return std::make_unique<DescriptorNetwork>(config, std::move(context), std::move(descriptor));
    case NetworkKind::kNamespace:
      return std::make_unique<NamespaceNetwork>(config, std::move(context));
    case NetworkKind::kCni:
      return std::make_unique<CniNetwork>(config, std::move(context));
    case NetworkKind::kTap:
      return std::make_unique<TapNetwork>(config, std::move(context));
    case NetworkKind::kBridge:
      return std::make_unique<BridgeNetwork>(config, std::move(context));
    case NetworkKind::kUser:
      return std::make_unique<UserNetwork>(config, std::move(context));
  }
  return Fail(Code::kInternal, "a network of an unknown kind");
}

NetworkInterface StaticInterface(const NetworkConfig& config, const HostNetwork::Context& context,
                                 uint32_t mtu) {
  return {.name = config.name,
          .mac = config.mac.empty() ? DerivedMac(context.key, config.name) : config.mac,
          .mtu = config.mtu != 0 ? config.mtu : mtu,
          .addresses = config.addresses,
          .routes = config.routes,
          .neighbors = {}};
}

std::string DerivedMac(const std::string& key, const std::string& name) {
  const uint64_t hash = Hash(key + '\0' + name);
  // Locally administered, and of one station.
  std::string bytes = {'\x02'};
  for (int i = 0; i < 5; ++i) bytes += static_cast<char>(hash >> (8 * i));
  return FormatMac(bytes);
}

}  // namespace virtcontainers
