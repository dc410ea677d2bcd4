#include "network_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "network_options.h"
#include "value_text.h"

namespace virtc {

using virtcontainers::Json;
using virtcontainers::Neighbor;
using virtcontainers::NetworkInterface;
using virtcontainers::NetworkProtocol;
using virtcontainers::NetworkStatus;
using virtcontainers::PortForward;
using virtcontainers::Route;

namespace {

Json RouteJson(const Route& route) {
  return Json{{"destination", route.destination},
              {"gateway", Known(route.gateway)},
              {"source", Known(route.source)},
              {"metric", route.metric},
              {"onlink", route.onlink}};
}

Json InterfaceJson(const NetworkInterface& interface) {
  Json routes = Json::array(), neighbors = Json::array();
  for (const Route& route : interface.routes) routes.push_back(RouteJson(route));
  for (const Neighbor& neighbor : interface.neighbors) {
    neighbors.push_back(Json{{"address", neighbor.address}, {"mac", neighbor.mac}});
  }
  return Json{{"name", interface.name},      {"mac", interface.mac},
              {"mtu", interface.mtu},        {"addresses", interface.addresses},
              {"routes", std::move(routes)}, {"neighbors", std::move(neighbors)}};
}

Json ForwardJson(const PortForward& forward) {
  return Json{{"host_address", Known(forward.host_address)},
              {"host_port", forward.host_port},
              {"guest_port", forward.guest_port},
              {"count", forward.count},
              {"protocol", forward.protocol == NetworkProtocol::kTcp ? "tcp" : "udp"}};
}

std::string Gateways(const NetworkInterface& interface) {
  std::vector<std::string> gateways;
  for (const Route& route : interface.routes) {
    if (!route.gateway.empty() && route.destination.ends_with("/0")) gateways.push_back(route.gateway);
  }
  return fmt::format("{}", fmt::join(gateways, ", "));
}

}  // namespace

Json NetworkJson(const NetworkStatus& network) {
  Json interfaces = Json::array(), forwards = Json::array();
  for (const NetworkInterface& interface : network.interfaces) interfaces.push_back(InterfaceJson(interface));
  for (const PortForward& forward : network.forwards) forwards.push_back(ForwardJson(forward));
  return Json{{"name", network.name},
              {"kind", NetworkKindName(network.kind)},
              {"host", Known(network.host)},
              {"interfaces", std::move(interfaces)},
              {"forwards", std::move(forwards)},
              {"dns", Json{{"servers", network.dns.servers},
                           {"searches", network.dns.searches},
                           {"options", network.dns.options}}}};
}

Table NetworkTable(const std::vector<NetworkStatus>& networks) {
  Table table{{"NETWORK", "KIND", "INTERFACE", "MAC", "ADDRESSES", "GATEWAY", "HOST"}, {}};
  for (const NetworkStatus& network : networks) {
    const std::string kind(NetworkKindName(network.kind));
    if (network.interfaces.empty()) table.rows.push_back({network.name, kind, "", "", "", "", network.host});
    for (const NetworkInterface& interface : network.interfaces) {
      table.rows.push_back({network.name, kind, interface.name, interface.mac,
                            fmt::format("{}", fmt::join(interface.addresses, ", ")), Gateways(interface),
                            network.host});
    }
  }
  return table;
}

Report NetworkReport(const std::vector<NetworkStatus>& networks) {
  Report report{Json::array(), {}};
  for (const NetworkStatus& network : networks) report.json.push_back(NetworkJson(network));
  report.text.emplace_back(NetworkTable(networks));
  return report;
}

Report PortReport(const std::vector<NetworkStatus>& networks) {
  Report report{Json::array(), {}};
  Table table{{"NETWORK", "FORWARD"}, {}};
  for (const NetworkStatus& network : networks) {
    for (const PortForward& forward : network.forwards) {
      Json json = ForwardJson(forward);
      json["network"] = network.name;
      report.json.push_back(std::move(json));
      table.rows.push_back({network.name, ForwardText(forward)});
    }
  }
  report.text.emplace_back(std::move(table));
  return report;
}

}  // namespace virtc
