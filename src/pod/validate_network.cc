#include "pod/validate_network.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <tuple>

#include "base/json.h"
#include "base/network_address.h"
#include "pod/enum_names.h"
#include "pod/validate_text.h"

namespace virtcontainers {
namespace {

constexpr size_t kMaxDnsServers = 3;  // MAXNS of resolv.h
constexpr size_t kMaxDnsEntries = 32;
constexpr size_t kMaxNetworks = 32;
constexpr size_t kMaxNetworkAddresses = 64;
constexpr size_t kMaxNetworkRoutes = 1024;
constexpr size_t kMaxForwards = 1024;
constexpr size_t kMaxInterfaceName = 15;  // IFNAMSIZ with its NUL
constexpr uint32_t kLeastMtu = 68;        // (RFC 791)
constexpr uint32_t kLeastMtu6 = 1280;     // (RFC 8200)
constexpr uint32_t kMostMtu = 65535;
constexpr uint64_t kLeastRate = 1000;
constexpr size_t kMaxCniConfig = 1 << 20;
constexpr size_t kMaxCapabilityArgs = 64 << 10;

// Names that the kernel takes for an interface, and that mean nothing else. (dev_valid_name)
bool IsInterfaceName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxInterfaceName && name != "." && name != ".." && name != "lo" &&
         std::none_of(name.begin(), name.end(), [](char c) {
           return c == '/' || c == ':' || c == '%' || static_cast<unsigned char>(c) <= 0x20 ||
                  static_cast<unsigned char>(c) >= 0x7f;
         });
}

Status ValidateInterfaceName(const std::string& name, const std::string& of, const char* what) {
  if (IsInterfaceName(name)) return {};
  return Fails(of, std::string(what) + " " + Shown(name) +
                       " is not valid: use 1 to 15 letters, digits and '-', '_' or '.', and not 'lo'");
}

Status ValidateMac(const std::string& mac, const std::string& of) {
  const Result<std::string> bytes = ParseMac(mac);
  if (!bytes) {
    return Fails(of, "mac " + Shown(mac) + " is not a MAC address, such as '02:00:00:00:00:01'");
  }
  if ((static_cast<unsigned char>((*bytes)[0]) & 1) != 0) {
    return Fails(of, "mac " + Shown(mac) + " is a group's: use one whose first byte is even");
  }
  if (bytes->find_first_not_of('\0') == std::string::npos) {
    return Fails(of, "mac " + Shown(mac) + " is no station's: use one that is not zero");
  }
  return {};
}

// An address of a host, with the length of its prefix.
Result<IpAddress> AddressOf(const std::string& text, const std::string& of) {
  const Result<IpAddress> ip = ParseIp(text);
  if (ip && text.find('\0') == std::string::npos && text.find('/') != std::string::npos && ip->prefix != 0) {
    return *ip;
  }
  return tl::unexpected<Error>(
      Fails(of, "address " + Shown(text) +
                    " is not an address with its prefix, such as '192.0.2.2/24' or '2001:db8::2/64'")
          .error());
}

Status ValidateAddresses(const NetworkConfig& network, const std::string& of) {
  VC_RETURN_IF_ERROR(ValidateCount(network.addresses.size(), kMaxNetworkAddresses, of, "addresses"));
  std::map<int, int> families;
  std::set<std::string> seen;
  for (const std::string& address : network.addresses) {
    VC_ASSIGN_OR_RETURN(const IpAddress ip, AddressOf(address, of));
    if (!seen.insert(ip.bytes).second) return Fails(of, "address " + Shown(address) + " is there twice");
    if (network.kind == NetworkKind::kUser && ++families[ip.family] > 1) {
      return Fails(of, "address " + Shown(address) +
                           " is the second of its family: a user-mode network has one of each");
    }
    if (ip.family == AF_INET6 && network.mtu != 0 && network.mtu < kLeastMtu6) {
      return Fails(of, "mtu " + std::to_string(network.mtu) + " is too small for " + Shown(address) +
                           ": IPv6 needs " + std::to_string(kLeastMtu6));
    }
  }
  return {};
}

Status ValidateLimit(const RateLimit& limit, const std::string& of, const char* direction) {
  if (limit.rate == 0 && limit.burst != 0) {
    return Fails(of, std::string(direction) + ": a burst of " + std::to_string(limit.burst) +
                         " bytes without a rate has no effect: give a rate");
  }
  if (limit.rate != 0 && limit.rate < kLeastRate) {
    return Fails(of, std::string(direction) + ": a rate of " + std::to_string(limit.rate) +
                         " bytes per second is out of range: give at least " + std::to_string(kLeastRate) +
                         ", or 0 for no limit");
  }
  return {};
}

std::string ForwardText(const PortForward& forward) {
  const std::string address = forward.host_address.empty() ? "" : forward.host_address + ":";
  return Quoted(address + std::to_string(forward.host_port) + ":" + std::to_string(forward.guest_port) + "/" +
                std::string(NameOf(kNetworkProtocolNames, forward.protocol)));
}

Status ValidateForward(const PortForward& forward, const std::string& of) {
  if (!forward.host_address.empty() && !IsAddress(forward.host_address)) {
    return Fails(of, "port forward " + ForwardText(forward) + ": " + Shown(forward.host_address) +
                         " is not an IP address of the host");
  }
  for (const auto& [what, port] :
       {std::pair("host", forward.host_port), std::pair("guest", forward.guest_port)}) {
    if (port != 0 && forward.count >= 1 && port + forward.count - 1 <= UINT16_MAX) continue;
    return Fails(of, "port forward " + ForwardText(forward) + ": the " + what + "'s port " +
                         std::to_string(port) +
                         (forward.count > 1 ? " with " + std::to_string(forward.count) + " ports" : "") +
                         " is out of range: give 1 to 65535");
  }
  return {};
}

// Two forwards that cannot both be bound, of one network or of two.
Status ValidateDistinct(const std::vector<NetworkConfig>& networks) {
  std::vector<const PortForward*> all;
  for (const NetworkConfig& network : networks) {
    for (const PortForward& forward : network.forwards) all.push_back(&forward);
  }
  const auto key = [](const PortForward* a) { return std::tuple(a->protocol, a->host_port); };
  std::sort(all.begin(), all.end(), [&](auto* a, auto* b) { return key(a) < key(b); });
  for (size_t i = 0; i < all.size(); ++i) {
    for (size_t j = i + 1; j < all.size() && all[j]->protocol == all[i]->protocol &&
                           all[j]->host_port < all[i]->host_port + all[i]->count;
         ++j) {
      const std::string &a = all[i]->host_address, &b = all[j]->host_address;
      if (!a.empty() && !b.empty() && a != b) continue;
      return Fail(Code::kInvalidArgument, "port forwards " + ForwardText(*all[i]) + " and " +
                                              ForwardText(*all[j]) +
                                              " take one port of the host: give each its own");
    }
  }
  return {};
}

Status ValidateCni(const NetworkConfig& network, const std::string& of) {
  const CniOptions& cni = network.cni;
  if (!cni.config.empty() && !network.source.empty()) {
    return Fails(of, "source " + Shown(network.source) + " names a list, and cni.config is one: give one");
  }
  if (cni.config.size() > kMaxCniConfig) {
    return Fails(of, "cni.config has " + std::to_string(cni.config.size()) + " bytes: at most " +
                         std::to_string(kMaxCniConfig));
  }
  const auto check_json = [&](const std::string& text, const char* field) -> Status {
    if (text.empty()) return {};
    Result<Json> json = ParseJson(text);
    if (!json) return Fail(std::move(json.error()).AddContext(of + ": " + field));
    if (!json->is_object()) return Fails(of, std::string(field) + " is not a JSON object");
    return {};
  };
  VC_RETURN_IF_ERROR(check_json(cni.config, "cni.config"));
  if (cni.capability_args.size() > kMaxCapabilityArgs) {
    return Fails(of, "cni.capability_args has " + std::to_string(cni.capability_args.size()) +
                         " bytes: at most " + std::to_string(kMaxCapabilityArgs));
  }
  VC_RETURN_IF_ERROR(check_json(cni.capability_args, "cni.capability_args"));
  for (const auto* directories : {&cni.directories, &cni.plugin_directories}) {
    VC_RETURN_IF_ERROR(ValidateCount(directories->size(), kMaxNetworks, of, "directories of cni"));
    for (const std::string& directory : *directories) {
      VC_RETURN_IF_ERROR(ValidateAbsolute(directory, of + ": a directory of cni"));
    }
  }
  // (CNI specification, "CNI_ARGS": alphanumeric key-value pairs separated by semicolons)
  for (const auto& [key, value] : cni.args) {
    const bool fits =
        !key.empty() && (key + value).find_first_of(std::string_view(";=\0\n", 4)) == std::string::npos;
    if (!fits) {
      return Fails(of, "cni.args: " + Shown(key + "=" + value) +
                           " cannot be given to a plugin: use names and values without ';' and '='");
    }
  }
  return {};
}

// What a kind cannot have.
Status ValidateKind(const NetworkConfig& network, const std::string& of) {
  const NetworkKind kind = network.kind;
  const std::string name(NetworkKindName(kind));
  const auto refuse = [&](const std::string& field, const char* instead) {
    return Fails(of, field + " is not for a network of kind " + Quoted(name) + ": " + instead);
  };
  switch (kind) {
    case NetworkKind::kNamespace:
      VC_RETURN_IF_ERROR(ValidateAbsolute(network.source, of + ": the namespace's path"));
      break;
    case NetworkKind::kTap:
    case NetworkKind::kBridge:
      VC_RETURN_IF_ERROR(ValidateInterfaceName(network.source, of, (name + " device").c_str()));
      break;
    case NetworkKind::kCni:
      VC_RETURN_IF_ERROR(ValidateText(network.source, of + ": the name of the list"));
      VC_RETURN_IF_ERROR(ValidateCni(network, of));
      break;
    case NetworkKind::kUser:
    case NetworkKind::kDescriptor:
      if (!network.source.empty()) return refuse("source " + Shown(network.source), "it has none");
  }
  if (kind == NetworkKind::kNamespace &&
      (!network.mac.empty() || network.mtu != 0 || !network.addresses.empty() || !network.routes.empty())) {
    return refuse("a mac, an mtu, an address or a route", "set it on the namespace's interface");
  }
  if (kind != NetworkKind::kUser && kind != NetworkKind::kCni && !network.forwards.empty()) {
    return refuse("a port forward", "use a network of kind 'user', or 'cni' with the plugin portmap");
  }
  if (kind != NetworkKind::kUser && network.host_loopback) {
    return refuse("host_loopback", "use a network of kind 'user'");
  }
  if (kind != NetworkKind::kCni && network.cni != CniOptions()) {
    return refuse("cni", "use a network of kind 'cni'");
  }
  if (kind == NetworkKind::kDescriptor && network.limits != NetworkLimits()) {
    return refuse("a limit", "limit the device or the process behind the descriptor");
  }
  return {};
}

}  // namespace

