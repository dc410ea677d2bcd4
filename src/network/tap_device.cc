#include "network/tap_device.h"

#include "base/errors.h"
#include "network/link.h"
#include "network/netlink.h"
#include "network/tap.h"
#include "network/traffic_control.h"

namespace virtcontainers {
namespace {

Status UndoTap(Netlink& netlink, const std::string& name) {
  const Result<Link> tap = FindLink(netlink, name);
  if (!tap && tap.error().code() != Code::kNotFound) return Fail(tap.error());
  if (tap) {
    VC_RETURN_IF_ERROR(RemoveEgressLimit(netlink, tap->index));
    VC_RETURN_IF_ERROR(RemoveIngressFilter(netlink, tap->index, kRedirectPriority));
    VC_RETURN_IF_ERROR(RemoveIngressFilter(netlink, tap->index, kSenderPriority));
    VC_RETURN_IF_ERROR(RemoveUnusedIngress(netlink, tap->index));
  }
  const Result<Link> ifb = FindLink(netlink, IfbName(name));
  if (!ifb && ifb.error().code() == Code::kNotFound) return {};
  VC_RETURN_IF_ERROR(ifb);
  return DeleteLink(netlink, ifb->index);
}

// What leaves an ifb device goes on where it was taken from.
Status LimitSending(Netlink& netlink, const Link& tap, const RateLimit& limit) {
  const std::string name = IfbName(tap.name);
  VC_RETURN_IF_ERROR(MakeLink(netlink, name, "ifb"));
  VC_ASSIGN_OR_RETURN(const Link ifb, FindLink(netlink, name));
  VC_RETURN_IF_ERROR(LimitEgress(netlink, ifb.index, name, limit, tap.mtu));
  VC_RETURN_IF_ERROR(ChangeLink(netlink, ifb.index, {.up = true, .no_own_address = true}));
  return AddRedirect(netlink, tap.index, kRedirectPriority, ifb.index);
}

Status PrepareHostTap(Netlink& netlink, const Link& tap, const TapDeviceOptions& options) {
  VC_RETURN_IF_ERROR(LimitEgress(netlink, tap.index, tap.name, options.limits.receive, tap.mtu));
  if (!options.sender && options.limits.transmit.rate == 0) return {};
  VC_RETURN_IF_ERROR(AddIngress(netlink, tap.index));
  if (options.sender) {
    VC_ASSIGN_OR_RETURN(const std::vector<bpf_insn> program, SenderFilter(*options.sender));
    VC_ASSIGN_OR_RETURN(const UniqueFd loaded, LoadClassifier(program));
    VC_RETURN_IF_ERROR(AddProgram(netlink, tap.index, kSenderPriority, loaded.get()));
  }
  if (options.limits.transmit.rate == 0) return {};
  return LimitSending(netlink, tap, options.limits.transmit);
}

}  // namespace

std::string IfbName(const std::string& tap) { return DeriveLinkName("vcifb", tap); }

Result<TapDevice> TapDevice::Open(const TapDeviceOptions& options) {
  TapDevice device;
  VC_ASSIGN_OR_RETURN(device.queues, OpenTap(options.tap, options.queues));
  VC_ASSIGN_OR_RETURN(Netlink netlink, Netlink::Open());
  VC_ASSIGN_OR_RETURN(const Link tap, FindLink(netlink, options.tap));
  device.mtu = tap.mtu;
  device.multi_queue = tap.tun && tap.tun->multi_queue;
  VC_ASSIGN_OR_RETURN(const std::set<uint16_t> filters, IngressFilters(netlink, tap.index));
  if (filters.count(kSenderPriority) != 0 || filters.count(kRedirectPriority) != 0)
    return Fail(Code::kAlreadyExists,
                "tap " + Quoted(options.tap) + " has limits or rules of another pod, which were not undone");
  if (options.before_changes) VC_RETURN_IF_ERROR(options.before_changes());
  if (Status status = PrepareHostTap(netlink, tap, options); !status) {
    if (status.error().code() != Code::kAlreadyExists) (void)UndoTap(netlink, options.tap);
    return Fail(std::move(status.error()));
  }
  return device;
}

Status TapDevice::Undo(const std::string& tap) {
  VC_ASSIGN_OR_RETURN(Netlink netlink, Netlink::Open());
  return UndoTap(netlink, tap);
}

}  // namespace virtcontainers
