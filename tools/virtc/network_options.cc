#include "network_options.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <utility>

#include "base/errors.h"
#include "config_options.h"
#include "os/file.h"
#include "parse.h"

namespace virtc {

using virtcontainers::Code;
using virtcontainers::Fail;
using virtcontainers::NetworkConfig;
using virtcontainers::NetworkKind;
using virtcontainers::NetworkProtocol;
using virtcontainers::PodConfig;
using virtcontainers::PortForward;
using virtcontainers::RateLimit;
using virtcontainers::Result;
using virtcontainers::Route;
using virtcontainers::Status;

namespace {

constexpr size_t kMaxCniFile = 1 << 20;

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const size_t at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

// "RATE" or "RATE/BURST", in bytes per second and bytes.
Result<RateLimit> ParseLimit(const std::string& option, const std::string& text) {
  RateLimit limit;
  const size_t slash = text.find('/');
  VC_ASSIGN_OR_RETURN(const auto rate, ParseSize(option, text.substr(0, slash)));
  limit.rate = rate.count;
  if (slash == std::string::npos) return limit;
  VC_ASSIGN_OR_RETURN(const auto burst, ParseSize(option, text.substr(slash + 1)));
  limit.burst = burst.count;
  return limit;
}

Status SetOption(NetworkConfig& network, const std::string& name, const std::string& value,
                 std::string_view whole) {
  const std::string option = fmt::format("--network '{}': {}", whole, name);
  if (name == "name") {
    network.name = value;
  } else if (name == "mac") {
    network.mac = value;
  } else if (name == "mtu") {
    VC_ASSIGN_OR_RETURN(network.mtu, ParseCount(option, value));
  } else if (name == "address") {
    network.addresses.push_back(value);
  } else if (name == "gateway") {
    VC_ASSIGN_OR_RETURN(network.routes.emplace_back(), ParseRoute("default@" + value));
  } else if (name == "route") {
    VC_ASSIGN_OR_RETURN(network.routes.emplace_back(), ParseRoute(value));
  } else if (name == "dns") {
    network.dns.servers.push_back(value);
  } else if (name == "receive") {
    VC_ASSIGN_OR_RETURN(network.limits.receive, ParseLimit(option, value));
  } else if (name == "transmit") {
    VC_ASSIGN_OR_RETURN(network.limits.transmit, ParseLimit(option, value));
  } else if (name == "host-loopback" && value.empty()) {
    network.host_loopback = true;
  } else if (name == "allow-spoofing" && value.empty()) {
    network.allow_spoofing = true;
  } else if (name == "cni-dir") {
    network.cni.directories.push_back(AbsolutePath(value));
  } else if (name == "cni-plugins") {
    network.cni.plugin_directories.push_back(AbsolutePath(value));
  } else if (name == "cni-arg") {
    VC_ASSIGN_OR_RETURN(auto pair, ParsePair(option, value));
    network.cni.args.insert_or_assign(std::move(pair.first), std::move(pair.second));
  } else {
    return Fail(
        Code::kInvalidArgument,
        fmt::format("--network '{}': unknown option '{}': use name, mac, mtu, address, gateway, route, "
                    "dns, receive, transmit, host-loopback, allow-spoofing, cni-dir, cni-plugins or "
                    "cni-arg",
                    whole, name));
  }
  return {};
}

// "80" or "80-89".
Result<std::pair<uint16_t, uint16_t>> ParsePorts(std::string_view ports, std::string_view whole) {
  const auto parse = [&](std::string_view text) -> Result<uint16_t> {
    uint16_t port = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), port);
    if (!text.empty() && read.ec == std::errc() && read.ptr == text.data() + text.size() && port != 0) {
      return port;
    }
    return Fail(Code::kInvalidArgument,
                fmt::format("--publish '{}': '{}' is not a port: give 1 to 65535", whole, text));
  };
  const size_t dash = ports.find('-');
  VC_ASSIGN_OR_RETURN(const uint16_t first, parse(ports.substr(0, dash)));
  if (dash == std::string_view::npos) return std::pair(first, first);
  VC_ASSIGN_OR_RETURN(const uint16_t last, parse(ports.substr(dash + 1)));
  if (last < first) {
    return Fail(Code::kInvalidArgument,
                fmt::format("--publish '{}': the range '{}' ends before it begins", whole, ports));
  }
  return std::pair(first, last);
}

}  // namespace

