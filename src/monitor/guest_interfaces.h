// The interfaces that a guest has through all networks of its pod. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_GUEST_INTERFACES_H_
#define VIRTCONTAINERS_SRC_MONITOR_GUEST_INTERFACES_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "virtcontainers/error.h"
#include "virtcontainers/network.h"

namespace virtcontainers {

// Names are the guest's, and unique; the guest's routes are set all at once. Not thread-safe: the operations
// of the pod take turns.
class GuestInterfaces {
 public:
  // Adds those of a network, or replaces them. Errors: AlreadyExists for a name that another network has.
  Status Put(std::string_view network, const std::vector<NetworkInterface>& interfaces) {
    for (const NetworkInterface& interface : interfaces) {
      for (const auto& [owner, other] : interfaces_) {
        if (owner == network || other.name != interface.name) continue;
        return Fail(Code::kAlreadyExists, "networks " + Quoted(owner) + " and " + Quoted(network) +
                                              " both bring an interface " + Quoted(interface.name) +
                                              ": give one of them another name");
      }
    }
    Remove(network);
    for (const NetworkInterface& interface : interfaces) interfaces_.emplace_back(network, interface);
    return {};
  }

  void Remove(std::string_view network) {
    std::erase_if(interfaces_, [&](const auto& entry) { return entry.first == network; });
  }

  std::vector<NetworkInterface> all() const {
    std::vector<NetworkInterface> all;
    for (const auto& [network, interface] : interfaces_) all.push_back(interface);
    return all;
  }

 private:
  std::vector<std::pair<std::string, NetworkInterface>> interfaces_;  // network, interface
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_GUEST_INTERFACES_H_
