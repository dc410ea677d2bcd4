#include "network/traffic_control.h"

#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <limits>

#include "base/errors.h"
#include "network/link.h"

namespace virtcontainers {
namespace {

// clsact's, which is also ingress's, whose filters have no other place.
constexpr uint32_t kIngress = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
constexpr uint32_t kEgress = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS);
constexpr uint32_t kLimitHandle = 0x7c0d0000;
// What waits for its turn is sent within this time, or dropped.
constexpr double kQueueSeconds = 0.05;
constexpr uint64_t kMinBurst = 64 * 1024;
constexpr uint32_t kFrameOverhead = 22;  // of an MTU: addresses, type, a VLAN tag, and room

tcmsg TcHeader(int index, uint32_t parent, uint32_t handle = 0, uint32_t info = 0) {
  tcmsg header{};
  header.tcm_family = AF_UNSPEC;
  header.tcm_ifindex = index;
  header.tcm_parent = parent;
  header.tcm_handle = handle;
  header.tcm_info = info;
  return header;
}

uint32_t FilterInfo(uint16_t priority) { return TC_H_MAKE(uint32_t{priority} << 16, htons(ETH_P_ALL)); }

struct Qdisc {
  std::string kind;
  uint32_t handle = 0;
  uint32_t parent = 0;
};

Result<std::vector<Qdisc>> ListQdiscs(Netlink& netlink, int index) {
  std::vector<Qdisc> qdiscs;
  VC_RETURN_IF_ERROR(netlink.Dump(
      [&] { return NetlinkRequest(RTM_GETQDISC, NLM_F_DUMP, TcHeader(index, 0)); },
      "list the qdiscs of a network device", [&] { qdiscs.clear(); },
      [&](uint16_t type, std::string_view payload) {
        if (type != RTM_NEWQDISC) return;
        const auto answer = ReadAnswer<tcmsg>(payload);
        if (!answer || answer->first.tcm_ifindex != index) return;
        qdiscs.push_back({answer->second.Text(TCA_KIND), answer->first.tcm_handle, answer->first.tcm_parent});
      }));
  return qdiscs;
}

Result<std::set<uint16_t>> FiltersOf(Netlink& netlink, int index, uint32_t parent) {
  std::set<uint16_t> priorities;
  const Status listed =
      netlink.Dump([&] { return NetlinkRequest(RTM_GETTFILTER, NLM_F_DUMP, TcHeader(index, parent)); },
                   "list the filters of a network device", [&] { priorities.clear(); },
                   [&](uint16_t type, std::string_view payload) {
                     if (type != RTM_NEWTFILTER) return;
                     const auto answer = ReadAnswer<tcmsg>(payload);
                     if (answer)
                       priorities.insert(static_cast<uint16_t>(TC_H_MAJ(answer->first.tcm_info) >> 16));
                   });
  if (!listed && listed.error().code() != Code::kNotFound) return Fail(listed.error());
  return priorities;
}

// Whether the kernel's "no" means that there is nothing to remove.
bool IsGone(int error) { return error == ENOENT || error == ENODEV || error == EINVAL; }

// The kernel says ENOENT for a kind of qdisc, classifier or action that it does not have.
Status TcResult(const Netlink::Verdict& verdict, std::string_view what, std::string_view part) {
  if (verdict.error == 0) return {};
  if (verdict.error == ENOENT) return Fail(MissingFromKernel(part));
  return Fail(NetlinkError(what, verdict));
}

Status CheckPriorityFree(Netlink& netlink, int index, uint16_t priority) {
  VC_ASSIGN_OR_RETURN(const std::set<uint16_t> taken, FiltersOf(netlink, index, kIngress));
  if (taken.count(priority) == 0) return {};
  return Fail(Code::kAlreadyExists,
              "the device has a filter of priority " + std::to_string(priority) + " already");
}

}  // namespace

Status AddIngress(Netlink& netlink, int index) {
  NetlinkRequest request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL,
                         TcHeader(index, TC_H_CLSACT, TC_H_MAKE(TC_H_CLSACT, 0)));
  request.PutText(TCA_KIND, "clsact");
  VC_ASSIGN_OR_RETURN(const Netlink::Verdict verdict, netlink.Ask(request));
  if (verdict.error == EEXIST) return {};
  return TcResult(verdict, "add a clsact qdisc", "clsact qdisc (sch_ingress)");
}

