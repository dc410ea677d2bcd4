#include "network/cni/capabilities.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "base/errors.h"

namespace virtcontainers::cni {
namespace {

constexpr uint64_t kBitsPerByte = 8;
constexpr uint64_t kMinBurst = 64 << 10;   // network.h, RateLimit::burst
constexpr uint64_t kBurstsPerSecond = 50;  // of 20 ms each
// What the plugin for bandwidth accepts of a burst, in bytes.
constexpr uint64_t kMaxBurst = std::numeric_limits<uint32_t>::max() - 1;

bool Declares(const Plugin& plugin, const std::string& capability) {
  const auto capabilities = plugin.config.find("capabilities");
  if (capabilities == plugin.config.end() || !capabilities->is_object()) return false;
  const auto declared = capabilities->find(capability);
  return declared != capabilities->end() && declared->is_boolean() && declared->get<bool>();
}

Result<Json> PortMappings(const std::vector<PortForward>& forwards) {
  Json mappings = Json::array();
  for (const PortForward& forward : forwards) {
    constexpr uint32_t kMaxPort = 65535;
    const uint32_t highest = std::max(forward.host_port, forward.guest_port);
    if (forward.host_port == 0 || forward.guest_port == 0 || forward.count == 0 ||
        highest + forward.count - 1 > kMaxPort) {
      return Fail(Code::kInvalidArgument, "forward " + std::to_string(forward.count) + " ports from " +
                                              std::to_string(forward.host_port) + " to " +
                                              std::to_string(forward.guest_port) + ": ports are 1 to 65535");
    }
    for (uint32_t i = 0; i < forward.count; ++i) {
      Json mapping = Json::object();
      mapping["hostPort"] = forward.host_port + i;
      mapping["containerPort"] = forward.guest_port + i;
      mapping["protocol"] = forward.protocol == NetworkProtocol::kUdp ? "udp" : "tcp";
      if (!forward.host_address.empty()) mapping["hostIP"] = forward.host_address;
      mappings.push_back(std::move(mapping));
    }
  }
  return mappings;
}

void AddLimit(const RateLimit& limit, const char* rate, const char* burst, Json& bandwidth) {
  if (limit.rate == 0) return;
  constexpr uint64_t kMaxRate = std::numeric_limits<uint64_t>::max() / kBitsPerByte;
  const uint64_t bytes = limit.burst != 0 ? limit.burst : std::max(limit.rate / kBurstsPerSecond, kMinBurst);
  bandwidth[rate] = std::min(limit.rate, kMaxRate) * kBitsPerByte;
  bandwidth[burst] = std::min(bytes, kMaxBurst) * kBitsPerByte;
}

}  // namespace

Result<std::map<std::string, Json>> CapabilityArguments(const NetworkConfig& network) {
  std::map<std::string, Json> arguments;
  if (!network.forwards.empty()) {
    VC_ASSIGN_OR_RETURN(arguments["portMappings"], PortMappings(network.forwards));
  }
  Json bandwidth = Json::object();
  AddLimit(network.limits.receive, "ingressRate", "ingressBurst", bandwidth);
  AddLimit(network.limits.transmit, "egressRate", "egressBurst", bandwidth);
  if (!bandwidth.empty()) arguments["bandwidth"] = std::move(bandwidth);
  if (!network.mac.empty()) arguments["mac"] = network.mac;
  if (!network.addresses.empty()) arguments["ips"] = network.addresses;
  if (!network.dns.empty()) {
    Json dns = Json::object();
    if (!network.dns.servers.empty()) dns["servers"] = network.dns.servers;
    if (!network.dns.searches.empty()) dns["searches"] = network.dns.searches;
    if (!network.dns.options.empty()) dns["options"] = network.dns.options;
    arguments["dns"] = std::move(dns);
  }
  if (network.cni.capability_args.empty()) return arguments;

  Result<Json> given = ParseJson(network.cni.capability_args, {.bytes = kMaxListBytes, .depth = 16});
  if (!given) return Fail(given.error().Reworded("the capability arguments: " + given.error().message()));
  if (!given->is_object()) return Fail(Code::kInvalidArgument, "the capability arguments are no JSON object");
  for (const auto& [name, value] : given->items()) {
    if (!arguments.emplace(name, value).second) {
      return Fail(Code::kInvalidArgument, "the capability argument " + Quoted(name) +
                                              " is also a setting of the network: remove one of them");
    }
  }
  return arguments;
}

std::vector<std::string> UndeclaredCapabilities(const List& list,
                                                const std::map<std::string, Json>& arguments) {
  std::vector<std::string> undeclared;
  for (const auto& [name, value] : arguments) {
    const bool declared = std::any_of(list.plugins.begin(), list.plugins.end(),
                                      [&key = name](const Plugin& plugin) { return Declares(plugin, key); });
    if (!declared) undeclared.push_back(name);
  }
  return undeclared;
}

Json RuntimeConfig(const Plugin& plugin, const std::map<std::string, Json>& arguments) {
  Json config = Json::object();
  for (const auto& [name, value] : arguments) {
    if (Declares(plugin, name)) config[name] = value;
  }
  return config;
}

}  // namespace virtcontainers::cni
