#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <charconv>
#include <map>
#include <net/if.h>
#include <vector>

#include "base/errors.h"
#include "base/network_address.h"
#include "guest/agent/network/netlink.h"
#include "guest/agent/network/network.h"

namespace virtcontainers::guest {

namespace {

constexpr int kMaxAddresses = 1024;

std::string Text(std::string_view value) { return std::string(value.substr(0, value.find('\0'))); }

// By index, in the kernel's order.
Result<std::map<int, types::Interface>> Links(Netlink& netlink) {
  std::map<int, types::Interface> links;
  VC_RETURN_IF_ERROR(
      netlink.Dump(NetlinkMessage(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{}), [&](const NetlinkAnswer& answer) {
        const auto* info = answer.As<ifinfomsg>();
        if (answer.type != RTM_NEWLINK || info == nullptr) return;
        auto attributes = answer.Attributes(sizeof(*info));
        types::Interface& link = links[info->ifi_index];
        link.set_name(Text(attributes[IFLA_IFNAME]));
        link.set_device(link.name());
        link.set_mtu(NumberOf(attributes[IFLA_MTU]));
        link.set_hwaddr(FormatMac(attributes[IFLA_ADDRESS]));
        link.set_raw_flags(info->ifi_flags);
      }));
  return links;
}

using AddressVisitor = std::function<void(int index, const types::IPAddress& address)>;

Status ForEachAddress(Netlink& netlink, const AddressVisitor& visit) {
  return netlink.Dump(NetlinkMessage(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{}), [&](const NetlinkAnswer& answer) {
    const auto* info = answer.As<ifaddrmsg>();
    if (answer.type != RTM_NEWADDR || info == nullptr) return;
    auto attributes = answer.Attributes(sizeof(*info));
    // Of a point-to-point link IFA_ADDRESS is the other end.
    const bool local = attributes.count(IFA_LOCAL) != 0;
    types::IPAddress address;
    address.set_family(info->ifa_family == AF_INET6 ? types::v6 : types::v4);
    address.set_address(FormatIp(attributes[local ? IFA_LOCAL : IFA_ADDRESS]));
    address.set_mask(std::to_string(info->ifa_prefixlen));
    visit(static_cast<int>(info->ifa_index), address);
  });
}

Status ChangeAddress(Netlink& netlink, uint16_t type, uint16_t flags, int index,
                     const types::IPAddress& address) {
  VC_ASSIGN_OR_RETURN(
      const IpAddress ip,
      ParseIp(address.mask().empty() ? address.address() : address.address() + "/" + address.mask()));
  ifaddrmsg body{};
  body.ifa_family = ip.family;
  body.ifa_prefixlen = ip.prefix;
  body.ifa_index = static_cast<uint32_t>(index);
  // Containers must be able to use it at once: nobody else on this link has the address.
  if (ip.family == AF_INET6) body.ifa_flags = IFA_F_NODAD;
  NetlinkMessage message(type, flags | NLM_F_ACK, body);
  message.AddBytes(IFA_LOCAL, ip.bytes);
  message.AddBytes(IFA_ADDRESS, ip.bytes);
  auto status = netlink.Do(message);
  if (!status) status.error().AddContext("address " + Quoted(address.address()));
  return status;
}

NetlinkMessage LinkChange(int index, unsigned flags, unsigned mask) {
  ifinfomsg body{};
  body.ifi_index = index;
  body.ifi_flags = flags;
  body.ifi_change = mask;
  return NetlinkMessage(RTM_NEWLINK, NLM_F_ACK, body);
}

// Neither its name nor its hardware address can change while it is up.
Status Rename(Netlink& netlink, int index, const types::Interface& is, const types::Interface& wanted,
              const std::string& mac) {
  const bool rename = !wanted.name().empty() && wanted.name() != is.name();
  const bool readdress = !mac.empty() && FormatMac(mac) != is.hwaddr();
  if (!rename && !readdress) return {};
  VC_RETURN_IF_ERROR(netlink.Do(LinkChange(index, 0, IFF_UP)));
  NetlinkMessage message = LinkChange(index, 0, 0);
  if (rename) message.AddString(IFLA_IFNAME, wanted.name());
  if (readdress) message.AddBytes(IFLA_ADDRESS, mac);
  return netlink.Do(message);
}

// The host says which addresses and routes the guest has: what a router announces changes none of them.
void IgnoreRouters(const std::string& name) {
  const UniqueFd file(
      ::open(("/proc/sys/net/ipv6/conf/" + name + "/accept_ra").c_str(), O_WRONLY | O_CLOEXEC));
  // A guest without IPv6 has no such file.
  if (file && ::write(file.get(), "0", 1) != 1) return;
}

bool Same(const types::IPAddress& a, const types::IPAddress& b) {
  return a.address() == b.address() && a.mask() == b.mask();
}

Status ReplaceAddresses(Netlink& netlink, int index, const types::Interface& wanted) {
  std::vector<types::IPAddress> there;
  VC_RETURN_IF_ERROR(ForEachAddress(netlink, [&](int of, const types::IPAddress& address) {
    // Link-local ones are the kernel's own.
    if (of == index && address.address().compare(0, 4, "fe80") != 0) there.push_back(address);
  }));
  for (const types::IPAddress& old : there) {
    bool stays = false;
    for (const types::IPAddress& address : wanted.ipaddresses()) stays |= Same(old, address);
    if (!stays) VC_RETURN_IF_ERROR(ChangeAddress(netlink, RTM_DELADDR, 0, index, old));
  }
  for (const types::IPAddress& address : wanted.ipaddresses()) {
    VC_RETURN_IF_ERROR(ChangeAddress(netlink, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, index, address));
  }
  return {};
}

}  // namespace

Result<grpc::Interfaces> ListInterfaces() {
  VC_ASSIGN_OR_RETURN(Netlink netlink, Netlink::Open());
  VC_ASSIGN_OR_RETURN(auto links, Links(netlink));
  VC_RETURN_IF_ERROR(ForEachAddress(netlink, [&](int index, const types::IPAddress& address) {
    const auto link = links.find(index);
    if (link != links.end()) *link->second.add_ipaddresses() = address;
  }));
  grpc::Interfaces interfaces;
  for (auto& [index, link] : links) *interfaces.add_interfaces() = std::move(link);
  return interfaces;
}

Status UpdateInterface(const types::Interface& wanted) {
  if (wanted.name().size() >= IFNAMSIZ || wanted.name().find('/') != std::string::npos) {
    return Fail(Code::kInvalidArgument, Quoted(wanted.name()) + " is not a name for an interface");
  }
  if (wanted.ipaddresses_size() > kMaxAddresses) return Fail(Code::kInvalidArgument, "too many addresses");
  if (wanted.mtu() > UINT16_MAX)
    return Fail(Code::kInvalidArgument, "mtu " + std::to_string(wanted.mtu()) + " is too large");
  std::string mac;
  if (!wanted.hwaddr().empty()) {
    VC_ASSIGN_OR_RETURN(mac, ParseMac(wanted.hwaddr()));
  }
  VC_ASSIGN_OR_RETURN(Netlink netlink, Netlink::Open());
  VC_ASSIGN_OR_RETURN(const auto links, Links(netlink));
  int index = 0;
  for (const auto& [at, link] : links) {
    if (!mac.empty() && link.hwaddr() == FormatMac(mac)) index = at;
  }
  for (const auto& [at, link] : links) {
    if (index == 0 && !wanted.name().empty() && link.name() == wanted.name()) index = at;
  }
  if (index == 0) {
    return Fail(Code::kNotFound, "there is no interface with hardware address " + Quoted(wanted.hwaddr()) +
                                     " or name " + Quoted(wanted.name()));
  }
  const auto name = [&](Error error) {
    return tl::make_unexpected(std::move(error).AddContext("interface " + Quoted(wanted.name())));
  };
  if (auto status = Rename(netlink, index, links.at(index), wanted, mac); !status)
    return name(std::move(status.error()));
  if (auto status = ReplaceAddresses(netlink, index, wanted); !status) return name(std::move(status.error()));
  IgnoreRouters(wanted.name().empty() ? links.at(index).name() : wanted.name());
  const bool no_arp = (wanted.raw_flags() & IFF_NOARP) != 0;
  NetlinkMessage up =
      LinkChange(index, IFF_UP | (no_arp ? static_cast<unsigned>(IFF_NOARP) : 0u), IFF_UP | IFF_NOARP);
  if (wanted.mtu() != 0) up.AddU32(IFLA_MTU, static_cast<uint32_t>(wanted.mtu()));
  if (auto status = netlink.Do(up); !status) return name(std::move(status.error()));
  return {};
}

Status AddNeighbors(const grpc::ARPNeighbors& neighbors) {
  VC_ASSIGN_OR_RETURN(Netlink netlink, Netlink::Open());
  for (const types::ARPNeighbor& neighbor : neighbors.arpneighbors()) {
    const std::string& address = neighbor.toipaddress().address();
    VC_ASSIGN_OR_RETURN(const IpAddress ip, ParseIp(address));
    ndmsg body{};
    body.ndm_family = ip.family;
    body.ndm_ifindex = static_cast<int>(::if_nametoindex(neighbor.device().c_str()));
    if (body.ndm_ifindex == 0)
      return Fail(Code::kNotFound, "there is no interface " + Quoted(neighbor.device()));
    body.ndm_state = static_cast<uint16_t>(neighbor.state() != 0 ? neighbor.state() : NUD_PERMANENT);
    body.ndm_flags = static_cast<uint8_t>(neighbor.flags());
    NetlinkMessage message(RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, body);
    message.AddBytes(NDA_DST, ip.bytes);
    if (!neighbor.lladdr().empty()) {
      VC_ASSIGN_OR_RETURN(const std::string mac, ParseMac(neighbor.lladdr()));
      message.AddBytes(NDA_LLADDR, mac);
    }
    if (auto status = netlink.Do(message); !status) {
      return Fail(std::move(status.error()).AddContext("neighbour " + Quoted(address)));
    }
  }
  return {};
}

}  // namespace virtcontainers::guest