Result<std::set<uint16_t>> IngressFilters(Netlink& netlink, int index) {
  return FiltersOf(netlink, index, kIngress);
}

Status RemoveUnusedIngress(Netlink& netlink, int index) {
  VC_ASSIGN_OR_RETURN(const std::set<uint16_t> ingress, FiltersOf(netlink, index, kIngress));
  VC_ASSIGN_OR_RETURN(const std::set<uint16_t> egress, FiltersOf(netlink, index, kEgress));
  if (!ingress.empty() || !egress.empty()) return {};
  NetlinkRequest request(RTM_DELQDISC, 0, TcHeader(index, TC_H_CLSACT, TC_H_MAKE(TC_H_CLSACT, 0)));
  VC_ASSIGN_OR_RETURN(const Netlink::Verdict verdict, netlink.Ask(request));
  if (verdict.error != 0 && !IsGone(verdict.error))
    return Fail(NetlinkError("remove a clsact qdisc", verdict));
  return {};
}

Status AddRedirect(Netlink& netlink, int index, uint16_t priority, int target) {
  VC_RETURN_IF_ERROR(CheckPriorityFree(netlink, index, priority));
  NetlinkRequest request(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL,
                         TcHeader(index, kIngress, 0, FilterInfo(priority)));
  request.PutText(TCA_KIND, "u32");
  request.Nest(TCA_OPTIONS, [&] {
    // Without a key every frame matches, however short.
    tc_u32_sel selector{};
    selector.flags = TC_U32_TERMINAL;
    request.PutBytes(TCA_U32_SEL, &selector, sizeof(selector));
    request.Nest(TCA_U32_ACT, [&] {
      request.Nest(1, [&] {
        request.PutText(TCA_ACT_KIND, "mirred");
        request.Nest(TCA_ACT_OPTIONS, [&] {
          tc_mirred mirred{};
          mirred.action = TC_ACT_STOLEN;
          mirred.eaction = TCA_EGRESS_REDIR;
          mirred.ifindex = static_cast<uint32_t>(target);
          request.PutBytes(TCA_MIRRED_PARMS, &mirred, sizeof(mirred));
        });
      });
    });
  });
  VC_ASSIGN_OR_RETURN(const Netlink::Verdict verdict, netlink.Ask(request));
  return TcResult(verdict, "redirect a network device",
                  "u32 classifier or mirred action (cls_u32, act_mirred)");
}

Result<int> RedirectTarget(Netlink& netlink, int index, uint16_t priority) {
  int target = 0;
  const Status listed = netlink.Dump(
      [&] {
        return NetlinkRequest(RTM_GETTFILTER, NLM_F_DUMP, TcHeader(index, kIngress, 0, FilterInfo(priority)));
      },
      "read the redirect of a network device", [&] { target = 0; },
      [&](uint16_t type, std::string_view payload) {
        if (type != RTM_NEWTFILTER) return;
        const auto answer = ReadAnswer<tcmsg>(payload);
        if (!answer || TC_H_MAJ(answer->first.tcm_info) >> 16 != priority) return;
        const NetlinkAttributes actions = answer->second.Nested(TCA_OPTIONS).Nested(TCA_U32_ACT);
        const std::string_view bytes = actions.Nested(1).Nested(TCA_ACT_OPTIONS).Bytes(TCA_MIRRED_PARMS);
        tc_mirred mirred{};
        if (bytes.size() < sizeof(mirred)) return;
        std::memcpy(&mirred, bytes.data(), sizeof(mirred));
        target = static_cast<int>(mirred.ifindex);
      });
  if (!listed && listed.error().code() != Code::kNotFound) return Fail(listed.error());
  return target;
}

