#include "network/tap_link.h"

#include <linux/if.h>

#include "base/errors.h"
#include "network/link.h"
#include "network/netlink.h"
#include "network/tap.h"
#include "network/traffic_control.h"

namespace virtcontainers {
namespace {

// A device that gets those multicast frames only that its own kernel has asked for.
bool FiltersMulticast(const Link& link) { return link.kind == "macvlan" || link.kind == "macvtap"; }

Status UndoInterface(Netlink& netlink, const Link& link) {
  VC_ASSIGN_OR_RETURN(const std::set<uint16_t> filters, IngressFilters(netlink, link.index));
  // The filter last: it says what else there is.
  VC_RETURN_IF_ERROR(RemoveEgressLimit(netlink, link.index));
  if (filters.count(kMulticastRedirectPriority) != 0) {
    VC_RETURN_IF_ERROR(ChangeLink(netlink, link.index, {.all_multicast = false}));
    VC_RETURN_IF_ERROR(RemoveIngressFilter(netlink, link.index, kMulticastRedirectPriority));
  }
  if (filters.count(kRedirectPriority) != 0)
    VC_RETURN_IF_ERROR(RemoveIngressFilter(netlink, link.index, kRedirectPriority));
  return RemoveUnusedIngress(netlink, link.index);
}

Status JoinInterface(Netlink& netlink, const Link& link, const Link& tap, const NetworkLimits& limits) {
  VC_RETURN_IF_ERROR(LimitEgress(netlink, link.index, link.name, limits.transmit, link.mtu));
  VC_RETURN_IF_ERROR(AddIngress(netlink, link.index));
  const bool multicast = FiltersMulticast(link) && (link.flags & IFF_ALLMULTI) == 0;
  VC_RETURN_IF_ERROR(AddRedirect(netlink, link.index,
                                 multicast ? kMulticastRedirectPriority : kRedirectPriority, tap.index));
  if (multicast) VC_RETURN_IF_ERROR(ChangeLink(netlink, link.index, {.all_multicast = true}));
  return {};
}

Status PrepareTap(Netlink& netlink, const Link& link, const Link& tap, const TapLinkOptions& options) {
  VC_RETURN_IF_ERROR(ChangeLink(netlink, tap.index, {.mtu = link.mtu, .no_own_address = true}));
  VC_RETURN_IF_ERROR(LimitEgress(netlink, tap.index, tap.name, options.limits.receive, link.mtu));
  VC_RETURN_IF_ERROR(AddIngress(netlink, tap.index));
  if (options.sender) {
    VC_ASSIGN_OR_RETURN(const std::vector<bpf_insn> program, SenderFilter(*options.sender));
    VC_ASSIGN_OR_RETURN(const UniqueFd loaded, LoadClassifier(program));
    VC_RETURN_IF_ERROR(AddProgram(netlink, tap.index, kSenderPriority, loaded.get()));
  }
  VC_RETURN_IF_ERROR(AddRedirect(netlink, tap.index, kRedirectPriority, link.index));
  return ChangeLink(netlink, tap.index, {.up = true});
}

Result<TapLink> JoinHere(const TapLinkOptions& options) {
  VC_ASSIGN_OR_RETURN(Netlink netlink, Netlink::Open());
  VC_ASSIGN_OR_RETURN(const Link link, FindLink(netlink, options.interface));
  const std::string who = "interface " + Quoted(link.name);
  if (link.loopback() || !link.ethernet())
    return Fail(Code::kFailedPrecondition, who + " is no Ethernet device: a guest cannot take its place");
  if (!link.up())
    return Fail(Code::kFailedPrecondition,
                who + " is down: bring it up with: ip link set " + link.name + " up");
  VC_ASSIGN_OR_RETURN(const std::set<uint16_t> filters, IngressFilters(netlink, link.index));
  if (filters.count(kRedirectPriority) != 0 || filters.count(kMulticastRedirectPriority) != 0)
    return Fail(Code::kAlreadyExists,
                who + " is joined to a tap already: another pod uses it, or has left it so");
  TapLink joined;
  VC_ASSIGN_OR_RETURN(joined.queues, MakeTap(options.tap, options.queues));
  VC_ASSIGN_OR_RETURN(const Link tap, FindLink(netlink, options.tap));
  VC_RETURN_IF_ERROR(PrepareTap(netlink, link, tap, options));
  if (Status status = JoinInterface(netlink, link, tap, options.limits); !status) {
    // A limit that was there before is not of this call, and none of the rest has been made then.
    if (status.error().code() != Code::kAlreadyExists) (void)UndoInterface(netlink, link);
    return Fail(std::move(status.error()));
  }
  return joined;
}

// Whether the tap that the interface is joined to exists: as long as a VM has it.
Result<bool> IsJoined(Netlink& netlink, const Link& link) {
  VC_ASSIGN_OR_RETURN(const std::vector<Link> links, ListLinks(netlink));
  for (const uint16_t priority : {kRedirectPriority, kMulticastRedirectPriority}) {
    VC_ASSIGN_OR_RETURN(const int target, RedirectTarget(netlink, link.index, priority));
    for (const Link& each : links) {
      if (target != 0 && each.index == target) return true;
    }
  }
  return false;
}

Status UndoInNamespace(const NetworkNamespace& space, const std::string& interface, bool only_abandoned) {
  return space.Run([&]() -> Status {
    VC_ASSIGN_OR_RETURN(Netlink netlink, Netlink::Open());
    const Result<Link> link = FindLink(netlink, interface);
    if (!link && link.error().code() == Code::kNotFound) return {};
    VC_RETURN_IF_ERROR(link);
    if (only_abandoned) {
      VC_ASSIGN_OR_RETURN(const bool joined, IsJoined(netlink, *link));
      if (joined) return {};
    }
    return UndoInterface(netlink, *link);
  });
}

}  // namespace

Result<TapLink> TapLink::Create(const NetworkNamespace& space, const TapLinkOptions& options) {
  Result<TapLink> joined = InNamespace(space, [&] { return JoinHere(options); });
  if (!joined)
    joined.error().AddContext("join interface " + Quoted(options.interface) + " of " + Quoted(space.name()) +
                              " to a tap");
  return joined;
}

Status TapLink::Undo(const NetworkNamespace& space, const std::string& interface) {
  return UndoInNamespace(space, interface, false);
}

Status TapLink::UndoAbandoned(const NetworkNamespace& space, const std::string& interface) {
  return UndoInNamespace(space, interface, true);
}

}  // namespace virtcontainers
