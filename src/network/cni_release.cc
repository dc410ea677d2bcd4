#include "network/cni_release.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.h"
#include "base/network_address.h"
#include "network/cni/attachment.h"
#include "network/cni/result.h"
#include "network/link.h"
#include "network/netlink.h"
#include "os/subprocess.h"

namespace virtcontainers {
namespace {

// A path by which another process opens a descriptor of this one.
std::string PathOf(int fd) { return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd); }

bool Masquerades(const cni::List& list) {
  return std::any_of(list.plugins.begin(), list.plugins.end(), [](const cni::Plugin& plugin) {
    const auto masquerade = plugin.config.find("ipMasq");
    return masquerade != plugin.config.end() && masquerade->is_boolean() && masquerade->get<bool>();
  });
}

Status AddAddress(Netlink& netlink, int index, const std::string& text) {
  VC_ASSIGN_OR_RETURN(const IpAddress ip, ParseIp(text));
  ifaddrmsg header{};
  header.ifa_family = ip.family;
  header.ifa_prefixlen = ip.prefix;
  header.ifa_index = static_cast<uint32_t>(index);
  header.ifa_flags = IFA_F_NODAD;
  NetlinkRequest request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, header);
  request.PutBytes(IFA_LOCAL, ip.bytes.data(), ip.bytes.size());
  request.PutBytes(IFA_ADDRESS, ip.bytes.data(), ip.bytes.size());
  return netlink.Do(request, "address " + Quoted(text));
}

// The addresses of the attachment that the host's firewall masquerades, known by the comments that plugins
// give their rules: for one whose result was never written down.
std::vector<std::string> MasqueradedAddresses(const cni::Record& record, Deadline deadline) {
  constexpr std::string_view kRule = "-A POSTROUTING -s ";
  const std::string comment =
      "name: \\\"" + record.list.name + "\\\" id: \\\"" + record.request.container + "\\\"";
  std::vector<std::string> addresses;
  for (const char* program : {"iptables-save", "ip6tables-save"}) {
    const Result<std::string> rules = RunCommand({program, "-t", "nat"}, deadline);
    std::istringstream lines(rules.value_or(""));
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with(kRule) || line.find(comment) == std::string::npos) continue;
      addresses.push_back(line.substr(kRule.size(), line.find(' ', kRule.size()) - kRule.size()));
    }
  }
  return addresses;
}

// Name and addresses of the attachment's interface.
Result<NetworkInterface> InterfaceThen(const cni::Record& record, Deadline deadline) {
  if (record.result.empty()) {
    NetworkInterface interface;
    interface.name = record.request.interface;
    interface.addresses = MasqueradedAddresses(record, deadline);
    return interface;
  }
  VC_ASSIGN_OR_RETURN(const cni::CniResult result,
                      cni::ParseResult(record.result, record.list.versions.back()));
  return cni::InterfaceOf(result, record.request.interface);
}

// A namespace with an interface that has the addresses of the attachment's.
Result<NetworkNamespace> MakeStandIn(const cni::Record& record, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const NetworkInterface interface, InterfaceThen(record, deadline));
  if (interface.addresses.empty()) return Fail(Code::kNotFound, "the attachment has no address");
  VC_ASSIGN_OR_RETURN(const NetworkNamespace space, NetworkNamespace::Create("a stand-in"));
  const Status filled = space.Run([&]() -> Status {
    VC_ASSIGN_OR_RETURN(Netlink netlink, Netlink::Open());
    // Any kind does; this one is there where these plugins are.
    VC_RETURN_IF_ERROR(MakeLink(netlink, interface.name, "bridge"));
    VC_ASSIGN_OR_RETURN(const Link link, FindLink(netlink, interface.name));
    for (const std::string& address : interface.addresses) {
      VC_RETURN_IF_ERROR(AddAddress(netlink, link.index, address));
    }
    return {};
  });
  VC_RETURN_IF_ERROR(filled);
  return space;
}

}  // namespace

Status ReleaseCni(cni::Record record, const NetworkNamespace* space, Deadline deadline) {
  std::optional<NetworkNamespace> stand_in;
  if (space == nullptr && Masquerades(record.list)) {
    // Without one DEL does what it can.
    if (Result<NetworkNamespace> made = MakeStandIn(record, deadline)) stand_in = std::move(*made);
  }
  if (stand_in) space = &*stand_in;
  record.request.netns = space != nullptr ? PathOf(space->fd()) : "";
  Status released = cni::Del(record, deadline);
  if (released || !stand_in) return released;
  // An earlier DEL, whose caller was killed, may have removed the rules: the plugin fails for lack of them,
  // where with the namespace of then it would have found no interface and nothing to do.
  record.request.netns.clear();
  return cni::Del(record, deadline);
}

}  // namespace virtcontainers
