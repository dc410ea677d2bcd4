// KataAgent's calls on the guest's network.

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "agent.pb.h"
#include "agent/kata/kata_agent.h"
#include "agent/kata/kata_calls.h"
#include "base/errors.h"
#include "base/network_address.h"
#include "types.pb.h"

namespace virtcontainers {
namespace {

types::IPFamily FamilyOf(const IpAddress& ip) { return ip.family == AF_INET6 ? types::v6 : types::v4; }

Result<types::Route> ToWire(const Route& route, const std::string& interface) {
  VC_ASSIGN_OR_RETURN(const IpAddress destination, ParseIp(route.destination));
  types::Route wire;
  wire.set_dest(route.destination);
  wire.set_gateway(route.gateway);
  wire.set_source(route.source);
  wire.set_device(interface);
  wire.set_family(FamilyOf(destination));
  wire.set_metric(route.metric);
  if (route.gateway.empty() && destination.family == AF_INET) wire.set_scope(RT_SCOPE_LINK);
  if (route.onlink) wire.set_flags(RTNH_F_ONLINK);
  return wire;
}

}  // namespace

Status KataAgent::UpdateInterface(const NetworkInterface& interface, Deadline deadline) {
  grpc::UpdateInterfaceRequest request;
  types::Interface& wire = *request.mutable_interface();
  wire.set_name(interface.name);
  wire.set_device(interface.name);
  wire.set_hwaddr(interface.mac);
  wire.set_mtu(interface.mtu);
  for (const std::string& address : interface.addresses) {
    VC_ASSIGN_OR_RETURN(const IpAddress ip, ParseIp(address));
    types::IPAddress& added = *wire.add_ipaddresses();
    added.set_family(FamilyOf(ip));
    added.set_address(FormatIp(ip.bytes));
    added.set_mask(std::to_string(ip.prefix));
  }
  VC_RETURN_IF_ERROR(Done(Call("UpdateInterface", request, deadline)));
  if (interface.neighbors.empty()) return {};
  grpc::AddARPNeighborsRequest neighbors;
  for (const Neighbor& neighbor : interface.neighbors) {
    VC_ASSIGN_OR_RETURN(const IpAddress ip, ParseIp(neighbor.address));
    types::ARPNeighbor& added = *neighbors.mutable_neighbors()->add_arpneighbors();
    added.mutable_toipaddress()->set_family(FamilyOf(ip));
    added.mutable_toipaddress()->set_address(neighbor.address);
    added.set_device(interface.name);
    added.set_lladdr(neighbor.mac);
    added.set_state(NUD_PERMANENT);
  }
  return Done(Call("AddARPNeighbors", neighbors, deadline));
}

Status KataAgent::UpdateRoutes(const std::vector<NetworkInterface>& interfaces, Deadline deadline) {
  grpc::UpdateRoutesRequest request;
  for (const NetworkInterface& interface : interfaces) {
    for (const Route& route : interface.routes) {
      VC_ASSIGN_OR_RETURN(*request.mutable_routes()->add_routes(), ToWire(route, interface.name));
    }
  }
  return Done(Call("UpdateRoutes", request, deadline));
}

}  // namespace virtcontainers
