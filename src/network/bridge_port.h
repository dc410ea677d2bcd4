// A port of a bridge of the host, whose other end is in a namespace of the pod's. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_BRIDGE_PORT_H_
#define VIRTCONTAINERS_SRC_NETWORK_BRIDGE_PORT_H_

#include <cstdint>
#include <string>

#include "network/network_namespace.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

struct BridgePortOptions {
  std::string bridge;              // in the calling thread's network namespace
  std::string key;                 // names the port: the pod's place and the network's name
  std::string interface = "eth0";  // the name of the other end
  std::string mac;                 // of the other end
  uint32_t mtu = 0;                // 0: the bridge's
};

// A pair of veth devices: a port of the bridge, and the interface that a TapLink joins to the guest. Both are
// gone when the namespace is, some time after its last process or descriptor; Remove takes them away at once.
struct BridgePort {
  std::string port;  // the host's device, BridgePortName(key)
  uint32_t mtu = 0;

  // All of it or nothing. Errors: NotFound and FailedPrecondition for a bridge that does not exist or is
  // something else; AlreadyExists if the port exists: a pod has it, or its namespace is still going away;
  // PermissionDenied without CAP_NET_ADMIN.
  static Result<BridgePort> Create(const NetworkNamespace& space, const BridgePortOptions& options);

  // Removes the pair that Create has made for this key. One that is gone is no error. Errors: those of the
  // system.
  static Status Remove(const std::string& key);
};

// At most 15 bytes.
std::string BridgePortName(const std::string& key);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_BRIDGE_PORT_H_
