#include "pod/stats_json.h"

#include "base/errors.h"
#include "base/time_format.h"
#include "pod/json_fields.h"

namespace virtcontainers {
namespace {

using std::chrono::nanoseconds;

uint64_t Count(nanoseconds time) { return static_cast<uint64_t>(std::max<int64_t>(0, time.count())); }

void Read(JsonReader& reader, const char* name, nanoseconds& out) {
  int64_t count = 0;
  reader.Read(name, count);
  out = nanoseconds(count);
}

void Read(JsonReader& reader, const char* name, Bytes& out) { reader.Read(name, out.count); }

void Read(JsonReader& reader, const char* name, Time& out) {
  std::string text;
  reader.Read(name, text);
  if (text.empty()) return;
  const Result<Time> time = ParseTime(text);
  if (time) {
    out = *time;
  } else {
    reader.FailWith(time.error());
  }
}

Json ToJson(const MemoryStats& memory) {
  Json json = {{"usage", memory.usage.count},   {"peak", memory.peak.count},
               {"cache", memory.cache.count},   {"kernel", memory.kernel.count},
               {"swap", memory.swap.count},     {"limit_hits", memory.limit_hits},
               {"oom_kills", memory.oom_kills}, {"detail", Json::object()}};
  if (memory.limit) json["limit"] = memory.limit->count;
  for (const auto& [key, value] : memory.detail) json["detail"][key] = value;
  return json;
}

void ReadMemory(JsonReader& reader, MemoryStats& memory) {
  Read(reader, "usage", memory.usage);
  Read(reader, "peak", memory.peak);
  Read(reader, "cache", memory.cache);
  Read(reader, "kernel", memory.kernel);
  Read(reader, "swap", memory.swap);
  if (reader.Has("limit")) Read(reader, "limit", memory.limit.emplace());
  reader.Read("limit_hits", memory.limit_hits);
  reader.Read("oom_kills", memory.oom_kills);
  const Json* detail = reader.Object("detail");
  if (detail == nullptr) return;
  JsonReader inner(*detail, reader.PathOf("detail"));
  for (const auto& [key, value] : detail->items()) inner.Read(key.c_str(), memory.detail[key]);
  if (!inner.status()) reader.FailWith(inner.status().error());
}

Json ToJson(const NetworkStats& network) {
  return {{"name", network.name},
          {"host", network.host},
          {"received_bytes", network.received_bytes},
          {"received_packets", network.received_packets},
          {"received_errors", network.received_errors},
          {"received_dropped", network.received_dropped},
          {"sent_bytes", network.sent_bytes},
          {"sent_packets", network.sent_packets},
          {"sent_errors", network.sent_errors},
          {"sent_dropped", network.sent_dropped}};
}

void ReadNetwork(JsonReader& reader, NetworkStats& network) {
  reader.Read("name", network.name);
  reader.Read("host", network.host);
  reader.Read("received_bytes", network.received_bytes);
  reader.Read("received_packets", network.received_packets);
  reader.Read("received_errors", network.received_errors);
  reader.Read("received_dropped", network.received_dropped);
  reader.Read("sent_bytes", network.sent_bytes);
  reader.Read("sent_packets", network.sent_packets);
  reader.Read("sent_errors", network.sent_errors);
  reader.Read("sent_dropped", network.sent_dropped);
}

}  // namespace

Json ToJson(const ContainerStats& stats) {
  Json json = {{"id", stats.id},
               {"time", FormatTime(stats.time)},
               {"cpu",
                {{"total_ns", Count(stats.cpu.total)},
                 {"user_ns", Count(stats.cpu.user)},
                 {"system_ns", Count(stats.cpu.system)},
                 {"periods", stats.cpu.periods},
                 {"throttled_periods", stats.cpu.throttled_periods},
                 {"throttled_ns", Count(stats.cpu.throttled)}}},
               {"memory", ToJson(stats.memory)},
               {"pids", {{"current", stats.pids.current}}},
               {"io", Json::array()},
               {"network", Json::array()}};
  if (stats.pids.limit) json["pids"]["limit"] = *stats.pids.limit;
  for (const IoStats& io : stats.io) {
    json["io"].push_back({{"major", io.major},
                          {"minor", io.minor},
                          {"read_bytes", io.read_bytes},
                          {"written_bytes", io.written_bytes},
                          {"reads", io.reads},
                          {"writes", io.writes}});
  }
  for (const NetworkStats& network : stats.network) json["network"].push_back(ToJson(network));
  return json;
}

Json ToJson(const PodStats& stats) {
  Json json = {{"id", stats.id},
               {"time", FormatTime(stats.time)},
               {"containers", Json::array()},
               {"host", Json::array()}};
  for (const ContainerStats& container : stats.containers) json["containers"].push_back(ToJson(container));
  for (const HostProcessStats& process : stats.host) {
    json["host"].push_back({{"name", process.name},
                            {"pid", process.pid},
                            {"cpu_ns", Count(process.cpu)},
                            {"resident", process.resident.count},
                            {"proportional", process.proportional.count}});
  }
  return json;
}

Json ToJson(const std::vector<ProcessInfo>& processes) {
  Json json = Json::array();
  for (const ProcessInfo& process : processes) {
    Json entry = {{"pid", process.pid},
                  {"parent", process.parent},
                  {"uid", process.uid},
                  {"gid", process.gid},
                  {"state", std::string(1, process.state)},
                  {"cpu_ns", Count(process.cpu)},
                  {"resident", process.resident.count},
                  {"name", process.name},
                  {"args", process.args}};
    if (process.started) entry["started"] = FormatTime(*process.started);
    json.push_back(std::move(entry));
  }
  return json;
}

Result<ContainerStats> ContainerStatsFromJson(const Json& json) {
  ContainerStats stats;
  JsonReader reader(json, "");
  reader.Read("id", stats.id);
  Read(reader, "time", stats.time);
  ReadObject(reader, "cpu", [&](JsonReader& cpu) {
    Read(cpu, "total_ns", stats.cpu.total);
    Read(cpu, "user_ns", stats.cpu.user);
    Read(cpu, "system_ns", stats.cpu.system);
    cpu.Read("periods", stats.cpu.periods);
    cpu.Read("throttled_periods", stats.cpu.throttled_periods);
    Read(cpu, "throttled_ns", stats.cpu.throttled);
  });
  ReadObject(reader, "memory", [&](JsonReader& memory) { ReadMemory(memory, stats.memory); });
  ReadObject(reader, "pids", [&](JsonReader& pids) {
    pids.Read("current", stats.pids.current);
    pids.Read("limit", stats.pids.limit);
  });
  ReadObjects(reader, "io", [&](JsonReader& entry) {
    IoStats& io = stats.io.emplace_back();
    entry.Read("major", io.major);
    entry.Read("minor", io.minor);
    entry.Read("read_bytes", io.read_bytes);
    entry.Read("written_bytes", io.written_bytes);
    entry.Read("reads", io.reads);
    entry.Read("writes", io.writes);
  });
  ReadObjects(reader, "network",
              [&](JsonReader& entry) { ReadNetwork(entry, stats.network.emplace_back()); });
  VC_RETURN_IF_ERROR(reader.status());
  return stats;
}

Result<PodStats> PodStatsFromJson(const Json& json) {
  PodStats stats;
  JsonReader reader(json, "");
  reader.Read("id", stats.id);
  Read(reader, "time", stats.time);
  ReadObjects(reader, "host", [&](JsonReader& entry) {
    HostProcessStats& process = stats.host.emplace_back();
    entry.Read("name", process.name);
    entry.Read("pid", process.pid);
    Read(entry, "cpu_ns", process.cpu);
    Read(entry, "resident", process.resident);
    Read(entry, "proportional", process.proportional);
  });
  const Json* containers = reader.Array("containers");
  VC_RETURN_IF_ERROR(reader.status());
  if (containers == nullptr) return stats;
  for (const Json& container : *containers) {
    if (!container.is_object()) return Fail(Code::kInvalidArgument, "'containers' holds what is no object");
    VC_ASSIGN_OR_RETURN(stats.containers.emplace_back(), ContainerStatsFromJson(container));
  }
  return stats;
}

Result<std::vector<ProcessInfo>> ProcessesFromJson(const Json& json) {
  if (!json.is_array()) return Fail(Code::kInvalidArgument, "the list of processes is no list");
  std::vector<ProcessInfo> processes;
  for (const Json& element : json) {
    JsonReader reader(element, "processes");
    ProcessInfo& process = processes.emplace_back();
    std::string state;
    reader.Read("pid", process.pid);
    reader.Read("parent", process.parent);
    reader.Read("uid", process.uid);
    reader.Read("gid", process.gid);
    reader.Read("state", state);
    Read(reader, "cpu_ns", process.cpu);
    Read(reader, "resident", process.resident);
    reader.Read("name", process.name);
    reader.Read("args", process.args);
    if (reader.Has("started")) Read(reader, "started", process.started.emplace());
    VC_RETURN_IF_ERROR(reader.status());
    if (state.size() == 1) process.state = state[0];
  }
  return processes;
}

}  // namespace virtcontainers
