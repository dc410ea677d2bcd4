#include "monitor/pod_networks.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>
#include <set>
#include <utility>

#include "base/errors.h"
#include "os/marked_process.h"
#include "os/process_identity.h"
#include "pod/pod_mark.h"
#include "pod/validate_network.h"

namespace virtcontainers {
namespace {

// QEMU serves all queues from one thread: more of them are of no use.
constexpr uint32_t kMostQueues = 8;

constexpr std::string_view kDevicePrefix = "net";

// The number of a network, from the id of one of its devices.
size_t NumberOf(const std::vector<std::string>& devices) {
  size_t number = 0;
  if (!devices.empty() && devices.front().starts_with(kDevicePrefix)) {
    const std::string& id = devices.front();
    std::from_chars(id.data() + kDevicePrefix.size(), id.data() + id.size(), number);
  }
  return number;
}

bool SameTarget(const Route& a, const Route& b) {
  return a.destination == b.destination && (a.gateway == b.gateway || b.gateway.empty());
}

bool HasAll(const std::vector<PluggedDevice>* plugged, const std::vector<std::string>& devices) {
  return plugged == nullptr || std::all_of(devices.begin(), devices.end(), [&](const std::string& id) {
           return std::any_of(plugged->begin(), plugged->end(),
                              [&](const PluggedDevice& device) { return device.id == id; });
         });
}

void AddDistinct(std::vector<std::string>& to, const std::vector<std::string>& from) {
  for (const std::string& text : from) {
    if (std::find(to.begin(), to.end(), text) == to.end()) to.push_back(text);
  }
}

// Its processes belong to a pod that runs on.
Status UndoStray(const PodPaths& paths, const std::string& file, Deadline deadline) {
  const Result<NetworkTraces> traces = LoadTraces(file);
  VC_RETURN_IF_ERROR(UndoNetworkFile(file, paths.key(), deadline));
  if (!traces) return {};
  for (const ProcessIdentity& process : {traces->holder, traces->user_net}) {
    if (process.pid == 0) continue;
    VC_ASSIGN_OR_RETURN(const bool ours, IsMarked(process, ProcessesOfPod(paths.mark)));
    if (ours) VC_RETURN_IF_ERROR(KillAndWait(process, deadline));
  }
  return {};
}

}  // namespace

NetworkAttachment::Options PodNetworks::OptionsOf(const NetworkConfig& config, size_t number) {
  return {.config = config,
          .number = number,
          .paths = options_.paths,
          .queues = std::min(options_.vcpus, kMostQueues),
          .effects = options_.effects,
          .interfaces = interfaces_,
          .on_exit = options_.on_exit};
}

NetworkAttachment& PodNetworks::Attach(const NetworkConfig& config, size_t number, UniqueFd descriptor) {
  NetworkAttachment& added = options_.attachments.Add(
      std::make_unique<NetworkAttachment>(OptionsOf(config, number), std::move(descriptor)));
  networks_.push_back(&added);
  return added;
}

void PodNetworks::Plan(const std::vector<NetworkConfig>& networks,
                       std::map<std::string, UniqueFd> descriptors) {
  size_t number = 0;
  for (const NetworkConfig& network : NamedNetworks(networks)) {
    Attach(network, number++, std::move(descriptors[network.name]));
  }
}

void PodNetworks::Plan(const std::vector<AttachmentRecord>& records,
                       const std::vector<PluggedDevice>* plugged) {
  for (const AttachmentRecord& record : records) {
    if (record.network && HasAll(plugged, record.devices))
      Attach(record.network->config, NumberOf(record.devices), {});
  }
}

std::vector<std::string> PodNetworks::names() const {
  std::vector<std::string> names;
  for (const NetworkAttachment* network : networks_) names.push_back(network->config().name);
  return names;
}

size_t PodNetworks::FreeNumber() const {
  size_t number = 0;
  const auto taken = [&](const NetworkAttachment* network) { return network->number() == number; };
  while (std::any_of(networks_.begin(), networks_.end(), taken)) ++number;
  return number;
}

Result<NetworkAttachment*> PodNetworks::Find(const std::string& network) const {
  for (NetworkAttachment* each : networks_) {
    if (each->config().name == network) return each;
  }
  std::string known;
  for (const std::string& name : names()) known += (known.empty() ? "" : ", ") + Quoted(name);
  return Fail(Code::kNotFound, "the pod has no network " + Quoted(network) + ": " +
                                   (known.empty() ? "it has none" : "it has " + known));
}

Result<std::string> PodNetworks::Add(NetworkConfig config, UniqueFd descriptor, const Running& running,
                                     Deadline deadline) {
  if (config.name.empty()) config.name = FreeNetworkName(names());
  if (Find(config.name)) {
    return Fail(Code::kAlreadyExists, "the pod has a network " + Quoted(config.name) +
                                          " already: remove it first, or give another name");
  }
  auto attachment =
      std::make_unique<NetworkAttachment>(OptionsOf(config, FreeNumber()), std::move(descriptor));
  NetworkAttachment* const added = attachment.get();
  VC_RETURN_IF_ERROR(options_.attachments.AddToRunning(std::move(attachment), running.hypervisor,
                                                       running.agent, running.vm, deadline));
  networks_.push_back(added);
  return config.name;
}

Status PodNetworks::BeginRemove(const std::string& network) {
  VC_ASSIGN_OR_RETURN(NetworkAttachment * found, Find(network));
  found->BeforeUnplug();
  return {};
}

void PodNetworks::CancelRemove(const std::string& network) {
  if (const Result<NetworkAttachment*> found = Find(network)) (*found)->Stay();
}

Status PodNetworks::Remove(const std::string& network, const Running& running, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(NetworkAttachment * found, Find(network));
  const std::string name(found->name());
  VC_RETURN_IF_ERROR(options_.attachments.RemoveFromRunning(name, running.hypervisor, deadline));
  std::erase(networks_, found);
  return {};
}

Status PodNetworks::AddRoute(const std::string& network, const Route& route, Agent& agent,
                             Deadline deadline) {
  VC_ASSIGN_OR_RETURN(NetworkAttachment * found, Find(network));
  const NetworkStatus status = found->status();
  if (status.interfaces.size() != 1) {
    return Fail(Code::kFailedPrecondition, "network " + Quoted(network) + " has " +
                                               std::to_string(status.interfaces.size()) +
                                               " interfaces: set routes in its namespace");
  }
  const NetworkInterface& interface = status.interfaces.front();
  std::vector<Route> routes = interface.routes;
  for (const Route& other : routes) {
    if (!SameTarget(other, route) || other.metric != route.metric) continue;
    return Fail(Code::kAlreadyExists, "network " + Quoted(network) + " has a route to " +
                                          Quoted(route.destination) + " already: remove it first");
  }
  routes.push_back(route);
  return found->SetRoutes(agent, interface.name, routes, deadline);
}

Status PodNetworks::RemoveRoute(const std::string& network, const Route& route, Agent& agent,
                                Deadline deadline) {
  VC_ASSIGN_OR_RETURN(NetworkAttachment * found, Find(network));
  for (const NetworkInterface& interface : found->status().interfaces) {
    std::vector<Route> routes = interface.routes;
    if (std::erase_if(routes, [&](const Route& other) { return SameTarget(other, route); }) == 0) continue;
    return found->SetRoutes(agent, interface.name, routes, deadline);
  }
  return Fail(Code::kNotFound, "network " + Quoted(network) + " has no route to " +
                                   Quoted(route.destination) +
                                   (route.gateway.empty() ? "" : " by " + Quoted(route.gateway)));
}

Result<std::vector<NetworkInterface>> PodNetworks::InterfacesOf(const std::string& network) const {
  VC_ASSIGN_OR_RETURN(const NetworkAttachment* const found, Find(network));
  return found->status().interfaces;
}

Status PodNetworks::RestoreRoutes(const std::string& network, const std::vector<NetworkInterface>& interfaces,
                                  Agent& agent, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(NetworkAttachment * found, Find(network));
  for (const NetworkInterface& interface : interfaces) {
    VC_RETURN_IF_ERROR(found->SetRoutes(agent, interface.name, interface.routes, deadline));
  }
  return {};
}

void PodNetworks::UndoStrays(Deadline deadline) {
  std::set<std::string> strays;
  for (const Effect& effect : options_.effects.open()) {
    if (effect.kind == EffectKind::kNetwork) strays.insert(effect.what);
  }
  // A journal that was damaged knows of none.
  const Result<std::vector<std::string>> files = ListNetworkFiles(options_.paths.networks());
  for (const std::string& name : files.value_or(std::vector<std::string>())) strays.insert(name);
  for (const std::string& name : strays) {
    if (Find(name)) continue;
    const Status undone = UndoStray(options_.paths, options_.paths.network(name), deadline);
    if (!undone) {
      std::fprintf(stderr, "undo network '%s': %s\n", name.c_str(), undone.error().ToString().c_str());
      continue;
    }
    options_.effects.End(EffectKind::kNetwork, name);
  }
}

DnsConfig PodNetworks::dns() const {
  DnsConfig all;
  for (const NetworkAttachment* network : networks_) {
    const DnsConfig dns = network->status().dns;
    AddDistinct(all.servers, dns.servers);
    AddDistinct(all.searches, dns.searches);
    AddDistinct(all.options, dns.options);
  }
  return all;
}

std::string PodNetworks::address() const {
  for (const NetworkAttachment* network : networks_) {
    for (const NetworkInterface& interface : network->status().interfaces) {
      if (interface.addresses.empty()) continue;
      const std::string& address = interface.addresses.front();
      return address.substr(0, address.find('/'));
    }
  }
  return "";
}

}  // namespace virtcontainers
