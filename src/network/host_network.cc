#include "network/host_network.h"

#include "base/errors.h"
#include "base/hash.h"
#include "base/network_address.h"
#include "network/descriptor_network.h"

namespace virtcontainers {

Result<std::unique_ptr<HostNetwork>> MakeHostNetwork(const NetworkConfig& config,
                                                     HostNetwork::Context context, UniqueFd descriptor) {
  switch (config.kind) {
    case NetworkKind::kDescriptor:
      return std::make_unique<DescriptorNetwork>(config, std::move(context), std::move(descriptor));
    default:
      return Fail(Code::kInvalidArgument, "no such kind of network");
  }
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
