#include "network/tap_network.h"

#include "base/errors.h"
#include "network/tap_device.h"

namespace virtcontainers {

Result<HostNetwork::Made> TapNetwork::Make(Deadline) {
  NetworkInterface guest = StaticInterface(config_, context_, 0);
  TapDeviceOptions options{
      .tap = config_.source, .queues = 1, .limits = config_.limits, .sender = {}, .before_changes = {}};
  if (!config_.allow_spoofing) {
    options.sender =
        SenderRules{.mac = guest.mac, .addresses = guest.addresses, .any_address = guest.addresses.empty()};
  }
  options.before_changes = [&]() -> Status {
    traces_.tap = config_.source;
    return context_.note(traces_);
  };
  VC_ASSIGN_OR_RETURN(TapDevice tap, TapDevice::Open(options));
  if (guest.mtu == 0) guest.mtu = tap.mtu;
  Made made;
  made.host = "tap " + config_.source;
  made.ports.push_back({std::move(guest), std::move(tap.queues)});
  return made;
}

Status TapNetwork::Release(Deadline deadline) {
  VC_RETURN_IF_ERROR(UndoNetwork(traces_, deadline));
  traces_ = {};
  return {};
}

}  // namespace virtcontainers
