#include "pod/config_json.h"
#include "pod/json_fields.h"

namespace virtcontainers {
namespace {

constexpr struct {
  const char* name;
  std::vector<BlockThrottle> ContainerResources::*list;
} kThrottles[] = {{"block_read_bytes", &ContainerResources::block_read_bytes},
                  {"block_write_bytes", &ContainerResources::block_write_bytes},
                  {"block_read_operations", &ContainerResources::block_read_operations},
                  {"block_write_operations", &ContainerResources::block_write_operations}};

template <typename T>
void Put(Json& json, const char* name, const std::optional<T>& value) {
  if (value) json[name] = *value;
}

}  // namespace

Json ToJson(const ContainerResources& resources) {
  Json json = Json::object();
  Put(json, "memory_limit", resources.memory_limit);
  Put(json, "memory_reservation", resources.memory_reservation);
  Put(json, "memory_swap", resources.memory_swap);
  Put(json, "cpu_shares", resources.cpu_shares);
  Put(json, "cpu_quota", resources.cpu_quota);
  Put(json, "cpu_period", resources.cpu_period);
  if (!resources.cpus.empty()) json["cpus"] = resources.cpus;
  if (!resources.mems.empty()) json["mems"] = resources.mems;
  Put(json, "pids_limit", resources.pids_limit);
  Put(json, "block_weight", resources.block_weight);
  for (const auto& [name, list] : kThrottles) {
    for (const BlockThrottle& throttle : resources.*list) {
      json[name].push_back({{"major", throttle.major}, {"minor", throttle.minor}, {"rate", throttle.rate}});
    }
  }
  for (const HugepageLimit& limit : resources.hugepages) {
    json["hugepages"].push_back({{"page_size", limit.page_size}, {"bytes", limit.bytes}});
  }
  for (const DeviceRule& rule : resources.devices) {
    Json entry = {{"allow", rule.allow}, {"type", rule.type}};
    Put(entry, "major", rule.major);
    Put(entry, "minor", rule.minor);
    entry["access"] = rule.access;
    json["devices"].push_back(std::move(entry));
  }
  if (!resources.unified.empty()) json["unified"] = resources.unified;
  return json;
}

Result<ContainerResources> ContainerResourcesFromJson(const Json& json, std::string_view path) {
  ContainerResources resources;
  JsonReader reader(json, std::string(path));
  reader.Read("memory_limit", resources.memory_limit);
  reader.Read("memory_reservation", resources.memory_reservation);
  reader.Read("memory_swap", resources.memory_swap);
  reader.Read("cpu_shares", resources.cpu_shares);
  reader.Read("cpu_quota", resources.cpu_quota);
  reader.Read("cpu_period", resources.cpu_period);
  reader.Read("cpus", resources.cpus);
  reader.Read("mems", resources.mems);
  reader.Read("pids_limit", resources.pids_limit);
  reader.Read("block_weight", resources.block_weight);
  for (const auto& [name, list] : kThrottles) {
    ReadObjects(reader, name, [&resources, list = list](JsonReader& entry) {
      BlockThrottle& throttle = (resources.*list).emplace_back();
      entry.Read("major", throttle.major);
      entry.Read("minor", throttle.minor);
      entry.Read("rate", throttle.rate);
    });
  }
  ReadObjects(reader, "hugepages", [&](JsonReader& entry) {
    HugepageLimit& limit = resources.hugepages.emplace_back();
    entry.Read("page_size", limit.page_size);
    entry.Read("bytes", limit.bytes);
  });
  ReadObjects(reader, "devices", [&](JsonReader& entry) {
    DeviceRule& rule = resources.devices.emplace_back();
    entry.Read("allow", rule.allow);
    entry.Read("type", rule.type);
    entry.Read("major", rule.major);
    entry.Read("minor", rule.minor);
    entry.Read("access", rule.access);
  });
  reader.Read("unified", resources.unified);
  VC_RETURN_IF_ERROR(reader.status());
  return resources;
}

}  // namespace virtcontainers
