#include "network/link.h"

#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>

#include <cerrno>

#include "base/errors.h"
#include "base/hash.h"
#include "base/network_address.h"

namespace virtcontainers {
namespace {

ifinfomsg LinkHeader(int index) {
  ifinfomsg header{};
  header.ifi_family = AF_UNSPEC;
  header.ifi_index = index;
  return header;
}

std::optional<Link> ReadLink(uint16_t type, std::string_view payload) {
  if (type != RTM_NEWLINK) return std::nullopt;
  const auto answer = ReadAnswer<ifinfomsg>(payload);
  if (!answer) return std::nullopt;
  const auto& [header, attributes] = *answer;
  Link link;
  link.index = header.ifi_index;
  link.flags = header.ifi_flags;
  link.type = header.ifi_type;
  link.name = attributes.Text(IFLA_IFNAME);
  link.mtu = attributes.U32(IFLA_MTU).value_or(0);
  link.master = static_cast<int>(attributes.U32(IFLA_MASTER).value_or(0));
  if (const std::string_view mac = attributes.Bytes(IFLA_ADDRESS); mac.size() == 6) link.mac = FormatMac(mac);
  const NetlinkAttributes info = attributes.Nested(IFLA_LINKINFO);
  link.kind = info.Text(IFLA_INFO_KIND);
  if (link.kind == "tun") {
    const NetlinkAttributes data = info.Nested(IFLA_INFO_DATA);
    link.tun = TunFacts{
        data.U8(IFLA_TUN_TYPE) == IFF_TAP, data.U8(IFLA_TUN_MULTI_QUEUE).value_or(0) != 0,
        data.U32(IFLA_TUN_NUM_QUEUES).value_or(0) + data.U32(IFLA_TUN_NUM_DISABLED_QUEUES).value_or(0)};
  }
  return link;
}

}  // namespace

bool Link::up() const { return (flags & IFF_UP) != 0; }
bool Link::loopback() const { return (flags & IFF_LOOPBACK) != 0; }
bool Link::ethernet() const { return type == ARPHRD_ETHER; }

Result<std::vector<Link>> ListLinks(Netlink& netlink) {
  std::vector<Link> links;
  VC_RETURN_IF_ERROR(netlink.Dump([] { return NetlinkRequest(RTM_GETLINK, NLM_F_DUMP, LinkHeader(0)); },
                                  "list the network devices", [&] { links.clear(); },
                                  [&](uint16_t type, std::string_view payload) {
                                    if (auto link = ReadLink(type, payload))
                                      links.push_back(std::move(*link));
                                  }));
  return links;
}

Result<Link> FindLink(Netlink& netlink, const std::string& name) {
  VC_ASSIGN_OR_RETURN(const std::vector<Link> links, ListLinks(netlink));
  for (const Link& link : links) {
    if (link.name == name) return link;
  }
  return Fail(Code::kNotFound, "there is no network device " + Quoted(name));
}

Status ChangeLink(Netlink& netlink, int index, const LinkChange& change) {
  ifinfomsg header = LinkHeader(index);
  if (change.up) {
    header.ifi_change |= IFF_UP;
    if (*change.up) header.ifi_flags |= IFF_UP;
  }
  if (change.all_multicast) {
    header.ifi_change |= IFF_ALLMULTI;
    if (*change.all_multicast) header.ifi_flags |= IFF_ALLMULTI;
  }
  if (change.no_own_address) {
    NetlinkRequest request(RTM_SETLINK, 0, LinkHeader(index));
    request.Nest(IFLA_AF_SPEC, [&] {
      request.Nest(AF_INET6, [&] { request.PutU8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE); });
    });
    VC_ASSIGN_OR_RETURN(const Netlink::Verdict verdict, netlink.Ask(request));
    // Without IPv6 there is no address to be kept away.
    if (verdict.error != 0 && verdict.error != EAFNOSUPPORT && verdict.error != EOPNOTSUPP)
      return Fail(NetlinkError("turn off a device's own IPv6 address", verdict));
  }
  NetlinkRequest request(RTM_NEWLINK, 0, header);
  if (change.mtu) request.PutU32(IFLA_MTU, *change.mtu);
  if (change.master) request.PutU32(IFLA_MASTER, static_cast<uint32_t>(*change.master));
  return netlink.Do(request, "change a network device");
}

Status DeleteLink(Netlink& netlink, int index) {
  NetlinkRequest request(RTM_DELLINK, 0, LinkHeader(index));
  VC_ASSIGN_OR_RETURN(const Netlink::Verdict verdict, netlink.Ask(request));
  if (verdict.error != 0 && verdict.error != ENODEV)
    return Fail(NetlinkError("delete a network device", verdict));
  return {};
}

Status MakeLink(Netlink& netlink, const std::string& name, const std::string& kind) {
  NetlinkRequest request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, LinkHeader(0));
  request.PutText(IFLA_IFNAME, name);
  request.Nest(IFLA_LINKINFO, [&] { request.PutText(IFLA_INFO_KIND, kind); });
  VC_ASSIGN_OR_RETURN(const Netlink::Verdict verdict, netlink.Ask(request));
  if (verdict.error == EOPNOTSUPP) return Fail(MissingFromKernel("network devices of kind '" + kind + "'"));
  if (verdict.error != 0)
    return Fail(NetlinkError("make network device " + Quoted(name) + " of kind " + Quoted(kind), verdict));
  return {};
}

Error MissingFromKernel(std::string_view part) {
  return Error(Code::kUnimplemented,
               "this kernel has no " + std::string(part) + ": load the module, or use a kernel that has it");
}

std::string DeriveLinkName(std::string_view prefix, std::string_view key) {
  constexpr size_t kMaxName = IFNAMSIZ - 1;
  return (std::string(prefix) + HexDigits(Hash(key))).substr(0, kMaxName);
}

}  // namespace virtcontainers