Result<NetworkConfig> ParseNetwork(std::string_view text) {
  const std::vector<std::string> parts = Split(text, ',');
  const std::string& first = parts.front();
  const size_t colon = first.find(':');
  const std::string kind = first.substr(0, colon);
  const std::string source = colon == std::string::npos ? "" : first.substr(colon + 1);
  NetworkConfig network;
  const std::pair<std::string_view, NetworkKind> kinds[] = {{"user", NetworkKind::kUser},
                                                            {"cni", NetworkKind::kCni},
                                                            {"namespace", NetworkKind::kNamespace},
                                                            {"tap", NetworkKind::kTap},
                                                            {"bridge", NetworkKind::kBridge}};
  const auto found = std::find_if(std::begin(kinds), std::end(kinds),
                                  [&](const auto& known) { return known.first == kind; });
  if (found == std::end(kinds)) {
    return Fail(Code::kInvalidArgument,
                fmt::format("--network '{}': unknown kind '{}': use none, user, cni[:LIST], namespace:PATH, "
                            "tap:DEVICE or bridge:NAME",
                            text, kind));
  }
  network.kind = found->second;
  const bool needs_source = network.kind == NetworkKind::kNamespace || network.kind == NetworkKind::kTap ||
                            network.kind == NetworkKind::kBridge;
  if (needs_source == source.empty() && network.kind != NetworkKind::kCni) {
    return Fail(Code::kInvalidArgument,
                needs_source
                    ? fmt::format("--network '{}' names no {}: add it, as in '{}:{}'", text,
                                  network.kind == NetworkKind::kNamespace ? "namespace" : "device", kind,
                                  network.kind == NetworkKind::kNamespace ? "/run/netns/x" : "x0")
                    : fmt::format("--network '{}': a network of kind 'user' has no source", text));
  }
  network.source = source;
  if (network.kind == NetworkKind::kNamespace) network.source = AbsolutePath(source);
  if (network.kind == NetworkKind::kCni && source.find('/') != std::string::npos) {
    VC_ASSIGN_OR_RETURN(network.cni.config, virtcontainers::ReadFile(source, kMaxCniFile + 1));
    network.source.clear();
  }
  for (size_t i = 1; i < parts.size(); ++i) {
    const size_t equals = parts[i].find('=');
    const std::string value = equals == std::string::npos ? "" : parts[i].substr(equals + 1);
    VC_RETURN_IF_ERROR(SetOption(network, parts[i].substr(0, equals), value, text));
  }
  return network;
}

