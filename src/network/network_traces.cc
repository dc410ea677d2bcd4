#include "network/network_traces.h"

#include "base/errors.h"
#include "base/json.h"
#include "network/bridge_port.h"
#include "network/cni_release.h"
#include "network/network_namespace.h"
#include "network/tap_device.h"
#include "network/tap_link.h"
#include "os/file.h"
#include "os/own_file.h"
#include "os/process_identity.h"

namespace virtcontainers {
namespace {

// A list of CNI may have a megabyte, and its result is beside it.
constexpr size_t kMaxTraces = 8 << 20;

Json IdentityJson(const ProcessIdentity& process) {
  return {{"pid", process.pid}, {"start_time", process.start_time}, {"boot_id", process.boot_id}};
}

void ReadIdentityOf(JsonReader& reader, const char* name, ProcessIdentity& identity) {
  const Json* object = reader.Object(name);
  if (object == nullptr) return;
  JsonReader inner(*object, name);
  inner.Read("pid", identity.pid);
  inner.Read("start_time", identity.start_time);
  inner.Read("boot_id", identity.boot_id);
  if (!inner.status()) reader.FailWith(inner.status().error());
}

Status UndoLinkWith(const NetworkTraces::Link& link,
                    Status (*undo)(const NetworkNamespace& space, const std::string& interface)) {
  const Result<NetworkNamespace> space = NetworkNamespace::Open(link.namespace_path);
  // A namespace that is gone has taken everything with it, and another one at its path has nothing of it.
  if (!space) {
    const Code code = space.error().code();
    if (code == Code::kNotFound || code == Code::kInvalidArgument) return {};
    return Fail(space.error());
  }
  if (space->device() != link.device || space->inode() != link.inode) return {};
  return undo(*space, link.interface);
}

// The namespace of a holder that still runs, such as that of a network that was just being added; null
// without one.
Result<std::optional<NetworkNamespace>> SpaceOf(const ProcessIdentity& holder) {
  if (holder.pid == 0 || !IsAlive(holder)) return std::optional<NetworkNamespace>();
  Result<NetworkNamespace> space = NetworkNamespace::Open("/proc/" + std::to_string(holder.pid) + "/ns/net");
  // Another process may have had the pid by then.
  if (!space || !IsAlive(holder)) return std::optional<NetworkNamespace>();
  return std::optional(std::move(*space));
}

Status UndoCni(const NetworkTraces& traces, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(cni::Record record, cni::ParseRecord(traces.cni));
  VC_ASSIGN_OR_RETURN(const std::optional<NetworkNamespace> space, SpaceOf(traces.holder));
  return ReleaseCni(std::move(record), space ? &*space : nullptr, deadline);
}

}  // namespace

std::string FormatTraces(const NetworkTraces& traces) {
  Json json = {{"owner", traces.owner}};
  for (const NetworkTraces::Link& link : traces.links) {
    json["links"].push_back({{"namespace", link.namespace_path},
                             {"device", link.device},
                             {"inode", link.inode},
                             {"interface", link.interface}});
  }
  if (!traces.tap.empty()) json["tap"] = traces.tap;
  if (!traces.port.empty()) json["port"] = traces.port;
  if (!traces.cni.empty()) json["cni"] = traces.cni;
  if (traces.holder.pid != 0) json["holder"] = IdentityJson(traces.holder);
  if (traces.user_net.pid != 0) json["user_net"] = IdentityJson(traces.user_net);
  return DumpJson(json, true) + "\n";
}

Result<NetworkTraces> ParseTraces(std::string_view text) {
  VC_ASSIGN_OR_RETURN(const Json json, ParseJson(text));
  NetworkTraces traces;
  JsonReader reader(json, "");
  reader.Read("owner", traces.owner);
  if (const Json* links = reader.Array("links")) {
    for (const Json& element : *links) {
      JsonReader inner(element, "links[" + std::to_string(traces.links.size()) + "]");
      NetworkTraces::Link& link = traces.links.emplace_back();
      inner.Read("namespace", link.namespace_path);
      inner.Read("device", link.device);
      inner.Read("inode", link.inode);
      inner.Read("interface", link.interface);
      if (!inner.status()) reader.FailWith(inner.status().error());
    }
  }
  reader.Read("tap", traces.tap);
  reader.Read("port", traces.port);
  reader.Read("cni", traces.cni);
  ReadIdentityOf(reader, "holder", traces.holder);
  ReadIdentityOf(reader, "user_net", traces.user_net);
  VC_RETURN_IF_ERROR(reader.status());
  return traces;
}

Result<NetworkTraces> LoadTraces(const std::string& path) {
  VC_ASSIGN_OR_RETURN(const std::string text, ReadOwnFile(path, kMaxTraces));
  Result<NetworkTraces> traces = ParseTraces(text);
  if (traces) return traces;
  return Fail(Code::kDataLoss, Quoted(path) + " is damaged: " + traces.error().ToString());
}

Result<std::vector<std::string>> ListNetworkFiles(const std::string& directory) {
  constexpr std::string_view kSuffix = ".json";
  Result<std::vector<std::string>> names = ListOwnDirectory(directory);
  if (!names && names.error().code() == Code::kNotFound) return std::vector<std::string>();
  VC_RETURN_IF_ERROR(names);
  std::vector<std::string> networks;
  for (const std::string& name : *names) {
    // The others are drafts.
    if (name.ends_with(kSuffix)) networks.push_back(name.substr(0, name.size() - kSuffix.size()));
  }
  return networks;
}

Status UndoNetwork(const NetworkTraces& traces, Deadline deadline) {
  Status first;
  const auto note = [&](Status undone) {
    if (!undone && first) first = std::move(undone);
  };
  if (!traces.cni.empty()) note(UndoCni(traces, deadline));
  for (const NetworkTraces::Link& link : traces.links) note(UndoLinkWith(link, TapLink::UndoAbandoned));
  if (!traces.tap.empty()) note(TapDevice::Undo(traces.tap));
  // It ends with its namespace, but some time later.
  if (!traces.port.empty()) note(BridgePort::Remove(traces.port));
  return first;
}

Status UndoLink(const NetworkTraces::Link& link) { return UndoLinkWith(link, TapLink::Undo); }

Status UndoNetworkFile(const std::string& path, const std::string& owner, Deadline deadline) {
  const Result<NetworkTraces> traces = LoadTraces(path);
  if (!traces && traces.error().code() == Code::kNotFound) return {};
  VC_RETURN_IF_ERROR(traces);
  // In a copy of a root directory the file tells of the original's network.
  if (traces->owner == owner) VC_RETURN_IF_ERROR(UndoNetwork(*traces, deadline));
  return RemoveTree(path);
}

}  // namespace virtcontainers
