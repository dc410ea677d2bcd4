#include "network/bridge_port.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include <cerrno>

#include "base/errors.h"
#include "base/network_address.h"
#include "network/link.h"
#include "network/netlink.h"
#include "network/tap.h"

namespace virtcontainers {
namespace {

// Both ends at once, each in its place: if this process ends now, they end with the namespace.
Status MakePair(Netlink& netlink, const NetworkNamespace& space, const BridgePortOptions& options,
                const std::string& port, const Link& bridge, uint32_t mtu) {
  VC_ASSIGN_OR_RETURN(const std::string mac, ParseMac(options.mac));
  const ifinfomsg header{};
  NetlinkRequest request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, header);
  request.PutText(IFLA_IFNAME, port);
  request.PutU32(IFLA_MTU, mtu);
  request.PutU32(IFLA_MASTER, static_cast<uint32_t>(bridge.index));
  request.Nest(IFLA_LINKINFO, [&] {
    request.PutText(IFLA_INFO_KIND, "veth");
    request.Nest(IFLA_INFO_DATA, [&] {
      request.Nest(VETH_INFO_PEER, [&] {
        request.Append(&header, sizeof(header));
        request.PutText(IFLA_IFNAME, options.interface);
        request.PutU32(IFLA_MTU, mtu);
        request.PutBytes(IFLA_ADDRESS, mac.data(), mac.size());
        request.PutU32(IFLA_NET_NS_FD, static_cast<uint32_t>(space.fd()));
      });
    });
  });
  VC_ASSIGN_OR_RETURN(const Netlink::Verdict verdict, netlink.Ask(request));
  if (verdict.error == EEXIST)
    return Fail(Code::kAlreadyExists, "network device " + Quoted(port) + " or interface " +
                                          Quoted(options.interface) +
                                          " exists already: a pod uses it, or is just going away");
  if (verdict.error == EOPNOTSUPP) return Fail(MissingFromKernel("veth devices"));
  if (verdict.error == EPERM)
    return Fail(Code::kPermissionDenied,
                "make a port of bridge " + Quoted(bridge.name) + ": this needs CAP_NET_ADMIN of the host");
  if (verdict.error != 0) return Fail(NetlinkError("make a port of bridge " + Quoted(bridge.name), verdict));
  return {};
}

Status BringUp(const NetworkNamespace& space, Netlink& netlink, const std::string& port,
               const std::string& interface) {
  VC_ASSIGN_OR_RETURN(const Link outer, FindLink(netlink, port));
  VC_RETURN_IF_ERROR(ChangeLink(netlink, outer.index, {.up = true, .no_own_address = true}));
  return space.Run([&]() -> Status {
    VC_ASSIGN_OR_RETURN(Netlink inside, Netlink::Open());
    VC_ASSIGN_OR_RETURN(const Link inner, FindLink(inside, interface));
    return ChangeLink(inside, inner.index, {.up = true, .no_own_address = true});
  });
}

}  // namespace

std::string BridgePortName(const std::string& key) { return DeriveLinkName("vcp", key); }

Result<BridgePort> BridgePort::Create(const NetworkNamespace& space, const BridgePortOptions& options) {
  if (!IsLinkName(options.interface))
    return Fail(Code::kInvalidArgument, Quoted(options.interface) + " cannot be the name of an interface");
  VC_ASSIGN_OR_RETURN(Netlink netlink, Netlink::Open());
  const Result<Link> bridge = FindLink(netlink, options.bridge);
  if (!bridge && bridge.error().code() == Code::kNotFound)
    return Fail(Code::kNotFound, "there is no bridge " + Quoted(options.bridge) +
                                     ": make it with: ip link add " + options.bridge + " type bridge");
  VC_RETURN_IF_ERROR(bridge);
  if (bridge->kind != "bridge")
    return Fail(Code::kFailedPrecondition, "network device " + Quoted(options.bridge) +
                                               " is no bridge, but of kind " +
                                               Quoted(bridge->kind.empty() ? "device" : bridge->kind));
  BridgePort made;
  made.port = BridgePortName(options.key);
  made.mtu = options.mtu != 0 ? options.mtu : bridge->mtu;
  VC_RETURN_IF_ERROR(MakePair(netlink, space, options, made.port, *bridge, made.mtu));
  if (Status status = BringUp(space, netlink, made.port, options.interface); !status) {
    const Result<Link> port = FindLink(netlink, made.port);
    if (port) (void)DeleteLink(netlink, port->index);
    return Fail(std::move(status.error()));
  }
  return made;
}

Status BridgePort::Remove(const std::string& key) {
  VC_ASSIGN_OR_RETURN(Netlink netlink, Netlink::Open());
  const Result<Link> port = FindLink(netlink, BridgePortName(key));
  if (!port) return port.error().code() == Code::kNotFound ? Status() : Fail(port.error());
  const Status deleted = DeleteLink(netlink, port->index);
  // Its namespace may have taken it away meanwhile.
  if (!deleted && !FindLink(netlink, port->name)) return {};
  return deleted;
}

}  // namespace virtcontainers