Result<PortForward> ParseForward(std::string_view text) {
  std::string_view rest = text;
  PortForward forward;
  if (const size_t slash = rest.find('/'); slash != std::string_view::npos) {
    VC_ASSIGN_OR_RETURN(const size_t choice,
                        ParseChoice("--publish", rest.substr(slash + 1), {"tcp", "udp"}));
    forward.protocol = choice == 0 ? NetworkProtocol::kTcp : NetworkProtocol::kUdp;
    rest = rest.substr(0, slash);
  }
  const auto malformed = [&] {
    return Fail(Code::kInvalidArgument,
                fmt::format("--publish '{}' is not [ADDRESS:]HOST:GUEST[/udp], such as 8080:80", text));
  };
  const size_t guest_colon = rest.rfind(':');
  if (guest_colon == std::string_view::npos) return malformed();
  const std::string_view guest = rest.substr(guest_colon + 1);
  std::string_view host = rest.substr(0, guest_colon);
  if (const size_t host_colon = host.rfind(':'); host_colon != std::string_view::npos) {
    std::string_view address = host.substr(0, host_colon);
    if (address.size() > 2 && address.front() == '[' && address.back() == ']') {
      address = address.substr(1, address.size() - 2);
    } else if (address.find(':') != std::string_view::npos) {
      return malformed();
    }
    forward.host_address = address;
    host = host.substr(host_colon + 1);
  }
  VC_ASSIGN_OR_RETURN(const auto host_ports, ParsePorts(host, text));
  VC_ASSIGN_OR_RETURN(const auto guest_ports, ParsePorts(guest, text));
  forward.host_port = host_ports.first;
  forward.guest_port = guest_ports.first;
  forward.count = static_cast<uint16_t>(host_ports.second - host_ports.first + 1);
  if (guest_ports.second - guest_ports.first + 1 != forward.count) {
    return Fail(Code::kInvalidArgument,
                fmt::format("--publish '{}': the ranges have {} and {} ports: give equal ones", text,
                            forward.count, guest_ports.second - guest_ports.first + 1));
  }
  return forward;
}

Result<Route> ParseRoute(std::string_view text) {
  const size_t at = text.find('@');
  Route route;
  route.destination = text.substr(0, at);
  if (at != std::string_view::npos) route.gateway = text.substr(at + 1);
  if (route.destination == "default") {
    route.destination = route.gateway.find(':') == std::string::npos ? "0.0.0.0/0" : "::/0";
  }
  return route;
}

std::string ForwardText(const PortForward& forward) {
  const auto ports = [&](uint16_t first) {
    return forward.count == 1 ? fmt::format("{}", first)
                              : fmt::format("{}-{}", first, first + forward.count - 1);
  };
  const bool ipv6 = forward.host_address.find(':') != std::string::npos;
  const std::string address = forward.host_address.empty() ? ""
                              : ipv6                       ? "[" + forward.host_address + "]:"
                                                           : forward.host_address + ":";
  return fmt::format("{}{}:{}/{}", address, ports(forward.host_port), ports(forward.guest_port),
                     forward.protocol == NetworkProtocol::kTcp ? "tcp" : "udp");
}

void NetworkOptions::Declare(Options& options) {
  options.Group("The network")
      .List("--network,--net", "KIND", networks,
            "none, user, cni[:LIST], namespace:PATH, tap:DEVICE or bridge:NAME, followed by options such as "
            "',mtu=9000'; any number (user)")
      .List("-p,--publish", "[IP:]HOST:GUEST[/udp]", ports,
            "a port of the host that reaches a port of the guest, such as 8080:80; any number");
}

Status NetworkOptions::Apply(PodConfig& config) const {
  const bool none = std::find(networks.begin(), networks.end(), "none") != networks.end();
  if (none && networks.size() > 1) {
    return Fail(Code::kInvalidArgument, "--network none excludes other networks: give one of them");
  }
  for (const std::string& text : networks) {
    if (none) break;
    VC_ASSIGN_OR_RETURN(config.networks.emplace_back(), ParseNetwork(text));
  }
  // A pod that runs nothing has nothing to connect.
  const bool runs = config.hypervisor.type != "mock" && config.agent.type != "noop";
  if (networks.empty() && (runs || !ports.empty())) config.networks.emplace_back();
  if (ports.empty()) return {};
  const auto takes =
      std::find_if(config.networks.begin(), config.networks.end(), [](const NetworkConfig& network) {
        return network.kind == NetworkKind::kUser || network.kind == NetworkKind::kCni;
      });
  if (takes == config.networks.end()) {
    return Fail(
        Code::kInvalidArgument,
        "--publish '" + ports.front() + "' needs a network that forwards ports: add --network user, or cni");
  }
  for (const std::string& port : ports) {
    VC_ASSIGN_OR_RETURN(takes->forwards.emplace_back(), ParseForward(port));
  }
  return {};
}

}  // namespace virtc
