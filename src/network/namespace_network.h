// A network namespace that somebody else has made, as a network of a pod. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_NAMESPACE_NETWORK_H_
#define VIRTCONTAINERS_SRC_NETWORK_NAMESPACE_NETWORK_H_

#include <utility>

#include "network/host_network.h"

namespace virtcontainers {

// podman, containerd and CRI hand such a namespace over. Its interfaces lose their traffic to the guest as
// long as the pod runs, and have it again when the network is released.
class NamespaceNetwork final : public HostNetwork {
 public:
  NamespaceNetwork(NetworkConfig config, Context context)
      : config_(std::move(config)), context_(std::move(context)) {}

  Result<Made> Make(Deadline deadline) override;
  Status Adopt(const NetworkTraces& traces, Deadline) override {
    traces_ = traces;
    return {};
  }
  Status Release(Deadline deadline) override;

 private:
  const NetworkConfig config_;
  const Context context_;
  NetworkTraces traces_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_NAMESPACE_NETWORK_H_
