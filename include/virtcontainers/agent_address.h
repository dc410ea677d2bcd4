// Where the host reaches the agent in the guest: what a Hypervisor returns and an Agent connects to.

#ifndef VIRTCONTAINERS_AGENT_ADDRESS_H_
#define VIRTCONTAINERS_AGENT_ADDRESS_H_

#include <cstdint>
#include <string>
#include <variant>

namespace virtcontainers {

// The vsock port on which the agent listens.
inline constexpr uint32_t kAgentPort = 1024;

// The host's end of a virtio-serial port: a unix socket with one stream of bytes that does not end with the
// connection.
struct SerialSocket {
  std::string path;

  friend bool operator==(const SerialSocket&, const SerialSocket&) = default;
};

// AF_VSOCK. (vsock(7))
struct VsockAddress {
  uint32_t cid = 0;
  uint32_t port = kAgentPort;

  friend bool operator==(const VsockAddress&, const VsockAddress&) = default;
};

// A unix socket of the VMM that connects to the guest's vsock ports: the client writes "CONNECT <port>\n" and
// reads "OK <number>\n". (Firecracker, docs/vsock.md; Cloud Hypervisor, docs/vsock.md)
struct HybridVsock {
  std::string path;
  uint32_t port = kAgentPort;

  friend bool operator==(const HybridVsock&, const HybridVsock&) = default;
};

// std::monostate is the address of a VM without an agent.
using AgentAddress = std::variant<std::monostate, SerialSocket, VsockAddress, HybridVsock>;

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_AGENT_ADDRESS_H_
