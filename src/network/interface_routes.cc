#include "network/interface_routes.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "base/errors.h"
#include "base/network_address.h"

namespace virtcontainers {
namespace {

rtmsg RouteHeader() {
  rtmsg header{};
  header.rtm_family = AF_UNSPEC;
  return header;
}

std::string DestinationOf(const rtmsg& header, const NetlinkAttributes& attributes) {
  std::string address = FormatIp(attributes.Bytes(RTA_DST));
  if (address.empty()) address = header.rtm_family == AF_INET ? "0.0.0.0" : "::";
  return address + "/" + std::to_string(header.rtm_dst_len);
}

// The devices of a route with several next hops. (rtnexthop of rtnetlink(7))
std::vector<int> NextHopDevices(std::string_view bytes) {
  std::vector<int> devices;
  while (bytes.size() >= sizeof(rtnexthop)) {
    rtnexthop hop;
    std::memcpy(&hop, bytes.data(), sizeof(hop));
    devices.push_back(hop.rtnh_ifindex);
    const size_t size = RTNH_ALIGN(hop.rtnh_len);
    if (hop.rtnh_len < sizeof(rtnexthop) || size > bytes.size()) break;
    bytes.remove_prefix(size);
  }
  return devices;
}

std::optional<FoundRoute> ReadRoute(uint16_t type, std::string_view payload) {
  if (type != RTM_NEWROUTE) return std::nullopt;
  const auto answer = ReadAnswer<rtmsg>(payload);
  if (!answer) return std::nullopt;
  const auto& [header, attributes] = *answer;
  if (header.rtm_type != RTN_UNICAST || (header.rtm_flags & RTM_F_CLONED) != 0) return std::nullopt;
  if (header.rtm_family != AF_INET && header.rtm_family != AF_INET6) return std::nullopt;
  if (attributes.U32(RTA_TABLE).value_or(header.rtm_table) != RT_TABLE_MAIN) return std::nullopt;

  FoundRoute found;
  found.index = static_cast<int>(attributes.U32(RTA_OIF).value_or(0));
  found.connected = header.rtm_protocol == RTPROT_KERNEL;
  found.learned = header.rtm_protocol == RTPROT_RA;
  found.devices = NextHopDevices(attributes.Bytes(RTA_MULTIPATH));
  if (found.index != 0) found.devices.push_back(found.index);
  found.route.destination = DestinationOf(header, attributes);
  found.route.gateway = FormatIp(attributes.Bytes(RTA_GATEWAY));
  found.route.source = FormatIp(attributes.Bytes(RTA_PREFSRC));
  found.route.metric = attributes.U32(RTA_PRIORITY).value_or(0);
  found.route.onlink = (header.rtm_flags & RTNH_F_ONLINK) != 0;
  if (attributes.has(RTA_MULTIPATH)) found.obstacle = "several next hops";
  if (attributes.has(RTA_VIA)) found.obstacle = "a gateway of the other address family";
  if (attributes.has(RTA_ENCAP)) found.obstacle = "an encapsulation";
  return found;
}

}  // namespace

Result<std::vector<FoundRoute>> ListRoutes(Netlink& netlink) {
  std::vector<FoundRoute> routes;
  VC_RETURN_IF_ERROR(netlink.Dump([] { return NetlinkRequest(RTM_GETROUTE, NLM_F_DUMP, RouteHeader()); },
                                  "list the routes", [&] { routes.clear(); },
                                  [&](uint16_t type, std::string_view payload) {
                                    if (auto route = ReadRoute(type, payload))
                                      routes.push_back(std::move(*route));
                                  }));
  return routes;
}

}  // namespace virtcontainers