Status AddProgram(Netlink& netlink, int index, uint16_t priority, int program) {
  VC_RETURN_IF_ERROR(CheckPriorityFree(netlink, index, priority));
  NetlinkRequest request(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL,
                         TcHeader(index, kIngress, 0, FilterInfo(priority)));
  request.PutText(TCA_KIND, "bpf");
  request.Nest(TCA_OPTIONS, [&] {
    request.PutU32(TCA_BPF_FD, static_cast<uint32_t>(program));
    request.PutText(TCA_BPF_NAME, "virtcontainers");
    request.PutU32(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
  });
  VC_ASSIGN_OR_RETURN(const Netlink::Verdict verdict, netlink.Ask(request));
  return TcResult(verdict, "attach a program to a network device", "bpf classifier (cls_bpf)");
}

Status RemoveIngressFilter(Netlink& netlink, int index, uint16_t priority) {
  NetlinkRequest request(RTM_DELTFILTER, 0, TcHeader(index, kIngress, 0, FilterInfo(priority)));
  VC_ASSIGN_OR_RETURN(const Netlink::Verdict verdict, netlink.Ask(request));
  if (verdict.error != 0 && !IsGone(verdict.error))
    return Fail(NetlinkError("remove a filter of a network device", verdict));
  return {};
}

RateLimit WithBurst(const RateLimit& limit, uint32_t mtu) {
  constexpr uint64_t kMost = std::numeric_limits<uint32_t>::max() / 4;
  const uint64_t wanted = limit.burst != 0 ? limit.burst : std::max(limit.rate / 50, kMinBurst);
  return {limit.rate, std::clamp<uint64_t>(wanted, uint64_t{mtu} + kFrameOverhead, kMost)};
}

Status LimitEgress(Netlink& netlink, int index, const std::string& name, const RateLimit& limit,
                   uint32_t mtu) {
  if (limit.rate == 0) return {};
  VC_ASSIGN_OR_RETURN(const std::vector<Qdisc> qdiscs, ListQdiscs(netlink, index));
  for (const Qdisc& qdisc : qdiscs) {
    // The kernel's own have no handle.
    if (qdisc.parent != TC_H_ROOT || TC_H_MAJ(qdisc.handle) == 0) continue;
    if (qdisc.handle == kLimitHandle)
      return Fail(Code::kAlreadyExists, "network device " + Quoted(name) + " has a limit of ours already");
    return Fail(Code::kFailedPrecondition,
                "network device " + Quoted(name) + " has a root qdisc of kind " + Quoted(qdisc.kind) +
                    ", which is not ours, and takes no limit beside it: remove either");
  }
  const RateLimit whole = WithBurst(limit, mtu);
  const auto queue = static_cast<uint64_t>(static_cast<double>(whole.rate) * kQueueSeconds);
  tc_tbf_qopt options{};
  options.rate.linklayer = TC_LINKLAYER_ETHERNET;
  options.rate.rate =
      static_cast<uint32_t>(std::min<uint64_t>(whole.rate, std::numeric_limits<uint32_t>::max()));
  options.limit = static_cast<uint32_t>(
      std::min<uint64_t>(whole.burst + queue, std::numeric_limits<uint32_t>::max() / 2));
  NetlinkRequest request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE,
                         TcHeader(index, TC_H_ROOT, kLimitHandle));
  request.PutText(TCA_KIND, "tbf");
  request.Nest(TCA_OPTIONS, [&] {
    request.PutBytes(TCA_TBF_PARMS, &options, sizeof(options));
    request.PutU32(TCA_TBF_BURST, static_cast<uint32_t>(whole.burst));
    if (whole.rate > std::numeric_limits<uint32_t>::max()) request.PutU64(TCA_TBF_RATE64, whole.rate);
  });
  VC_ASSIGN_OR_RETURN(const Netlink::Verdict verdict, netlink.Ask(request));
  return TcResult(verdict, "limit network device " + Quoted(name), "tbf qdisc (sch_tbf)");
}

Status RemoveEgressLimit(Netlink& netlink, int index) {
  VC_ASSIGN_OR_RETURN(const std::vector<Qdisc> qdiscs, ListQdiscs(netlink, index));
  for (const Qdisc& qdisc : qdiscs) {
    if (qdisc.parent != TC_H_ROOT || qdisc.handle != kLimitHandle || qdisc.kind != "tbf") continue;
    NetlinkRequest request(RTM_DELQDISC, 0, TcHeader(index, TC_H_ROOT, kLimitHandle));
    VC_ASSIGN_OR_RETURN(const Netlink::Verdict verdict, netlink.Ask(request));
    if (verdict.error != 0 && !IsGone(verdict.error))
      return Fail(NetlinkError("remove the limit of a network device", verdict));
  }
  return {};
}

}  // namespace virtcontainers
