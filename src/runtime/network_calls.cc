// The calls of Runtime on the networks of a running pod.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/errors.h"
#include "pod/config_json.h"
#include "pod/state_machine.h"
#include "pod/validate_network.h"
#include "runtime/call_context.h"
#include "runtime/runtime_impl.h"
#include "ttrpc/descriptor_offer.h"

namespace virtcontainers {
namespace {

const NetworkRecord* FindNetwork(const PodRecord& record, std::string_view name) {
  for (const AttachmentRecord& attachment : record.attachments) {
    if (attachment.network && attachment.network->config.name == name) return &*attachment.network;
  }
  return nullptr;
}

std::vector<std::string> NetworksOf(const PodRecord& record) {
  std::vector<std::string> names;
  for (const AttachmentRecord& attachment : record.attachments) {
    if (attachment.network) names.push_back(attachment.network->config.name);
  }
  return names;
}

// Whether an interface of the network has the route, or with an empty gateway one to its destination.
bool HasRoute(const PodRecord& record, std::string_view network, const Route& route) {
  const NetworkRecord* const found = FindNetwork(record, network);
  if (found == nullptr) return false;
  for (const NetworkInterface& interface : found->status.interfaces) {
    for (const Route& other : interface.routes) {
      if (other.destination == route.destination && (route.gateway.empty() || route.gateway == other.gateway))
        return true;
    }
  }
  return false;
}

Result<LockedPod> LockForNetworks(const PodLocker& pods, std::string_view pod, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(LockedPod locked, pods.LockMonitoredPod(pod, deadline));
  VC_RETURN_IF_ERROR(CheckPodCall(pod, locked.record.state, PodCall::kChangeNetworks));
  return locked;
}

wire::RouteRequest RouteMessage(std::string_view network, const Route& route) {
  wire::RouteRequest request;
  request.set_network(std::string(network));
  request.set_destination(route.destination);
  request.set_gateway(route.gateway);
  request.set_source(route.source);
  request.set_metric(route.metric);
  request.set_onlink(route.onlink);
  return request;
}

}  // namespace

Result<NetworkStatus> Runtime::AddNetwork(std::string_view pod, const NetworkConfig& network, int descriptor,
                                          Deadline deadline) {
  const auto add = [&]() -> Result<NetworkStatus> {
    VC_RETURN_IF_ERROR(ValidateNetwork(network));
    VC_ASSIGN_OR_RETURN(LockedPod locked, LockForNetworks(impl_->pods(), pod, deadline));
    // A call that is sent again to the next monitor is known by the name.
    NetworkConfig named = network;
    if (named.name.empty()) named.name = FreeNetworkName(NetworksOf(locked.record));
    if (FindNetwork(locked.record, named.name) != nullptr) {
      return Fail(Code::kAlreadyExists, "pod " + Quoted(pod) + " has a network " + Quoted(named.name) +
                                            " already: remove it first, or give another name");
    }
    wire::NetworkRequest request;
    request.set_name(named.name);
    request.set_config(DumpJson(ToJson(named), false));
    std::unique_ptr<ttrpc::DescriptorOffer> offer;
    if (descriptor >= 0) {
      VC_ASSIGN_OR_RETURN(
          offer, ttrpc::DescriptorOffer::Make(locked.files.paths().run_dir + "/offer.sock", descriptor));
      request.set_offer(offer->path());
    }
    VC_RETURN_IF_ERROR(impl_->monitors().Perform(
        locked, "AddNetwork", request, deadline,
        [&](const PodRecord& record) { return FindNetwork(record, named.name) != nullptr; }));
    VC_ASSIGN_OR_RETURN(const PodRecord record, locked.files.LoadRecord());
    const NetworkRecord* const added = FindNetwork(record, named.name);
    if (added == nullptr) return Fail(Code::kUnavailable, "the pod has stopped");
    return added->status;
  };
  return WithContext(Doing("add a network to", pod), deadline, add());
}

Status Runtime::RemoveNetwork(std::string_view pod, std::string_view network, Deadline deadline) {
  const auto remove = [&]() -> Status {
    VC_ASSIGN_OR_RETURN(LockedPod locked, LockForNetworks(impl_->pods(), pod, deadline));
    wire::NetworkRequest request;
    request.set_name(std::string(network));
    return impl_->monitors().Perform(
        locked, "RemoveNetwork", request, deadline,
        [&](const PodRecord& record) { return FindNetwork(record, network) == nullptr; });
  };
  return WithContext(Doing("remove a network of", pod), deadline, remove());
}

Status Runtime::AddRoute(std::string_view pod, std::string_view network, const Route& route,
                         Deadline deadline) {
  const auto add = [&]() -> Status {
    VC_RETURN_IF_ERROR(ValidateRoute(route, "network " + Quoted(network)));
    VC_ASSIGN_OR_RETURN(LockedPod locked, LockForNetworks(impl_->pods(), pod, deadline));
    return impl_->monitors().Perform(
        locked, "AddRoute", RouteMessage(network, route), deadline,
        [&](const PodRecord& record) { return HasRoute(record, network, route); });
  };
  return WithContext(Doing("add a route to", pod), deadline, add());
}

Status Runtime::RemoveRoute(std::string_view pod, std::string_view network, const Route& route,
                            Deadline deadline) {
  const auto remove = [&]() -> Status {
    VC_RETURN_IF_ERROR(ValidateRoute(route, "network " + Quoted(network)));
    VC_ASSIGN_OR_RETURN(LockedPod locked, LockForNetworks(impl_->pods(), pod, deadline));
    return impl_->monitors().Perform(
        locked, "RemoveRoute", RouteMessage(network, route), deadline,
        [&](const PodRecord& record) { return !HasRoute(record, network, route); });
  };
  return WithContext(Doing("remove a route of", pod), deadline, remove());
}

}  // namespace virtcontainers
