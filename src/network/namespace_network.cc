#include "network/namespace_network.h"

#include <string>
#include <vector>

#include "base/errors.h"
#include "network/guest_ports.h"
#include "network/interfaces.h"
#include "network/network_namespace.h"

namespace virtcontainers {

Result<HostNetwork::Made> NamespaceNetwork::Make(Deadline) {
  VC_ASSIGN_OR_RETURN(const NetworkNamespace space, NetworkNamespace::Open(config_.source));
  VC_RETURN_IF_ERROR(space.CheckNotCallers());
  VC_ASSIGN_OR_RETURN(const std::vector<FoundInterface> found, FindInterfaces(space));
  Made made;
  std::vector<NetworkInterface> interfaces;
  NetworkTraces traces;
  for (const FoundInterface& each : found) {
    traces.links.push_back({config_.source, space.device(), space.inode(), each.interface.name});
    interfaces.push_back(each.interface);
    made.host += (made.host.empty() ? "" : ", ") + each.host;
  }
  VC_RETURN_IF_ERROR(context_.note(traces));
  VC_ASSIGN_OR_RETURN(
      made.ports, JoinInterfaces(space, interfaces, {.queues = context_.queues, .limits = config_.limits}));
  // An interface that could not be joined may be another pod's: nothing of it is to be undone.
  traces_ = std::move(traces);
  return made;
}

Status NamespaceNetwork::Release(Deadline) {
  for (const NetworkTraces::Link& link : traces_.links) VC_RETURN_IF_ERROR(UndoLink(link));
  traces_.links.clear();
  return {};
}

}  // namespace virtcontainers
