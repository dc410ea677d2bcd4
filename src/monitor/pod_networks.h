// The networks of a pod that runs, or is about to. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_POD_NETWORKS_H_
#define VIRTCONTAINERS_SRC_MONITOR_POD_NETWORKS_H_

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "monitor/attachments.h"
#include "monitor/guest_interfaces.h"
#include "monitor/network_attachment.h"
#include "pod/record.h"
#include "virtcontainers/network.h"

namespace virtcontainers {

// Makes the networks' attachments, adds them to the pod's and takes them out. Not thread-safe: the operations
// of the pod take turns.
class PodNetworks {
 public:
  struct Options {
    PodPaths paths;
    uint32_t vcpus = 1;
    Effects& effects;          // outlives the object
    Attachments& attachments;  // destroyed before the object
    // Ends the pod, for this reason.
    std::function<void(const std::string& reason)> on_exit;
  };
  explicit PodNetworks(Options options) : options_(std::move(options)) {}

  // What a change of a running pod needs of it.
  struct Running {
    Hypervisor& hypervisor;
    Agent& agent;
    const ProcessIdentity& vm;
  };

  // Adds the attachments of a pod that is to be started. `descriptors` are by the names of networks.
  void Plan(const std::vector<NetworkConfig>& networks, std::map<std::string, UniqueFd> descriptors);
  // Adds the attachments of a pod that is taken over, to be adopted. A network of which the VM lacks a device
  // was being removed: it is left to UndoStrays. `plugged` is null where the VMM cannot tell.
  void Plan(const std::vector<AttachmentRecord>& records, const std::vector<PluggedDevice>* plugged);

  // Adds a network to a VM that runs; an empty name becomes the first that is free. Returns the name. Nothing
  // is left of a failure. Errors: AlreadyExists; those of Attachments::AddToRunning.
  Result<std::string> Add(NetworkConfig config, UniqueFd descriptor, const Running& running,
                          Deadline deadline);
  // To be called and written down before Remove: from then on no process is needed for the network. Errors:
  // NotFound, naming the networks that there are.
  Status BeginRemove(const std::string& network);
  // It stays after all.
  void CancelRemove(const std::string& network);
  // Takes it out. Idempotent while the network is in the pod's record. Errors: NotFound, naming the networks
  // that there are; those of Attachments::RemoveFromRunning.
  Status Remove(const std::string& network, const Running& running, Deadline deadline);

  // Adds a route through a network with one interface, or removes one by its destination and gateway. Errors:
  // AlreadyExists, NotFound; those of Agent::UpdateRoutes.
  Status AddRoute(const std::string& network, const Route& route, Agent& agent, Deadline deadline);
  Status RemoveRoute(const std::string& network, const Route& route, Agent& agent, Deadline deadline);
  // The guest's interfaces of a network, with their routes; and the same routes again. Errors: NotFound;
  // those of Agent::UpdateRoutes.
  Result<std::vector<NetworkInterface>> InterfacesOf(const std::string& network) const;
  Status RestoreRoutes(const std::string& network, const std::vector<NetworkInterface>& interfaces,
                       Agent& agent, Deadline deadline);

  // Undoes what is left of networks that the dead monitor was adding or removing, after Attachments'
  // RemoveStrays. Failures are logged: the pod's end tries again, and a network of the same name that is
  // added.
  void UndoStrays(Deadline deadline);

  // What the networks bring for the containers' files, in the order of the networks.
  DnsConfig dns() const;
  // The first address of the guest; empty without one.
  std::string address() const;

 private:
  NetworkAttachment& Attach(const NetworkConfig& config, size_t number, UniqueFd descriptor);
  NetworkAttachment::Options OptionsOf(const NetworkConfig& config, size_t number);
  Result<NetworkAttachment*> Find(const std::string& network) const;
  std::vector<std::string> names() const;
  size_t FreeNumber() const;

  const Options options_;
  GuestInterfaces interfaces_;
  std::vector<NetworkAttachment*> networks_;  // in options_.attachments
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_POD_NETWORKS_H_
