// A port of a bridge of the host, as a network of a pod. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_BRIDGE_NETWORK_H_
#define VIRTCONTAINERS_SRC_NETWORK_BRIDGE_NETWORK_H_

#include <string>
#include <utility>

#include "network/held_namespace.h"
#include "network/host_network.h"

namespace virtcontainers {

// The port's other end is in a namespace of the pod's own, where the guest is held to its limits and
// addresses as with every other kind: the bridge's host has nothing to undo.
class BridgeNetwork final : public HostNetwork {
 public:
  BridgeNetwork(NetworkConfig config, Context context)
      : config_(std::move(config)), context_(std::move(context)) {}

  Result<Made> Make(Deadline deadline) override;
  Status Bind(const ProcessIdentity& vm, Deadline deadline) override { return space_.Bind(vm, deadline); }
  Status Adopt(const NetworkTraces& traces, Deadline) override { return space_.Rejoin(traces.holder); }
  Status Release(Deadline deadline) override;
  void Leave() override { space_.Leave(); }

 private:
  std::string key() const { return context_.key + " " + config_.name; }

  const NetworkConfig config_;
  const Context context_;
  HeldNamespace space_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_BRIDGE_NETWORK_H_
