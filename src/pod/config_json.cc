#include "pod/config_json.h"

#include "pod/json_fields.h"

namespace virtcontainers {
namespace {

Json ToJson(const User& user) {
  Json json = {{"uid", user.uid}, {"gid", user.gid}};
  if (!user.additional_gids.empty()) json["additional_gids"] = user.additional_gids;
  if (user.umask) json["umask"] = *user.umask;
  if (!user.name.empty()) json["name"] = user.name;
  if (!user.group.empty()) json["group"] = user.group;
  if (!user.additional_groups.empty()) json["additional_groups"] = user.additional_groups;
  return json;
}

Json ToJson(const Capabilities& capabilities) {
  return {{"bounding", capabilities.bounding},
          {"effective", capabilities.effective},
          {"inheritable", capabilities.inheritable},
          {"permitted", capabilities.permitted},
          {"ambient", capabilities.ambient}};
}

Json ToJson(const Scheduler& scheduler) {
  return {{"policy", scheduler.policy}, {"nice", scheduler.nice},       {"priority", scheduler.priority},
          {"flags", scheduler.flags},   {"runtime", scheduler.runtime}, {"deadline", scheduler.deadline},
          {"period", scheduler.period}};
}

void ReadProcess(JsonReader& reader, ProcessConfig& process) {
  reader.Read("args", process.args);
  reader.Read("env", process.env);
  reader.Read("cwd", process.cwd);
  ReadObject(reader, "user", [&](JsonReader& user) {
    user.Read("uid", process.user.uid);
    user.Read("gid", process.user.gid);
    user.Read("additional_gids", process.user.additional_gids);
    user.Read("umask", process.user.umask);
    user.Read("name", process.user.name);
    user.Read("group", process.user.group);
    user.Read("additional_groups", process.user.additional_groups);
  });
  reader.Read("terminal", process.terminal);
  reader.Read("rows", process.rows);
  reader.Read("columns", process.columns);
  reader.Read("no_new_privileges", process.no_new_privileges);
  ReadObject(reader, "capabilities", [&](JsonReader& sets) {
    Capabilities& capabilities = process.capabilities.emplace();
    sets.Read("bounding", capabilities.bounding);
    sets.Read("effective", capabilities.effective);
    sets.Read("inheritable", capabilities.inheritable);
    sets.Read("permitted", capabilities.permitted);
    sets.Read("ambient", capabilities.ambient);
  });
  ReadObjects(reader, "rlimits", [&](JsonReader& entry) {
    Rlimit& limit = process.rlimits.emplace_back();
    entry.Read("type", limit.type);
    entry.Read("soft", limit.soft);
    entry.Read("hard", limit.hard);
  });
  reader.Read("oom_score_adj", process.oom_score_adj);
  reader.Read("exec_cpus", process.exec_cpus);
  reader.Read("guest_program", process.guest_program);
  int64_t time_limit = 0;
  reader.Read("time_limit_ms", time_limit);
  process.time_limit = std::chrono::milliseconds(time_limit);
  ReadObject(reader, "scheduler", [&](JsonReader& entry) {
    Scheduler& scheduler = process.scheduler.emplace();
    entry.Read("policy", scheduler.policy);
    entry.Read("nice", scheduler.nice);
    entry.Read("priority", scheduler.priority);
    entry.Read("flags", scheduler.flags);
    entry.Read("runtime", scheduler.runtime);
    entry.Read("deadline", scheduler.deadline);
    entry.Read("period", scheduler.period);
  });
  ReadObject(reader, "io_priority", [&](JsonReader& entry) {
    IoPriority& io_priority = process.io_priority.emplace();
    entry.Read("class", io_priority.io_class);
    entry.Read("priority", io_priority.priority);
  });
}

}  // namespace

Json ToJson(const ProcessConfig& config) {
  Json json = {
      {"args", config.args}, {"env", config.env}, {"cwd", config.cwd}, {"user", ToJson(config.user)}};
  if (config.terminal) {
    json["terminal"] = true;
    json["rows"] = config.rows;
    json["columns"] = config.columns;
  }
  if (config.no_new_privileges) json["no_new_privileges"] = true;
  if (config.capabilities) json["capabilities"] = ToJson(*config.capabilities);
  for (const Rlimit& limit : config.rlimits) {
    json["rlimits"].push_back({{"type", limit.type}, {"soft", limit.soft}, {"hard", limit.hard}});
  }
  if (config.oom_score_adj) json["oom_score_adj"] = *config.oom_score_adj;
  if (!config.exec_cpus.empty()) json["exec_cpus"] = config.exec_cpus;
  if (config.guest_program) json["guest_program"] = true;
  if (config.time_limit.count() != 0) json["time_limit_ms"] = config.time_limit.count();
  if (config.scheduler) json["scheduler"] = ToJson(*config.scheduler);
  if (config.io_priority) {
    json["io_priority"] = {{"class", config.io_priority->io_class},
                           {"priority", config.io_priority->priority}};
  }
  return json;
}

Json ToJson(const PodConfig& config) {
  const HypervisorConfig& hypervisor = config.hypervisor;
  Json json = {
      {"id", config.id},
      {"hostname", config.hostname},
      {"vcpus", config.resources.vcpus},
      {"memory", config.resources.memory.count},
      {"max_memory", config.resources.max_memory.count},
      {"hypervisor",
       {{"type", hypervisor.type},
        {"machine", hypervisor.machine},
        {"accelerator", NameOf(kAcceleratorNames, hypervisor.accelerator)},
        {"path", hypervisor.path},
        {"firmware", hypervisor.firmware},
        {"kernel", hypervisor.kernel},
        {"initrd", hypervisor.initrd},
        {"virtiofsd", hypervisor.virtiofsd},
        {"device_slots", hypervisor.device_slots},
        {"kernel_parameters", hypervisor.kernel_parameters},
        {"debug", hypervisor.debug}}},
      {"agent",
       {{"type", config.agent.type}, {"transport", NameOf(kTransportNames, config.agent.transport)}}}};
  json["shared_memory"] = config.shared_memory.count;
  const DnsConfig& dns = config.dns;
  if (!dns.servers.empty() || !dns.searches.empty() || !dns.options.empty()) {
    json["dns"] = {{"servers", dns.servers}, {"searches", dns.searches}, {"options", dns.options}};
  }
  for (const HostEntry& host : config.hosts) {
    json["hosts"].push_back({{"address", host.address}, {"names", host.names}});
  }
  if (!config.annotations.empty()) json["annotations"] = config.annotations;
  return json;
}

Result<ProcessConfig> ProcessConfigFromJson(const Json& json, std::string_view path) {
  ProcessConfig process;
  JsonReader reader(json, std::string(path));
  ReadProcess(reader, process);
  VC_RETURN_IF_ERROR(reader.status());
  return process;
}

Result<PodConfig> PodConfigFromJson(const Json& json) {
  PodConfig config;
  JsonReader reader(json, "");
  ReadId(reader, config.id);
  reader.Read("hostname", config.hostname);
  reader.Read("vcpus", config.resources.vcpus);
  reader.Read("memory", config.resources.memory.count);
  reader.Read("max_memory", config.resources.max_memory.count);
  ReadObject(reader, "hypervisor", [&](JsonReader& entry) {
    HypervisorConfig& hypervisor = config.hypervisor;
    entry.Read("type", hypervisor.type);
    entry.Read("machine", hypervisor.machine);
    ReadEnum(entry, "accelerator", kAcceleratorNames, hypervisor.accelerator);
    entry.Read("path", hypervisor.path);
    entry.Read("firmware", hypervisor.firmware);
    entry.Read("kernel", hypervisor.kernel);
    entry.Read("initrd", hypervisor.initrd);
    entry.Read("virtiofsd", hypervisor.virtiofsd);
    entry.Read("device_slots", hypervisor.device_slots);
    entry.Read("kernel_parameters", hypervisor.kernel_parameters);
    entry.Read("debug", hypervisor.debug);
  });
  ReadObject(reader, "agent", [&](JsonReader& entry) {
    entry.Read("type", config.agent.type);
    ReadEnum(entry, "transport", kTransportNames, config.agent.transport);
  });
  reader.Read("shared_memory", config.shared_memory.count);
  ReadObject(reader, "dns", [&](JsonReader& dns) {
    dns.Read("servers", config.dns.servers);
    dns.Read("searches", config.dns.searches);
    dns.Read("options", config.dns.options);
  });
  ReadObjects(reader, "hosts", [&](JsonReader& entry) {
    HostEntry& host = config.hosts.emplace_back();
    entry.Read("address", host.address);
    entry.Read("names", host.names);
  });
  reader.Read("annotations", config.annotations);
  VC_RETURN_IF_ERROR(reader.status());
  return config;
}

}  // namespace virtcontainers
