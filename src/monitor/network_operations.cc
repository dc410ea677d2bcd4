// The operations on the networks of a running pod.

#include "base/errors.h"
#include "monitor/pod_monitor.h"
#include "monitor/undo_time.h"

namespace virtcontainers {

Status PodMonitor::ChangeNetworks(Deadline deadline, const std::function<Status()>& change,
                                  const std::function<Status(Deadline)>& undo) {
  return Locked(deadline, [&]() -> Status {
    VC_RETURN_IF_ERROR(Check(PodCall::kChangeNetworks));
    Status changed = change();
    const auto note = [&] {
      return keeper_.Change([&](LivePod& pod) { pod.record.attachments = vm_->attachments(); });
    };
    Status noted = note();
    if (!changed) return Fail(RestatePod(PodCall::kChangeNetworks, std::move(changed.error())));
    if (!noted && undo) {
      // What nobody can read of must not be so.
      (void)undo(Deadline::After(kUndo));
      (void)note();
    }
    return noted;
  });
}

Status PodMonitor::AddNetwork(const NetworkConfig& config, UniqueFd descriptor, Deadline deadline) {
  std::string name;
  return ChangeNetworks(
      deadline,
      [&]() -> Status {
        VC_ASSIGN_OR_RETURN(name,
                            vm_->networks().Add(config, std::move(descriptor), vm_->running(), deadline));
        return {};
      },
      [&](Deadline undoing) { return vm_->networks().Remove(name, vm_->running(), undoing); });
}

Status PodMonitor::RemoveNetwork(const std::string& network, Deadline deadline) {
  return ChangeNetworks(deadline, [&]() -> Status {
    VC_RETURN_IF_ERROR(vm_->networks().BeginRemove(network));
    // Processes of the network end with its devices, and without them the pod would be taken for stopped.
    Status noted = keeper_.Change([&](LivePod& pod) { pod.record.attachments = vm_->attachments(); });
    if (!noted) {
      vm_->networks().CancelRemove(network);
      return noted;
    }
    return vm_->networks().Remove(network, vm_->running(), deadline);
  });
}

Status PodMonitor::ChangeRoutes(const std::string& network, const std::function<Status()>& change,
                                Deadline deadline) {
  std::vector<NetworkInterface> before;
  return ChangeNetworks(
      deadline,
      [&]() -> Status {
        VC_ASSIGN_OR_RETURN(before, vm_->networks().InterfacesOf(network));
        return change();
      },
      [&](Deadline undoing) { return vm_->networks().RestoreRoutes(network, before, agent(), undoing); });
}

Status PodMonitor::AddRoute(const std::string& network, const Route& route, Deadline deadline) {
  return ChangeRoutes(
      network, [&] { return vm_->networks().AddRoute(network, route, agent(), deadline); }, deadline);
}

Status PodMonitor::RemoveRoute(const std::string& network, const Route& route, Deadline deadline) {
  return ChangeRoutes(
      network, [&] { return vm_->networks().RemoveRoute(network, route, agent(), deadline); }, deadline);
}

}  // namespace virtcontainers
