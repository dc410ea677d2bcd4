// A tap device of the host, as a network of a pod. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_TAP_NETWORK_H_
#define VIRTCONTAINERS_SRC_NETWORK_TAP_NETWORK_H_

#include <utility>

#include "network/host_network.h"

namespace virtcontainers {

class TapNetwork final : public HostNetwork {
 public:
  TapNetwork(NetworkConfig config, Context context)
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

#endif  // VIRTCONTAINERS_SRC_NETWORK_TAP_NETWORK_H_
