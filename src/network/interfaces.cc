#include "network/interfaces.h"

#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/errors.h"
#include "base/network_address.h"
#include "network/interface_routes.h"
#include "network/link.h"
#include "network/netlink.h"

namespace virtcontainers {
namespace {

struct FoundAddress {
  int index = 0;
  std::string local;    // bytes
  std::string network;  // bytes: of the other end, if that is not the address itself
  uint8_t family = 0;
  uint8_t prefix = 0;
  uint32_t flags = 0;

  uint8_t all_bits() const { return static_cast<uint8_t>(local.size() * 8); }
  // The network that the kernel makes a route to, as text.
  std::string Network() const {
    std::string bytes = network.empty() ? local : network;
    for (size_t bit = prefix; bit < bytes.size() * 8; ++bit)
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] & ~(0x80 >> (bit % 8)));
    return FormatIp(bytes) + "/" + std::to_string(prefix);
  }
};

bool IsLinkLocal(const FoundAddress& address) {
  return address.family == AF_INET6 && static_cast<unsigned char>(address.local[0]) == 0xfe &&
         (static_cast<unsigned char>(address.local[1]) & 0xc0) == 0x80;
}

Result<std::vector<FoundAddress>> ListAddresses(Netlink& netlink) {
  std::vector<FoundAddress> addresses;
  VC_RETURN_IF_ERROR(netlink.Dump(
      [] {
        ifaddrmsg header{};
        header.ifa_family = AF_UNSPEC;
        return NetlinkRequest(RTM_GETADDR, NLM_F_DUMP, header);
      },
      "list the addresses", [&] { addresses.clear(); },
      [&](uint16_t type, std::string_view payload) {
        if (type != RTM_NEWADDR) return;
        const auto answer = ReadAnswer<ifaddrmsg>(payload);
        if (!answer) return;
        const auto& [header, attributes] = *answer;
        if (header.ifa_family != AF_INET && header.ifa_family != AF_INET6) return;
        FoundAddress address;
        address.index = static_cast<int>(header.ifa_index);
        address.family = header.ifa_family;
        address.prefix = header.ifa_prefixlen;
        address.flags = attributes.U32(IFA_FLAGS).value_or(header.ifa_flags);
        const std::string_view other = attributes.Bytes(IFA_ADDRESS);
        address.local = attributes.has(IFA_LOCAL) ? attributes.Bytes(IFA_LOCAL) : other;
        if (other != address.local) address.network = other;
        if (FormatIp(address.local).empty() || (address.flags & IFA_F_DADFAILED) != 0) return;
        addresses.push_back(std::move(address));
      }));
  return addresses;
}

struct FoundNeighbor {
  int index = 0;
  Neighbor neighbor;
};

Result<std::vector<FoundNeighbor>> ListPermanentNeighbors(Netlink& netlink) {
  std::vector<FoundNeighbor> neighbors;
  VC_RETURN_IF_ERROR(netlink.Dump(
      [] {
        ndmsg header{};
        header.ndm_family = AF_UNSPEC;
        return NetlinkRequest(RTM_GETNEIGH, NLM_F_DUMP, header);
      },
      "list the neighbors", [&] { neighbors.clear(); },
      [&](uint16_t type, std::string_view payload) {
        if (type != RTM_NEWNEIGH) return;
        const auto answer = ReadAnswer<ndmsg>(payload);
        if (!answer) return;
        const auto& [header, attributes] = *answer;
        if (header.ndm_family != AF_INET && header.ndm_family != AF_INET6) return;
        const std::string_view mac = attributes.Bytes(NDA_LLADDR);
        if ((header.ndm_state & NUD_PERMANENT) == 0 || mac.size() != 6) return;
        neighbors.push_back({header.ndm_ifindex, {FormatIp(attributes.Bytes(NDA_DST)), FormatMac(mac)}});
      }));
  return neighbors;
}

