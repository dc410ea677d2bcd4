// A network of a pod as an attachment of its VM. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_NETWORK_ATTACHMENT_H_
#define VIRTCONTAINERS_SRC_MONITOR_NETWORK_ATTACHMENT_H_

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "monitor/attachment.h"
#include "monitor/guest_interfaces.h"
#include "network/host_network.h"
#include "pod/effects.h"
#include "pod/paths.h"
#include "virtcontainers/network.h"

namespace virtcontainers {

// What the network has made on the host, beside processes, is in its file (network/network_traces.h), which
// lasts until all of it is undone.
class NetworkAttachment final : public Attachment {
 public:
  struct Options {
    NetworkConfig config;  // validated, with a name
    // Unique among the pod's networks: the VM's devices are called "net<number>-<n>".
    size_t number = 0;
    PodPaths paths;
    uint32_t queues = 1;
    Effects& effects;             // outlives the object
    GuestInterfaces& interfaces;  // outlives the object
    // A process of the network has ended, and with it the network.
    std::function<void(const std::string& reason)> on_exit;
  };
  // `descriptor`: as MakeHostNetwork has it.
  NetworkAttachment(Options options, UniqueFd descriptor);

  static std::string NameOf(std::string_view network) { return "network " + std::string(network); }

  std::string_view name() const override { return name_; }
  Status Prepare(Deadline deadline) override;
  std::vector<Device> devices() const override;
  Status Plugged(const ProcessIdentity& vm, Deadline deadline) override;
  void BeforeUnplug() override { leaving_ = true; }
  // It is not unplugged after all.
  void Stay() { leaving_ = false; }
  Status Introduce(Agent& agent, Deadline deadline) override;
  AttachmentRecord record() const override;
  Status Adopt(const AttachmentRecord* record, Deadline deadline) override;
  Status Release(Deadline deadline) override;
  void Leave() override;

  const NetworkConfig& config() const { return options_.config; }
  size_t number() const { return options_.number; }
  NetworkStatus status() const;

  // Replaces the routes of an interface of the network, in the guest and in status(). Errors: as
  // Agent::UpdateRoutes; then the routes are as they were.
  Status SetRoutes(Agent& agent, const std::string& interface, const std::vector<Route>& routes,
                   Deadline deadline);

 private:
  Status Make(Deadline deadline);
  Status Note(NetworkTraces traces);
  HostNetwork::Context MakeContext();

  const Options options_;
  const std::string name_;
  UniqueFd descriptor_;
  std::atomic<bool> leaving_{false};
  std::unique_ptr<HostNetwork> host_;
  std::vector<HostNetwork::Port> ports_;  // until Plugged
  std::vector<std::string> devices_;      // their ids
  mutable std::mutex mutex_;
  NetworkStatus status_;  // under mutex_
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_NETWORK_ATTACHMENT_H_
