// A network whose descriptor the caller hands over. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_DESCRIPTOR_NETWORK_H_
#define VIRTCONTAINERS_SRC_NETWORK_DESCRIPTOR_NETWORK_H_

#include <utility>

#include "base/unique_fd.h"
#include "network/host_network.h"

namespace virtcontainers {

// An open queue of a tap, or a connected stream socket. Nothing is made on the host, and nothing is left.
class DescriptorNetwork final : public HostNetwork {
 public:
  DescriptorNetwork(NetworkConfig config, Context context, UniqueFd descriptor)
      : config_(std::move(config)), context_(std::move(context)), descriptor_(std::move(descriptor)) {}

  Result<Made> Make(Deadline deadline) override;
  Status Release(Deadline) override { return {}; }

 private:
  const NetworkConfig config_;
  const Context context_;
  UniqueFd descriptor_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_DESCRIPTOR_NETWORK_H_
