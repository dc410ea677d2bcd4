// A user-mode network stack beside the VM, as a network of a pod. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_USER_NETWORK_H_
#define VIRTCONTAINERS_SRC_NETWORK_USER_NETWORK_H_

#include <memory>
#include <string>
#include <utility>

#include "network/host_network.h"
#include "network/user_mode.h"

namespace virtcontainers {

class UserNetwork final : public HostNetwork {
 public:
  UserNetwork(NetworkConfig config, Context context)
      : config_(std::move(config)), context_(std::move(context)) {}

  Result<Made> Make(Deadline deadline) override;
  Status Adopt(const NetworkTraces& traces, Deadline deadline) override;
  std::optional<Helper> helper() const override;
  Status Release(Deadline deadline) override;
  void Leave() override;

 private:
  std::string Mac() const;
  UserModeOptions Options() const;

  const NetworkConfig config_;
  const Context context_;
  std::unique_ptr<UserModeNetwork> stack_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_USER_NETWORK_H_
