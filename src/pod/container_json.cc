// A container's configuration as JSON. The fields are named as in virtcontainers/config.h.

#include "pod/config_json.h"
#include "pod/json_fields.h"

namespace virtcontainers {
namespace {

constexpr struct {
  const char* name;
  std::vector<Hook> Hooks::*list;
} kHooks[] = {{"prestart", &Hooks::prestart},
              {"create_runtime", &Hooks::create_runtime},
              {"create_container", &Hooks::create_container},
              {"start_container", &Hooks::start_container},
              {"poststart", &Hooks::poststart},
              {"poststop", &Hooks::poststop}};

constexpr struct {
  const char* name;
  NamespaceOwner Namespaces::*owner;
} kNamespaces[] = {{"pid", &Namespaces::pid},
                   {"ipc", &Namespaces::ipc},
                   {"uts", &Namespaces::uts},
                   {"network", &Namespaces::network}};

Json ToJson(const Mount& mount) {
  return {{"destination", mount.destination},
          {"type", mount.type},
          {"source", mount.source},
          {"options", mount.options}};
}

Json ToJson(const DeviceNode& device) {
  Json json = {
      {"path", device.path}, {"type", device.type}, {"major", device.major}, {"minor", device.minor}};
  if (device.mode) json["mode"] = *device.mode;
  json["uid"] = device.uid;
  json["gid"] = device.gid;
  return json;
}

void ReadDevice(JsonReader& reader, DeviceNode& device) {
  reader.Read("path", device.path);
  reader.Read("type", device.type);
  reader.Read("major", device.major);
  reader.Read("minor", device.minor);
  reader.Read("mode", device.mode);
  reader.Read("uid", device.uid);
  reader.Read("gid", device.gid);
}

Json ToJson(const Seccomp& seccomp) {
  Json json = {{"default_action", seccomp.default_action}};
  if (seccomp.default_errno_return) json["default_errno_return"] = *seccomp.default_errno_return;
  json["architectures"] = seccomp.architectures;
  json["flags"] = seccomp.flags;
  for (const SeccompRule& rule : seccomp.rules) {
    Json entry = {{"names", rule.names}, {"action", rule.action}};
    if (rule.errno_return) entry["errno_return"] = *rule.errno_return;
    for (const SeccompArgument& argument : rule.arguments) {
      entry["arguments"].push_back({{"index", argument.index},
                                    {"value", argument.value},
                                    {"value_two", argument.value_two},
                                    {"op", argument.op}});
    }
    json["rules"].push_back(std::move(entry));
  }
  return json;
}

void ReadSeccomp(JsonReader& reader, Seccomp& seccomp) {
  reader.Read("default_action", seccomp.default_action);
  reader.Read("default_errno_return", seccomp.default_errno_return);
  reader.Read("architectures", seccomp.architectures);
  reader.Read("flags", seccomp.flags);
  ReadObjects(reader, "rules", [&](JsonReader& entry) {
    SeccompRule& rule = seccomp.rules.emplace_back();
    entry.Read("names", rule.names);
    entry.Read("action", rule.action);
    entry.Read("errno_return", rule.errno_return);
    ReadObjects(entry, "arguments", [&](JsonReader& condition) {
      SeccompArgument& argument = rule.arguments.emplace_back();
      condition.Read("index", argument.index);
      condition.Read("value", argument.value);
      condition.Read("value_two", argument.value_two);
      condition.Read("op", argument.op);
    });
  });
}

Json ToJson(const Hooks& hooks) {
  Json json;
  for (const auto& [name, list] : kHooks) {
    for (const Hook& hook : hooks.*list) {
      Json entry = {{"path", hook.path}, {"args", hook.args}, {"env", hook.env}};
      if (hook.timeout) entry["timeout"] = *hook.timeout;
      json[name].push_back(std::move(entry));
    }
  }
  return json;
}

void ReadHooks(JsonReader& reader, Hooks& hooks) {
  for (const auto& [name, list] : kHooks) {
    ReadObjects(reader, name, [&hooks, list = list](JsonReader& entry) {
      Hook& hook = (hooks.*list).emplace_back();
      entry.Read("path", hook.path);
      entry.Read("args", hook.args);
      entry.Read("env", hook.env);
      entry.Read("timeout", hook.timeout);
    });
  }
}

}  // namespace

Json ToJson(const ContainerConfig& config) {
  Json json = {{"id", config.id}, {"rootfs", config.rootfs}};
  if (config.readonly_rootfs) json["readonly_rootfs"] = true;
  if (!config.hostname.empty()) json["hostname"] = config.hostname;
  if (!config.domainname.empty()) json["domainname"] = config.domainname;
  json["process"] = ToJson(config.process);
  json["output"] = NameOf(kOutputNames, config.output);
  json["log"] = {{"format", NameOf(kLogFormatNames, config.log.format)},
                 {"max_size", config.log.max_size.count},
                 {"max_files", config.log.max_files}};
  if (!config.default_mounts) json["default_mounts"] = false;
  for (const Mount& mount : config.mounts) json["mounts"].push_back(ToJson(mount));
  if (!config.rootfs_propagation.empty()) json["rootfs_propagation"] = config.rootfs_propagation;
  if (config.masked_paths) json["masked_paths"] = *config.masked_paths;
  if (config.readonly_paths) json["readonly_paths"] = *config.readonly_paths;
  for (const DeviceNode& device : config.devices) json["devices"].push_back(ToJson(device));
  for (const auto& [name, owner] : kNamespaces) {
    json["namespaces"][name] = NameOf(kNamespaceOwnerNames, config.namespaces.*owner);
  }
  if (!config.sysctl.empty()) json["sysctl"] = config.sysctl;
  if (!config.personality.empty()) json["personality"] = config.personality;
  if (Json resources = ToJson(config.resources); !resources.empty()) json["resources"] = std::move(resources);
  if (config.seccomp) json["seccomp"] = ToJson(*config.seccomp);
  if (!config.hooks.empty()) json["hooks"] = ToJson(config.hooks);
  if (!config.bundle.empty()) json["bundle"] = config.bundle;
  if (!config.annotations.empty()) json["annotations"] = config.annotations;
  return json;
}

Result<ContainerConfig> ContainerConfigFromJson(const Json& json) {
  ContainerConfig config;
  JsonReader reader(json, "");
  ReadId(reader, config.id);
  reader.Read("rootfs", config.rootfs);
  reader.Read("readonly_rootfs", config.readonly_rootfs);
  reader.Read("hostname", config.hostname);
  reader.Read("domainname", config.domainname);
  if (const Json* process = reader.Object("process")) {
    Result<ProcessConfig> read = ProcessConfigFromJson(*process, "process");
    if (!read) return Fail(std::move(read.error()));
    config.process = std::move(*read);
  }
  ReadEnum(reader, "output", kOutputNames, config.output);
  ReadObject(reader, "log", [&](JsonReader& log) {
    ReadEnum(log, "format", kLogFormatNames, config.log.format);
    log.Read("max_size", config.log.max_size.count);
    log.Read("max_files", config.log.max_files);
  });
  reader.Read("default_mounts", config.default_mounts);
  ReadObjects(reader, "mounts", [&](JsonReader& entry) {
    Mount& mount = config.mounts.emplace_back();
    entry.Read("destination", mount.destination);
    entry.Read("type", mount.type);
    entry.Read("source", mount.source);
    entry.Read("options", mount.options);
  });
  reader.Read("rootfs_propagation", config.rootfs_propagation);
  reader.Read("masked_paths", config.masked_paths);
  reader.Read("readonly_paths", config.readonly_paths);
  ReadObjects(reader, "devices",
              [&](JsonReader& entry) { ReadDevice(entry, config.devices.emplace_back()); });
  ReadObject(reader, "namespaces", [&](JsonReader& owners) {
    for (const auto& [name, owner] : kNamespaces)
      ReadEnum(owners, name, kNamespaceOwnerNames, config.namespaces.*owner);
  });
  reader.Read("sysctl", config.sysctl);
  reader.Read("personality", config.personality);
  if (const Json* resources = reader.Object("resources")) {
    Result<ContainerResources> read = ContainerResourcesFromJson(*resources, "resources");
    if (!read) return Fail(std::move(read.error()));
    config.resources = std::move(*read);
  }
  ReadObject(reader, "seccomp", [&](JsonReader& filter) { ReadSeccomp(filter, config.seccomp.emplace()); });
  ReadObject(reader, "hooks", [&](JsonReader& hooks) { ReadHooks(hooks, config.hooks); });
  reader.Read("bundle", config.bundle);
  reader.Read("annotations", config.annotations);
  VC_RETURN_IF_ERROR(reader.status());
  return config;
}

}  // namespace virtcontainers
