#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <array>
#include <cstring>
#include <net/if.h>

#include "base/errors.h"
#include "base/network_address.h"
#include "guest/agent/network/netlink.h"
#include "guest/agent/network/network.h"

namespace virtcontainers::guest {

namespace {

constexpr int kMaxRoutes = 4096;

std::string Destination(const rtmsg& info, std::string_view bytes) {
  if (info.rtm_dst_len == 0) return {};
  return FormatIp(bytes) + "/" + std::to_string(info.rtm_dst_len);
}

// The kernel's own (connected networks, local addresses) come and go with the addresses.
bool IsOurs(const rtmsg& info) {
  return info.rtm_table == RT_TABLE_MAIN && info.rtm_protocol != RTPROT_KERNEL &&
         info.rtm_type == RTN_UNICAST;
}

std::string DeviceName(std::string_view index) {
  std::array<char, IF_NAMESIZE> name{};
  return ::if_indextoname(NumberOf(index), name.data()) == nullptr ? std::string() : name.data();
}

uint32_t Mtu(std::string_view metrics) {
  NetlinkAnswer nested{0, metrics};
  const auto attributes = nested.Attributes(0);
  const auto mtu = attributes.find(RTAX_MTU);
  return mtu == attributes.end() ? 0 : NumberOf(mtu->second);
}

Status Collect(Netlink& netlink, uint8_t family, grpc::Routes* routes) {
  rtmsg body{};
  body.rtm_family = family;
  return netlink.Dump(NetlinkMessage(RTM_GETROUTE, NLM_F_DUMP, body), [&](const NetlinkAnswer& answer) {
    const auto* info = answer.As<rtmsg>();
    if (answer.type != RTM_NEWROUTE || info == nullptr || !IsOurs(*info)) return;
    auto attributes = answer.Attributes(sizeof(*info));
    types::Route& route = *routes->add_routes();
    route.set_dest(Destination(*info, attributes[RTA_DST]));
    route.set_gateway(FormatIp(attributes[RTA_GATEWAY]));
    route.set_source(FormatIp(attributes[RTA_PREFSRC]));
    route.set_device(DeviceName(attributes[RTA_OIF]));
    route.set_scope(info->rtm_scope);
    route.set_family(family == AF_INET6 ? types::v6 : types::v4);
    route.set_flags(info->rtm_flags);
    route.set_metric(NumberOf(attributes[RTA_PRIORITY]));
    route.set_mtu(Mtu(attributes[RTA_METRICS]));
  });
}

Status Change(Netlink& netlink, uint16_t type, uint16_t flags, const types::Route& route) {
  rtmsg body{};
  body.rtm_family = route.family() == types::v6 ? AF_INET6 : AF_INET;
  body.rtm_table = RT_TABLE_MAIN;
  body.rtm_protocol = type == RTM_DELROUTE ? RTPROT_UNSPEC : RTPROT_STATIC;
  body.rtm_scope = static_cast<uint8_t>(route.scope());
  body.rtm_type = RTN_UNICAST;
  body.rtm_flags = route.flags() & RTNH_F_ONLINK;
  std::string destination;
  if (!route.dest().empty()) {
    VC_ASSIGN_OR_RETURN(const IpAddress ip, ParseIp(route.dest()));
    // "0.0.0.0/0" is the default, too.
    body.rtm_family = ip.family;
    body.rtm_dst_len = ip.prefix;
    destination = ip.bytes;
  }
  NetlinkMessage message = [&] { return NetlinkMessage(type, flags | NLM_F_ACK, body); }();
  if (!destination.empty()) message.AddBytes(RTA_DST, destination);
  if (!route.gateway().empty()) {
    VC_ASSIGN_OR_RETURN(const IpAddress ip, ParseIp(route.gateway()));
    message.AddBytes(RTA_GATEWAY, ip.bytes);
  }
  if (!route.source().empty()) {
    VC_ASSIGN_OR_RETURN(const IpAddress ip, ParseIp(route.source()));
    message.AddBytes(RTA_PREFSRC, ip.bytes);
  }
  if (!route.device().empty()) {
    const unsigned index = ::if_nametoindex(route.device().c_str());
    if (index == 0) return Fail(Code::kNotFound, "there is no interface " + Quoted(route.device()));
    message.AddU32(RTA_OIF, index);
  }
  if (route.metric() != 0) message.AddU32(RTA_PRIORITY, route.metric());
  if (route.mtu() != 0) {
    const size_t metrics = message.BeginNested(RTA_METRICS);
    message.AddU32(RTAX_MTU, route.mtu());
    message.EndNested(metrics);
  }
  return netlink.Do(message);
}

}  // namespace

Result<grpc::Routes> ListRoutes() {
  VC_ASSIGN_OR_RETURN(Netlink netlink, Netlink::Open());
  grpc::Routes routes;
  VC_RETURN_IF_ERROR(Collect(netlink, AF_INET, &routes));
  VC_RETURN_IF_ERROR(Collect(netlink, AF_INET6, &routes));
  return routes;
}

Status UpdateRoutes(const grpc::Routes& wanted) {
  if (wanted.routes_size() > kMaxRoutes) return Fail(Code::kInvalidArgument, "too many routes");
  VC_ASSIGN_OR_RETURN(const grpc::Routes old, ListRoutes());
  VC_ASSIGN_OR_RETURN(Netlink netlink, Netlink::Open());
  for (const types::Route& route : old.routes()) {
    if (auto status = Change(netlink, RTM_DELROUTE, 0, route);
        !status && status.error().code() != Code::kNotFound) {
      return Fail(std::move(status.error()).AddContext("remove the route to " + Quoted(route.dest())));
    }
  }
  // Those without a gateway first: a gateway must be reachable when its route is added.
  for (const bool with_gateway : {false, true}) {
    for (const types::Route& route : wanted.routes()) {
      if (route.gateway().empty() == with_gateway) continue;
      if (auto status = Change(netlink, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route); !status) {
        return Fail(std::move(status.error()).AddContext("route to " + Quoted(route.dest())));
      }
    }
  }
  return {};
}

}  // namespace virtcontainers::guest
