#include "network/guest_ports.h"

#include <string>
#include <utility>

#include "base/errors.h"
#include "network/tap_link.h"

namespace virtcontainers {

Result<std::vector<HostNetwork::Port>> JoinInterfaces(const NetworkNamespace& space,
                                                      const std::vector<NetworkInterface>& interfaces,
                                                      const GuestPortOptions& options) {
  std::vector<HostNetwork::Port> ports;
  for (const NetworkInterface& interface : interfaces) {
    TapLinkOptions link{.interface = interface.name,
                        .tap = "vctap" + std::to_string(ports.size()),
                        .queues = options.queues,
                        .limits = options.limits,
                        .sender = {}};
    if (options.check_sender) {
      link.sender = SenderRules{
          .mac = interface.mac, .addresses = interface.addresses, .any_address = interface.addresses.empty()};
    }
    Result<TapLink> made = TapLink::Create(space, link);
    if (!made) {
      for (const HostNetwork::Port& port : ports) (void)TapLink::Undo(space, port.guest.name);
      return Fail(std::move(made.error()));
    }
    ports.push_back({interface, std::move(made->queues)});
  }
  return ports;
}

}  // namespace virtcontainers
