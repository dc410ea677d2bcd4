#include "pod/record.h"

#include <set>

#include "base/errors.h"
#include "base/time_format.h"
#include "pod/config_json.h"
#include "pod/enum_names.h"
#include "pod/json_fields.h"

namespace virtcontainers {
namespace {

void PutTime(Json& json, const char* name, const std::optional<Time>& time) {
  if (time) json[name] = FormatTime(*time);
}

void ReadTime(JsonReader& reader, const char* name, std::optional<Time>& out) {
  std::string text;
  reader.Read(name, text);
  if (text.empty() || !reader.status()) return;
  Result<Time> time = ParseTime(text);
  if (!time) return reader.FailWith(std::move(time.error()).AddContext(Quoted(reader.PathOf(name))));
  out = *time;
}

template <typename E, size_t N>
void ReadState(JsonReader& reader, const EnumName<E> (&names)[N], E& out) {
  std::string word;
  reader.Read("state", word);
  if (!reader.status()) return;
  const Result<E> state = ValueOf(names, word, reader.PathOf("state"));
  if (!state) return reader.FailWith(state.error());
  out = *state;
}

constexpr char kNoTransport[] = "none", kSerial[] = "virtio-serial", kVsock[] = "vsock",
               kHybridVsock[] = "hybrid-vsock";

void PutAddress(Json& vm, const AgentAddress& address) {
  vm["transport"] = TransportOf(address);
  if (const auto* serial = std::get_if<SerialSocket>(&address)) vm["agent_socket"] = serial->path;
  if (const auto* vsock = std::get_if<VsockAddress>(&address)) {
    vm["vsock_cid"] = vsock->cid;
    vm["agent_port"] = vsock->port;
  }
  if (const auto* hybrid = std::get_if<HybridVsock>(&address)) {
    vm["agent_socket"] = hybrid->path;
    vm["agent_port"] = hybrid->port;
  }
}

// Records of earlier versions have no socket and no port: the hypervisor knows its sockets, and the port is
// always the same.
void ReadAddress(JsonReader& vm, AgentAddress& address) {
  std::string transport, socket;
  uint32_t cid = 0, port = kAgentPort;
  vm.Read("transport", transport);
  vm.Read("agent_socket", socket);
  vm.Read("vsock_cid", cid);
  vm.Read("agent_port", port);
  if (transport == kSerial) address = SerialSocket{socket};
  if (transport == kVsock) address = VsockAddress{cid, port};
  if (transport == kHybridVsock) address = HybridVsock{socket, port};
}

void ReadNetwork(JsonReader& reader, AttachmentRecord& attachment) {
  const Json* const config = reader.Object("config");
  const Json* const status = reader.Object("status");
  if (config == nullptr || status == nullptr) return;
  NetworkRecord& network = attachment.network.emplace();
  const auto take = [&](auto read, auto& into) {
    if (read) {
      into = std::move(*read);
    } else {
      reader.FailWith(std::move(read.error()));
    }
  };
  take(NetworkConfigFromJson(*config, reader.PathOf("config")), network.config);
  take(NetworkStatusFromJson(*status, reader.PathOf("status")), network.status);
}

}  // namespace

const char* TransportOf(const AgentAddress& address) {
  constexpr const char* kNames[] = {kNoTransport, kSerial, kVsock, kHybridVsock};
  return kNames[address.index()];
}

ContainerRecord* PodRecord::Find(std::string_view container) {
  for (ContainerRecord& candidate : containers) {
    if (candidate.id == container) return &candidate;
  }
  return nullptr;
}

std::vector<ProcessIdentity> PodRecord::Processes() const {
  std::vector<ProcessIdentity> processes;
  if (vm) processes.push_back(vm->info.process);
  for (const AttachmentRecord& attachment : attachments) {
    for (const AttachedProcess& process : attachment.processes) processes.push_back(process.identity);
  }
  return processes;
}

Json ToJson(const PodRecord& record) {
  Json json = {{"version", 1}, {"state", NameOf(kPodStateNames, record.state)}};
  if (!record.reason.empty()) json["reason"] = record.reason;
  PutTime(json, "created", record.created);
  PutTime(json, "started", record.started);
  PutTime(json, "finished", record.finished);
  if (record.vm) {
    const VmRecord& vm = *record.vm;
    const VmInfo& info = vm.info;
    json["vm"] = {{"process", ToJson(info.process)},
                  {"mark", vm.mark},
                  {"version", info.version},
                  {"machine", info.machine},
                  {"accelerator", NameOf(kAcceleratorNames, info.accelerator)},
                  {"accelerator_reason", info.accelerator_reason},
                  {"sandbox", info.sandbox},
                  {"agent_version", vm.agent_version}};
    PutAddress(json["vm"], info.agent);
  }
  if (record.monitor.pid != 0) json["monitor"] = ToJson(record.monitor);
  for (const AttachmentRecord& attachment : record.attachments) {
    Json entry = {{"name", attachment.name}};
    for (const AttachedProcess& process : attachment.processes) {
      Json written = ToJson(process.identity);
      written["name"] = process.name;
      entry["processes"].push_back(std::move(written));
    }
    if (!attachment.devices.empty()) entry["devices"] = attachment.devices;
    if (attachment.network) {
      entry["network"] = {{"config", ToJson(attachment.network->config)},
                          {"status", ToJson(attachment.network->status)}};
    }
    json["attachments"].push_back(std::move(entry));
  }
  json["containers"] = Json::array();
  for (const ContainerRecord& container : record.containers) {
    Json entry = {{"id", container.id}, {"state", NameOf(kContainerStateNames, container.state)}};
    if (!container.reason.empty()) entry["reason"] = container.reason;
    if (container.exit) entry["exit_code"] = container.exit->code;
    PutTime(entry, "created", container.created);
    PutTime(entry, "started", container.started);
    PutTime(entry, "finished", container.finished);
    if (container.restarting) entry["restarting"] = true;
    json["containers"].push_back(std::move(entry));
  }
  return json;
}

Result<PodRecord> PodRecordFromJson(const Json& json) {
  PodRecord record;
  JsonReader reader(json, "");
  int version = 0;
  reader.Read("version", version);
  if (reader.status() && version != 1) {
    reader.FailWith(Error(Code::kInvalidArgument,
                          "'version' is " + std::to_string(version) + ": this library reads version 1"));
  }
  ReadState(reader, kPodStateNames, record.state);
  reader.Read("reason", record.reason);
  ReadTime(reader, "created", record.created);
  ReadTime(reader, "started", record.started);
  ReadTime(reader, "finished", record.finished);
  if (const Json* object = reader.Object("vm")) {
    VmRecord& vm = record.vm.emplace();
    JsonReader inner(*object, "vm");
    VmInfo& info = vm.info;
    ReadObject(inner, "process", [&](JsonReader& process) { ReadIdentity(process, info.process); });
    inner.Read("mark", vm.mark);
    inner.Read("version", info.version);
    inner.Read("machine", info.machine);
    ReadEnum(inner, "accelerator", kAcceleratorNames, info.accelerator);
    inner.Read("accelerator_reason", info.accelerator_reason);
    inner.Read("sandbox", info.sandbox);
    inner.Read("agent_version", vm.agent_version);
    ReadAddress(inner, info.agent);
    if (!inner.status()) reader.FailWith(inner.status().error());
  }
  ReadObject(reader, "monitor", [&](JsonReader& process) { ReadIdentity(process, record.monitor); });
  ReadObjects(reader, "attachments", [&](JsonReader& entry) {
    AttachmentRecord& attachment = record.attachments.emplace_back();
    entry.Read("name", attachment.name);
    ReadObjects(entry, "processes", [&](JsonReader& process) {
      AttachedProcess& read = attachment.processes.emplace_back();
      process.Read("name", read.name);
      ReadIdentity(process, read.identity);
    });
    entry.Read("devices", attachment.devices);
    ReadObject(entry, "network", [&](JsonReader& network) { ReadNetwork(network, attachment); });
  });
  // Records of version 0.1 had a list of processes, which was virtiofsd.
  ReadObjects(reader, "helpers", [&](JsonReader& process) {
    AttachmentRecord share{
        .name = "share", .processes = {{"virtiofsd", {}}}, .devices = {"share"}, .network = {}};
    ReadIdentity(process, share.processes.front().identity);
    record.attachments.push_back(std::move(share));
  });
  if (const Json* list = reader.Array("containers")) {
    std::set<std::string> ids;
    for (const Json& element : *list) {
      ContainerRecord container;
      JsonReader inner(element, "containers[" + std::to_string(record.containers.size()) + "]");
      inner.Read("id", container.id);
      ReadState(inner, kContainerStateNames, container.state);
      inner.Read("reason", container.reason);
      std::optional<int> code;
      inner.Read("exit_code", code);
      if (code) container.exit = ExitStatus{*code};
      ReadTime(inner, "created", container.created);
      ReadTime(inner, "started", container.started);
      ReadTime(inner, "finished", container.finished);
      inner.Read("restarting", container.restarting);
      if (inner.status() && !IsValidId(container.id)) {
        inner.FailWith(Error(Code::kInvalidArgument, Quoted(inner.PathOf("id")) + " is not a valid id"));
      }
      if (inner.status() && !ids.insert(container.id).second) {
        inner.FailWith(Error(Code::kInvalidArgument, Quoted(inner.PathOf("id")) + ": container " +
                                                         Quoted(container.id) + " is there twice"));
      }
      if (!inner.status()) reader.FailWith(inner.status().error());
      if (!reader.status()) break;
      record.containers.push_back(std::move(container));
    }
  }
  VC_RETURN_IF_ERROR(reader.status());
  return record;
}

void MarkStopped(PodRecord& record, const std::string& reason, Time when) {
  record.state = PodState::kStopped;
  record.reason = reason;
  record.finished = when;
  record.vm.reset();
  record.monitor = {};
  record.attachments.clear();
  for (ContainerRecord& container : record.containers) {
    container.restarting = false;
    if (container.state == ContainerState::kStopped) continue;
    const bool ran = container.state != ContainerState::kReady;
    // One that was never started in this VM has nothing to tell: it is as it was when it was created.
    if (!ran) continue;
    container.state = ContainerState::kStopped;
    container.reason = reason.empty() ? "its pod was stopped" : reason;
    container.finished = when;
  }
}

}  // namespace virtcontainers
