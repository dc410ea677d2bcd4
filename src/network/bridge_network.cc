#include "network/bridge_network.h"

#include "base/errors.h"
#include "network/bridge_port.h"
#include "network/guest_ports.h"
#include "network/network_namespace.h"

namespace virtcontainers {

Result<HostNetwork::Made> BridgeNetwork::Make(Deadline deadline) {
  VC_RETURN_IF_ERROR(space_.Start(deadline));
  NetworkTraces traces;
  traces.port = key();
  traces.holder = space_.process();
  VC_RETURN_IF_ERROR(context_.note(traces));
  // The namespace of an earlier holder ends some time after the holder.
  VC_RETURN_IF_ERROR(BridgePort::Remove(key()));
  const NetworkNamespace& space = *space_.space();
  NetworkInterface guest = StaticInterface(config_, context_, 1500);
  VC_ASSIGN_OR_RETURN(const BridgePort port, BridgePort::Create(space, {.bridge = config_.source,
                                                                        .key = key(),
                                                                        .interface = guest.name,
                                                                        .mac = guest.mac,
                                                                        .mtu = config_.mtu}));
  guest.mtu = port.mtu;
  Made made;
  made.host = "bridge " + config_.source + ": " + port.port;
  VC_ASSIGN_OR_RETURN(made.ports, JoinInterfaces(space, {guest},
                                                 {.queues = context_.queues,
                                                  .limits = config_.limits,
                                                  .check_sender = !config_.allow_spoofing}));
  return made;
}

Status BridgeNetwork::Release(Deadline deadline) {
  VC_RETURN_IF_ERROR(BridgePort::Remove(key()));
  return space_.Stop(deadline);
}

}  // namespace virtcontainers
