#include "network/network_rights.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/errors.h"
#include "base/unique_fd.h"
#include "network/link.h"
#include "network/netlink.h"
#include "network/network_namespace.h"
#include "network/sender_filter.h"
#include "network/traffic_control.h"

namespace virtcontainers {
namespace {

constexpr int kLoopback = 1;

bool HasEffective(int capability) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return false;
  return (data[capability / 32].effective & (1u << (capability % 32))) != 0;
}

// Tries each part where nobody sees it.
Status TryParts(NetworkRights& rights) {
  VC_ASSIGN_OR_RETURN(Netlink netlink, Netlink::Open());
  const auto need = [&](const Status& status) {
    if (!status) rights.missing.push_back(status.error().message());
    return status.has_value();
  };
  const auto want = [&](const Status& status, const char* without) {
    if (!status) rights.limited.push_back(status.error().message() + "; " + without);
  };
  if (need(AddIngress(netlink, kLoopback))) {
    need(AddRedirect(netlink, kLoopback, kRedirectPriority, kLoopback));
    const auto attach = [&]() -> Status {
      VC_ASSIGN_OR_RETURN(const std::vector<bpf_insn> program,
                          SenderFilter({"02:00:00:00:00:01", {"192.0.2.1", "2001:db8::1"}}));
      VC_ASSIGN_OR_RETURN(const UniqueFd loaded, LoadClassifier(program));
      return AddProgram(netlink, kLoopback, kSenderPriority, loaded.get());
    };
    want(attach(), "what a guest sends cannot be checked");
  }
  want(LimitEgress(netlink, kLoopback, "lo", {1'000'000, 0}, 1500), "networks cannot be limited");
  want(MakeLink(netlink, "probe-ifb", "ifb"), "what the guest of a tap sends cannot be limited");
  want(MakeLink(netlink, "probe-br", "bridge"), "there are no networks of kind bridge");
  want(MakeLink(netlink, "probe-veth", "veth"), "there are no networks of kind bridge");
  return {};
}

}  // namespace

NetworkRights CheckNetworkRights() {
  NetworkRights rights;
  if (!HasEffective(CAP_NET_ADMIN)) rights.missing.push_back("no CAP_NET_ADMIN: run as root");
  const UniqueFd tun(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!tun)
    rights.missing.push_back("/dev/net/tun cannot be opened (" + std::string(std::strerror(errno)) +
                             "): load the module tun, or run as root");
  if (!HasEffective(CAP_SYS_ADMIN)) {
    rights.missing.push_back("no CAP_SYS_ADMIN, which network namespaces need: run as root");
    return rights;
  }
  const Result<NetworkNamespace> space = NetworkNamespace::Create("a probe's");
  Status tried = space ? space->Run([&] { return TryParts(rights); }) : Fail(space.error());
  if (!tried) rights.missing.push_back(tried.error().message());
  return rights;
}

}  // namespace virtcontainers