// Adds an address, and what the guest's kernel would not make of it by itself.
void AddAddress(const FoundAddress& address, const std::vector<FoundRoute>& routes,
                NetworkInterface& interface) {
  const std::string network = address.Network();
  const bool connected = std::any_of(routes.begin(), routes.end(), [&](const FoundRoute& found) {
    return found.index == address.index && found.connected && found.route.destination == network;
  });
  const bool peer = !address.network.empty();
  const uint8_t prefix = connected && !peer ? address.prefix : address.all_bits();
  const std::string local = FormatIp(address.local);
  interface.addresses.push_back(local + "/" + std::to_string(prefix));
  if (!peer || !connected) return;
  Route route;
  route.destination = network;
  if (address.family == AF_INET) route.source = local;
  interface.routes.push_back(std::move(route));
}

Status AddRoutes(const Link& link, const std::vector<FoundRoute>& routes, NetworkInterface& interface) {
  for (const FoundRoute& found : routes) {
    if (found.connected || found.learned) continue;
    if (std::count(found.devices.begin(), found.devices.end(), link.index) == 0) continue;
    if (!found.obstacle.empty())
      return Fail(Code::kFailedPrecondition,
                  "the route to " + Quoted(found.route.destination) + " through interface " +
                      Quoted(link.name) + " has " + found.obstacle +
                      ", which a guest cannot be given: replace it by a route with one gateway");
    interface.routes.push_back(found.route);
  }
  std::stable_sort(interface.routes.begin(), interface.routes.end(),
                   [](const Route& a, const Route& b) { return a.gateway.empty() && !b.gateway.empty(); });
  return {};
}

// "lo, eth0 (veth, down)", for the message that none has an address.
std::string Describe(const std::vector<Link>& links) {
  std::string text;
  for (const Link& link : links) {
    if (!text.empty()) text += ", ";
    text += Quoted(link.name);
    std::string facts = link.kind;
    if (!link.up()) facts += facts.empty() ? "down" : ", down";
    if (!facts.empty()) text += " (" + facts + ")";
  }
  return text;
}

Result<std::vector<FoundInterface>> FindHere(const std::string& name) {
  VC_ASSIGN_OR_RETURN(Netlink netlink, Netlink::Open());
  VC_ASSIGN_OR_RETURN(std::vector<Link> links, ListLinks(netlink));
  VC_ASSIGN_OR_RETURN(const std::vector<FoundAddress> addresses, ListAddresses(netlink));
  VC_ASSIGN_OR_RETURN(const std::vector<FoundRoute> routes, ListRoutes(netlink));
  VC_ASSIGN_OR_RETURN(const std::vector<FoundNeighbor> neighbors, ListPermanentNeighbors(netlink));
  std::sort(links.begin(), links.end(), [](const Link& a, const Link& b) { return a.index < b.index; });

  std::vector<FoundInterface> interfaces;
  for (const Link& link : links) {
    if (link.loopback()) continue;
    FoundInterface found;
    for (const FoundAddress& address : addresses) {
      if (address.index == link.index && !IsLinkLocal(address)) AddAddress(address, routes, found.interface);
    }
    if (found.interface.addresses.empty()) continue;
    if (!link.ethernet() || link.mac.empty())
      return Fail(Code::kFailedPrecondition,
                  "interface " + Quoted(link.name) + " of network namespace " + Quoted(name) +
                      " has an address, and is no Ethernet device: a guest cannot be given it");
    found.index = link.index;
    found.kind = link.kind.empty() ? "device" : link.kind;
    found.host = found.kind + " in " + name;
    found.interface.name = link.name;
    found.interface.mac = link.mac;
    found.interface.mtu = link.mtu;
    VC_RETURN_IF_ERROR(AddRoutes(link, routes, found.interface));
    for (const FoundNeighbor& neighbor : neighbors) {
      if (neighbor.index == link.index) found.interface.neighbors.push_back(neighbor.neighbor);
    }
    interfaces.push_back(std::move(found));
  }
  if (interfaces.empty())
    return Fail(Code::kNotFound, "no interface in network namespace " + Quoted(name) +
                                     " has an address: there is " + Describe(links) +
                                     "; set up the network before the pod is started");
  return interfaces;
}

}  // namespace

Result<std::vector<FoundInterface>> FindInterfaces(const NetworkNamespace& space) {
  return InNamespace(space, [&] { return FindHere(space.name()); });
}

}  // namespace virtcontainers
