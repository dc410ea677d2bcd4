// A network that CNI plugins make, as a network of a pod. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_CNI_NETWORK_H_
#define VIRTCONTAINERS_SRC_NETWORK_CNI_NETWORK_H_

#include <utility>

#include "network/cni/record.h"
#include "network/held_namespace.h"
#include "network/host_network.h"

namespace virtcontainers {

// Plugins attach a namespace of the pod's own, whose interfaces the guest takes over.
class CniNetwork final : public HostNetwork {
 public:
  CniNetwork(NetworkConfig config, Context context)
      : config_(std::move(config)), context_(std::move(context)) {}

  Result<Made> Make(Deadline deadline) override;
  Status Bind(const ProcessIdentity& vm, Deadline deadline) override { return space_.Bind(vm, deadline); }
  Status Adopt(const NetworkTraces& traces, Deadline deadline) override;
  Status Release(Deadline deadline) override;
  void Leave() override { space_.Leave(); }

 private:
  // The list, and what its plugins are asked for. `bandwidth`: a plugin of the list limits the traffic.
  Result<cni::Record> Plan(bool& bandwidth, Deadline deadline) const;
  Status Note(const cni::Record& record);

  const NetworkConfig config_;
  const Context context_;
  HeldNamespace space_;
  NetworkTraces traces_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_CNI_NETWORK_H_
