// Ports of the host that are to be forwarded. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_HOST_PORT_H_
#define VIRTCONTAINERS_SRC_NETWORK_HOST_PORT_H_

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "virtcontainers/error.h"
#include "virtcontainers/network.h"

namespace virtcontainers {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  bool ipv6() const { return storage.ss_family == AF_INET6; }
};

// Errors: InvalidArgument for text that is no address.
Result<SocketAddress> MakeSocketAddress(const std::string& ip, uint16_t port);

// The addresses of the host that a forward is bound to: its own, or all of each family.
std::vector<std::string> HostAddressesOf(const PortForward& forward, bool ipv6);

// What bind(2) said of a port, with the way out.
Error HostPortError(const std::string& ip, uint16_t port, NetworkProtocol protocol, int error);

// Binds the port and lets go of it: nobody else has it, not even one that shares it. Errors:
// FailedPrecondition for a port that is taken, PermissionDenied, InvalidArgument for an address that is not
// the host's.
Status CheckHostPort(const std::string& ip, uint16_t port, NetworkProtocol protocol);

// The same of all ports of all forwards.
Status CheckHostPorts(const std::vector<PortForward>& forwards, bool ipv6);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_HOST_PORT_H_
