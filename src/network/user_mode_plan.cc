#include "network/user_mode_plan.h"

#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <utility>

#include "base/errors.h"
#include "base/network_address.h"
#include "os/file.h"

namespace virtcontainers {
namespace {

constexpr uint32_t kLeastIpv6Mtu = 1280;  // (RFC 8200, section 5)
constexpr size_t kMaxResolvConf = 64 << 10;

// The address `n` after the subnet's first.
std::string NthAddress(std::string first, unsigned n) {
  first.back() = static_cast<char>(static_cast<unsigned char>(first.back()) + n);
  return first;
}

Result<UsernetSubnet> PlanSubnet(const std::string& text) {
  VC_ASSIGN_OR_RETURN(const IpAddress guest, ParseIp(text));
  const unsigned bits = static_cast<unsigned>(guest.bytes.size()) * 8;
  const unsigned most = bits - 3;  // room for the guest, the gateway and the name server
  if (guest.prefix < 8 || guest.prefix > most) {
    return Fail(
        Code::kInvalidArgument,
        "address " + Quoted(text) + " of a user-mode network needs a prefix of 8 to " + std::to_string(most));
  }
  std::string first = guest.bytes;
  for (unsigned bit = guest.prefix; bit < bits; ++bit) {
    first[bit / 8] = static_cast<char>(static_cast<unsigned char>(first[bit / 8]) & ~(0x80U >> bit % 8));
  }
  const auto byte = static_cast<unsigned char>(guest.bytes[0]);
  const bool usable = bits == 32 ? byte != 0 && byte != 127 && byte < 224 : byte != 0 && byte < 0xfe;
  if (!usable || guest.bytes == first) {
    return Fail(Code::kInvalidArgument, "address " + Quoted(text) +
                                            " cannot be the guest's: name one of a private "
                                            "network, such as 10.0.2.15/24");
  }
  UsernetSubnet subnet;
  subnet.network = FormatIp(first);
  subnet.prefix = guest.prefix;
  subnet.guest = FormatIp(guest.bytes);
  std::vector<std::string> others;
  for (unsigned n = 1; others.size() < 2; ++n) {
    // 10.0.2.2 and 10.0.2.3 are what people know.
    const std::string other = NthAddress(first, n + (guest.prefix <= most - 1 ? 1 : 0));
    if (other != guest.bytes) others.push_back(FormatIp(other));
  }
  subnet.gateway = others[0];
  subnet.nameserver = others[1];
  return subnet;
}

Status CheckForward(const PortForward& forward) {
  const auto fits = [&](uint16_t first) { return first != 0 && first + forward.count <= 65536; };
  if (forward.count != 0 && fits(forward.host_port) && fits(forward.guest_port)) return {};
  return Fail(Code::kInvalidArgument, "a forward of " + std::to_string(forward.count) + " ports from " +
                                          std::to_string(forward.host_port) + " to " +
                                          std::to_string(forward.guest_port) +
                                          ": ports are 1 to 65535, and at least one");
}

}  // namespace

DnsConfig ParseResolvConf(std::string_view text) {
  DnsConfig dns;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string key, word;
    words >> key;
    if (key == "nameserver" && words >> word) dns.servers.push_back(word);
    if (key == "search") {
      dns.searches.clear();
      while (words >> word) dns.searches.push_back(word);
    }
    if (key == "options") {
      while (words >> word) dns.options.push_back(word);
    }
  }
  return dns;
}

UserModeHost LookAtUserModeHost() {
  UserModeHost host;
  // A line for each address, "lo" included: none where IPv6 is off.
  host.ipv6 = !ReadFile("/proc/thread-self/net/if_inet6", 1 << 20).value_or("").empty();
  host.dns = ParseResolvConf(ReadFile("/etc/resolv.conf", kMaxResolvConf).value_or(""));
  return host;
}

Result<UsernetOptions> PlanUserMode(const std::vector<std::string>& addresses, uint32_t mtu,
                                    const std::vector<PortForward>& forwards, const UserModeHost& host) {
  UsernetOptions plan;
  plan.mtu = mtu == 0 ? kUserModeMtu : mtu;
  if (plan.mtu < kUserModeLeastMtu || plan.mtu > kUserModeMostMtu) {
    return Fail(Code::kInvalidArgument, "mtu " + std::to_string(mtu) + " of a user-mode network: choose " +
                                            std::to_string(kUserModeLeastMtu) + " to " +
                                            std::to_string(kUserModeMostMtu));
  }
  std::optional<UsernetSubnet> ipv4, ipv6;
  for (const std::string& address : addresses) {
    VC_ASSIGN_OR_RETURN(UsernetSubnet subnet, PlanSubnet(address));
    std::optional<UsernetSubnet>& place = address.find(':') == std::string::npos ? ipv4 : ipv6;
    if (place) {
      return Fail(Code::kInvalidArgument,
                  "address " + Quoted(address) + ": a user-mode network has one address of each family");
    }
    place = std::move(subnet);
  }
  if (!ipv4) {
    VC_ASSIGN_OR_RETURN(ipv4, PlanSubnet(kUserModeIpv4));
  }
  if (!ipv6) {
    VC_ASSIGN_OR_RETURN(ipv6, PlanSubnet(kUserModeIpv6));
  }
  plan.ipv4 = std::move(*ipv4);
  if (host.ipv6 && plan.mtu >= kLeastIpv6Mtu) plan.ipv6 = std::move(ipv6);
  for (const PortForward& forward : forwards) VC_RETURN_IF_ERROR(CheckForward(forward));
  plan.forwards = forwards;
  return plan;
}

NetworkInterface UserModeGuest(const UsernetOptions& plan) {
  NetworkInterface guest;
  guest.mtu = plan.mtu;
  const auto add = [&](const UsernetSubnet& subnet, const char* everything) {
    guest.addresses.push_back(subnet.guest + "/" + std::to_string(subnet.prefix));
    Route route;
    route.destination = everything;
    route.gateway = subnet.gateway;
    guest.routes.push_back(std::move(route));
  };
  add(plan.ipv4, "0.0.0.0/0");
  if (plan.ipv6) add(*plan.ipv6, "::/0");
  return guest;
}

DnsConfig UserModeDns(const UsernetOptions& plan, const UserModeHost& host) {
  DnsConfig dns;
  const auto has = [&](int family) {
    return std::any_of(host.dns.servers.begin(), host.dns.servers.end(), [&](const std::string& server) {
      const Result<IpAddress> address = ParseIp(server.substr(0, server.find('%')));
      return address && address->family == family;
    });
  };
  if (has(AF_INET)) dns.servers.push_back(plan.ipv4.nameserver);
  if (plan.ipv6 && has(AF_INET6)) dns.servers.push_back(plan.ipv6->nameserver);
  if (!dns.servers.empty()) dns.searches = host.dns.searches;
  return dns;
}

}  // namespace virtcontainers