bool IsAddress(const std::string& text) {
  return text.find_first_of(std::string_view("/\0", 2)) == std::string::npos && ParseIp(text).has_value();
}

bool IsHostName(std::string_view name) {
  if (name.size() > 1 && name.back() == '.') name.remove_suffix(1);
  return !name.empty() && name.size() <= 253 && name.front() != '.' && name.front() != '-' &&
         name.find("..") == std::string_view::npos &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
             std::string_view::npos;
}

Status ValidateDns(const DnsConfig& dns) {
  if (dns.servers.size() > kMaxDnsServers) {
    return Fail(Code::kInvalidArgument,
                std::to_string(dns.servers.size()) + " dns servers: resolvers use at most 3");
  }
  for (const std::string& server : dns.servers) {
    if (IsAddress(server)) continue;
    return Fail(Code::kInvalidArgument, "dns server " + Shown(server) +
                                            " is not an IP address, such as '192.0.2.1' or '2001:db8::1'");
  }
  VC_RETURN_IF_ERROR(ValidateCount(dns.searches.size(), kMaxDnsEntries, "dns", "search domains"));
  for (const std::string& domain : dns.searches) {
    // The root alone turns searching off.
    if (domain == "." || IsHostName(domain)) continue;
    return Fail(Code::kInvalidArgument,
                "dns search domain " + Shown(domain) + " is not a domain name, such as 'example.com'");
  }
  VC_RETURN_IF_ERROR(ValidateCount(dns.options.size(), kMaxDnsEntries, "dns", "options"));
  for (const std::string& option : dns.options) {
    const bool plain = !option.empty() && option.size() <= 128 &&
                       std::all_of(option.begin(), option.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    if (!plain) {
      return Fail(Code::kInvalidArgument,
                  "dns option " + Shown(option) + " is not a resolver option, such as 'ndots:2'");
    }
  }
  return {};
}

Status ValidateRoute(const Route& route, const std::string& of) {
  const Result<IpAddress> destination = ParseIp(route.destination);
  if (!destination || route.destination.find('\0') != std::string::npos ||
      route.destination.find('/') == std::string::npos) {
    return Fails(of, "route to " + Shown(route.destination) +
                         ": that is not a network, such as '198.51.100.0/24', '0.0.0.0/0' or '::/0'");
  }
  const auto check = [&](const std::string& address, const char* what) -> Status {
    if (address.empty()) return {};
    if (!IsAddress(address)) {
      return Fails(of, "route to " + Shown(route.destination) + ": " + what + " " + Shown(address) +
                           " is not an IP address");
    }
    if (ParseIp(address)->family == destination->family) return {};
    return Fails(of, "route to " + Shown(route.destination) + ": " + what + " " + Shown(address) +
                         " is of the other family");
  };
  VC_RETURN_IF_ERROR(check(route.gateway, "gateway"));
  return check(route.source, "source");
}

Status ValidateNetwork(const NetworkConfig& network) {
  const std::string of = network.name.empty() ? "network" : "network " + Shown(network.name);
  if (!network.name.empty()) VC_RETURN_IF_ERROR(ValidateInterfaceName(network.name, "network", "name"));
  VC_RETURN_IF_ERROR(ValidateKind(network, of));
  if (!network.mac.empty()) VC_RETURN_IF_ERROR(ValidateMac(network.mac, of));
  if (network.mtu != 0 && (network.mtu < kLeastMtu || network.mtu > kMostMtu)) {
    return Fails(of, "mtu " + std::to_string(network.mtu) + " is out of range: give 68 to 65535");
  }
  VC_RETURN_IF_ERROR(ValidateAddresses(network, of));
  VC_RETURN_IF_ERROR(ValidateCount(network.routes.size(), kMaxNetworkRoutes, of, "routes"));
  for (const Route& route : network.routes) VC_RETURN_IF_ERROR(ValidateRoute(route, of));
  if (Status dns = ValidateDns(network.dns); !dns) return Fail(std::move(dns.error()).AddContext(of));
  VC_RETURN_IF_ERROR(ValidateLimit(network.limits.receive, of, "receive limit"));
  VC_RETURN_IF_ERROR(ValidateLimit(network.limits.transmit, of, "transmit limit"));
  VC_RETURN_IF_ERROR(ValidateCount(network.forwards.size(), kMaxForwards, of, "port forwards"));
  for (const PortForward& forward : network.forwards) VC_RETURN_IF_ERROR(ValidateForward(forward, of));
  return {};
}

Status ValidateNetworks(const std::vector<NetworkConfig>& networks) {
  VC_RETURN_IF_ERROR(ValidateCount(networks.size(), kMaxNetworks, "networks", "networks of one pod"));
  std::set<std::string> names;
  for (const NetworkConfig& network : NamedNetworks(networks)) {
    VC_RETURN_IF_ERROR(ValidateNetwork(network));
    if (!names.insert(network.name).second) {
      return Fail(Code::kAlreadyExists,
                  "network " + Quoted(network.name) + " is there twice: give each a name of its own");
    }
  }
  return ValidateDistinct(networks);
}

std::string FreeNetworkName(const std::vector<std::string>& taken) {
  for (size_t i = 0;; ++i) {
    std::string name = "eth" + std::to_string(i);
    if (std::find(taken.begin(), taken.end(), name) == taken.end()) return name;
  }
}

std::vector<NetworkConfig> NamedNetworks(std::vector<NetworkConfig> networks) {
  for (size_t i = 0; i < networks.size(); ++i) {
    if (networks[i].name.empty()) networks[i].name = "eth" + std::to_string(i);
  }
  return networks;
}

}  // namespace virtcontainers
