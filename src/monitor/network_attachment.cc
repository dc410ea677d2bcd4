#include "monitor/network_attachment.h"

#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "base/network_address.h"
#include "monitor/undo_time.h"
#include "os/file.h"

namespace virtcontainers {
namespace {

Result<NetworkDevice> DeviceOf(const HostNetwork::Port& port, const std::string& id) {
  NetworkDevice device{.id = id, .mac = {}, .mtu = static_cast<uint16_t>(port.guest.mtu), .backend = {}};
  VC_ASSIGN_OR_RETURN(const std::string mac, ParseMac(port.guest.mac));
  std::copy(mac.begin(), mac.end(), device.mac.bytes.begin());
  if (const auto* queues = std::get_if<std::vector<UniqueFd>>(&port.backend)) {
    TapQueues tap;
    for (const UniqueFd& queue : *queues) tap.queues.push_back(queue.get());
    device.backend = std::move(tap);
  } else {
    device.backend = StreamSocket{std::get<UniqueFd>(port.backend).get()};
  }
  return device;
}

}  // namespace

NetworkAttachment::NetworkAttachment(Options options, UniqueFd descriptor)
    : options_(std::move(options)), name_(NameOf(options_.config.name)), descriptor_(std::move(descriptor)) {}

HostNetwork::Context NetworkAttachment::MakeContext() {
  return {.key = options_.paths.key(),
          .run_dir = options_.paths.run_dir,
          .queues = options_.queues,
          .note = [this](const NetworkTraces& traces) { return Note(traces); },
          .on_exit =
              [this](const std::string& reason) {
                if (!leaving_) options_.on_exit(reason);
              }};
}

Status NetworkAttachment::Note(NetworkTraces traces) {
  traces.owner = options_.paths.key();
  VC_RETURN_IF_ERROR(MakeDirectories(options_.paths.networks()));
  return WriteFileAtomically(options_.paths.network(options_.config.name), FormatTraces(traces));
}

Status NetworkAttachment::Prepare(Deadline deadline) {
  // What an earlier network of that name has left is forgotten with its file. Of a damaged one nothing is
  // known.
  Status clean =
      UndoNetworkFile(options_.paths.network(options_.config.name), options_.paths.key(), deadline);
  if (!clean && clean.error().code() != Code::kDataLoss) {
    return Fail(std::move(clean.error()).AddContext("undo what is left of an earlier " + name_));
  }
  VC_RETURN_IF_ERROR(options_.effects.Announce(EffectKind::kNetwork, options_.config.name));
  Status made = Make(deadline);
  if (made) {
    options_.effects.Confirm(EffectKind::kNetwork, options_.config.name);
    return {};
  }
  if (Status released = Release(Deadline::After(kUndo)); !released) {
    made.error().AddContext("and then " + released.error().ToString() + "; the first error");
  }
  return Fail(std::move(made.error()).AddContext(name_));
}

Status NetworkAttachment::Make(Deadline deadline) {
  VC_ASSIGN_OR_RETURN(host_, MakeHostNetwork(options_.config, MakeContext(), std::move(descriptor_)));
  VC_ASSIGN_OR_RETURN(HostNetwork::Made made, host_->Make(deadline));
  NetworkStatus status{.name = options_.config.name,
                       .kind = options_.config.kind,
                       .interfaces = {},
                       .host = std::move(made.host),
                       .forwards = options_.config.forwards,
                       .dns = options_.config.dns.empty() ? made.dns : options_.config.dns};
  for (const HostNetwork::Port& port : made.ports) status.interfaces.push_back(port.guest);
  VC_RETURN_IF_ERROR(options_.interfaces.Put(options_.config.name, status.interfaces));
  const std::lock_guard lock(mutex_);
  ports_ = std::move(made.ports);
  devices_.clear();
  for (size_t i = 0; i < ports_.size(); ++i) {
    devices_.push_back("net" + std::to_string(options_.number) + "-" + std::to_string(i));
  }
  status_ = std::move(status);
  return {};
}

std::vector<Device> NetworkAttachment::devices() const {
  std::vector<Device> devices;
  for (size_t i = 0; i < ports_.size(); ++i) {
    if (Result<NetworkDevice> device = DeviceOf(ports_[i], devices_[i])) devices.push_back(*device);
  }
  return devices;
}

Status NetworkAttachment::Plugged(const ProcessIdentity& vm, Deadline deadline) {
  ports_.clear();
  return host_->Bind(vm, deadline);
}

Status NetworkAttachment::Introduce(Agent& agent, Deadline deadline) {
  for (const NetworkInterface& interface : status().interfaces) {
    VC_RETURN_IF_ERROR(agent.UpdateInterface(interface, deadline));
  }
  return agent.UpdateRoutes(options_.interfaces.all(), deadline);
}

NetworkStatus NetworkAttachment::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

AttachmentRecord NetworkAttachment::record() const {
  const std::lock_guard lock(mutex_);
  AttachmentRecord record{.name = name_,
                          .processes = {},
                          .devices = devices_,
                          .network = NetworkRecord{options_.config, status_}};
  const std::optional<HostNetwork::Helper> helper = host_ ? host_->helper() : std::nullopt;
  // Of a network that is being removed nothing is expected any more.
  if (helper && !leaving_) record.processes.push_back({helper->name, helper->identity});
  return record;
}

Status NetworkAttachment::Adopt(const AttachmentRecord* record, Deadline deadline) {
  if (record == nullptr || !record->network) {
    return Fail(Code::kNotFound, "the pod's record has no " + name_);
  }
  VC_ASSIGN_OR_RETURN(const NetworkTraces traces, LoadTraces(options_.paths.network(options_.config.name)));
  VC_ASSIGN_OR_RETURN(host_, MakeHostNetwork(options_.config, MakeContext(), {}));
  VC_RETURN_IF_ERROR(host_->Adopt(traces, deadline));
  VC_RETURN_IF_ERROR(options_.interfaces.Put(options_.config.name, record->network->status.interfaces));
  const std::lock_guard lock(mutex_);
  devices_ = record->devices;
  status_ = record->network->status;
  return {};
}

Status NetworkAttachment::SetRoutes(Agent& agent, const std::string& interface,
                                    const std::vector<Route>& routes, Deadline deadline) {
  NetworkStatus changed = status();
  for (NetworkInterface& each : changed.interfaces) {
    if (each.name == interface) each.routes = routes;
  }
  VC_RETURN_IF_ERROR(options_.interfaces.Put(options_.config.name, changed.interfaces));
  Status updated = agent.UpdateRoutes(options_.interfaces.all(), deadline);
  if (!updated) {
    (void)options_.interfaces.Put(options_.config.name, status().interfaces);
    (void)agent.UpdateRoutes(options_.interfaces.all(), Deadline::After(kUndo));
    return updated;
  }
  const std::lock_guard lock(mutex_);
  status_ = std::move(changed);
  return {};
}

Status NetworkAttachment::Release(Deadline deadline) {
  ports_.clear();
  options_.interfaces.Remove(options_.config.name);
  if (host_) VC_RETURN_IF_ERROR(host_->Release(deadline));
  VC_RETURN_IF_ERROR(RemoveTree(options_.paths.network(options_.config.name)));
  options_.effects.End(EffectKind::kNetwork, options_.config.name);
  return {};
}

void NetworkAttachment::Leave() {
  if (host_) host_->Leave();
}

}  // namespace virtcontainers
