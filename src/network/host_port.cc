#include "network/host_port.h"

#include <arpa/inet.h>
#include <cerrno>
#include <netinet/in.h>

#include "base/errors.h"
#include "base/unique_fd.h"

namespace virtcontainers {

Result<SocketAddress> MakeSocketAddress(const std::string& ip, uint16_t port) {
  SocketAddress address;
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (::inet_pton(AF_INET, ip.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.size = sizeof *v4;
    return address;
  }
  if (::inet_pton(AF_INET6, ip.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.size = sizeof *v6;
    return address;
  }
  return Fail(Code::kInvalidArgument, Quoted(ip) + " is no address");
}

std::vector<std::string> HostAddressesOf(const PortForward& forward, bool ipv6) {
  if (!forward.host_address.empty()) return {forward.host_address};
  if (ipv6) return {"0.0.0.0", "::"};
  return {"0.0.0.0"};
}

Error HostPortError(const std::string& ip, uint16_t port, NetworkProtocol protocol, int error) {
  const std::string name =
      "port " + std::to_string(port) + (protocol == NetworkProtocol::kUdp ? "/udp" : "/tcp") + " of " + ip;
  switch (error) {
    case EADDRINUSE:
      return Error(Code::kFailedPrecondition,
                   name + " is taken on the host: choose another, or end what listens there");
    case EACCES:
      return Error(
          Code::kPermissionDenied,
          name + " is for root: choose one above net.ipv4.ip_unprivileged_port_start, or run as root");
    case EADDRNOTAVAIL:
      return Error(Code::kInvalidArgument,
                   name + " cannot be forwarded: the host has no such address, name one of its own");
    default:
      return ErrnoError("forward " + name, error);
  }
}

Status CheckHostPort(const std::string& ip, uint16_t port, NetworkProtocol protocol) {
  VC_ASSIGN_OR_RETURN(const SocketAddress address, MakeSocketAddress(ip, port));
  const bool udp = protocol == NetworkProtocol::kUdp;
  const UniqueFd probe(
      ::socket(address.get()->sa_family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0));
  if (!probe) return Fail(HostPortError(ip, port, protocol, errno));
  const int one = 1;
  if (address.ipv6()) (void)::setsockopt(probe.get(), IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  // Connections of one that has ended do not keep a port of TCP.
  if (!udp) (void)::setsockopt(probe.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (::bind(probe.get(), address.get(), address.size) == 0) return {};
  return Fail(HostPortError(ip, port, protocol, errno));
}

Status CheckHostPorts(const std::vector<PortForward>& forwards, bool ipv6) {
  for (const PortForward& forward : forwards) {
    for (const std::string& ip : HostAddressesOf(forward, ipv6)) {
      for (int i = 0; i < forward.count; ++i)
        VC_RETURN_IF_ERROR(CheckHostPort(ip, static_cast<uint16_t>(forward.host_port + i), forward.protocol));
    }
  }
  return {};
}

}  // namespace virtcontainers
