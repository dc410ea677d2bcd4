#include "network/cni/list.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/errors.h"

namespace virtcontainers::cni {
namespace {

constexpr JsonLimits kListLimits{.bytes = kMaxListBytes, .depth = 32};
constexpr size_t kMaxPlugins = 64;
constexpr size_t kMaxNameBytes = 255;

Error InvalidList(std::string_view where, std::string what) {
  return Error(Code::kInvalidArgument, std::string(where) + ": " + std::move(what));
}

Result<Json> ParseListJson(std::string_view text, std::string_view where) {
  if (text.size() > kMaxListBytes) {
    return Fail(InvalidList(where, "the configuration has " + std::to_string(text.size()) +
                                       " bytes; at most " + std::to_string(kMaxListBytes) + " are read"));
  }
  Result<Json> json = ParseJson(text, kListLimits);
  if (!json) return Fail(InvalidList(where, json.error().message()));
  if (!json->is_object()) return Fail(InvalidList(where, "the configuration is not a JSON object"));
  return json;
}

// A boolean, which some lists have as text.
Result<bool> ReadFlag(const Json& object, const char* name, std::string_view where) {
  const auto found = object.find(name);
  if (found == object.end()) return false;
  if (found->is_boolean()) return found->get<bool>();
  if (found->is_string()) {
    const auto& text = found->get_ref<const std::string&>();
    if (text == "true") return true;
    if (text == "false") return false;
  }
  return Fail(InvalidList(where, "'" + std::string(name) + "' is neither true nor false"));
}

Result<Plugin> ReadPlugin(const Json& object, const std::string& path, std::string_view where) {
  const auto of = [&](const char* field) { return path.empty() ? field : path + "." + field; };
  if (!object.is_object()) return Fail(InvalidList(where, "'" + path + "' is not an object"));
  const auto type = object.find("type");
  if (type == object.end()) return Fail(InvalidList(where, "'" + of("type") + "' is missing"));
  if (!type->is_string()) return Fail(InvalidList(where, "'" + of("type") + "' is not a string"));
  Plugin plugin{type->get<std::string>(), object};
  if (!IsValidPluginType(plugin.type)) {
    return Fail(InvalidList(where, "'" + of("type") + "' is " + Quoted(plugin.type) +
                                       ": it must be the name of a program, without a directory"));
  }
  const auto capabilities = object.find("capabilities");
  if (capabilities != object.end() && !capabilities->is_object()) {
    return Fail(InvalidList(where, "'" + of("capabilities") + "' is not an object"));
  }
  const auto ipam = object.find("ipam");
  if (ipam != object.end() && ipam->is_object()) {
    const auto ipam_type = ipam->find("type");
    if (ipam_type != ipam->end() && ipam_type->is_string() &&
        !ipam_type->get_ref<const std::string&>().empty() &&
        !IsValidPluginType(ipam_type->get_ref<const std::string&>())) {
      return Fail(InvalidList(where, "'" + of("ipam.type") + "' is " + Quoted(ipam_type->get<std::string>()) +
                                         ": it must be the name of a program, without a directory"));
    }
  }
  return plugin;
}

Result<std::vector<Version>> ReadVersions(const Json& object, std::string_view where) {
  std::vector<std::string> names;
  const auto one = object.find("cniVersion");
  if (one != object.end()) {
    if (!one->is_string()) return Fail(InvalidList(where, "'cniVersion' is not a string"));
    names.push_back(one->get<std::string>());
  }
  const auto many = object.find("cniVersions");
  if (many != object.end()) {
    if (!many->is_array()) return Fail(InvalidList(where, "'cniVersions' is not an array"));
    for (const Json& name : *many) {
      if (!name.is_string()) return Fail(InvalidList(where, "'cniVersions' has an entry that is no string"));
      names.push_back(name.get<std::string>());
    }
  }
  if (names.empty()) {
    return Fail(InvalidList(where, "'cniVersion' is missing: name one of " + SupportedVersions()));
  }
  std::vector<Version> versions;
  for (const std::string& name : names) {
    const std::optional<Version> version = VersionNamed(name);
    if (version) versions.push_back(*version);
  }
  if (versions.empty()) {
    std::string given;
    for (const std::string& name : names) given += (given.empty() ? "" : ", ") + Quoted(name);
    return Fail(
        InvalidList(where, "version " + given + " of CNI is not supported; " + SupportedVersions() + " are"));
  }
  std::sort(versions.begin(), versions.end());
  versions.erase(std::unique(versions.begin(), versions.end()), versions.end());
  return versions;
}

}  // namespace

bool IsValidName(std::string_view name) {
  const auto is_alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (name.empty() || name.size() > kMaxNameBytes || !is_alphanumeric(name[0])) return false;
  return std::all_of(name.begin(), name.end(),
                     [&](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
}

bool IsValidPluginType(std::string_view type) {
  if (type.empty() || type.size() > kMaxNameBytes || type == "." || type == "..") return false;
  return std::none_of(type.begin(), type.end(), [](char c) {
    return c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

Result<Plugin> ParsePlugin(std::string_view text, std::string_view where) {
  VC_ASSIGN_OR_RETURN(const Json object, ParseListJson(text, where));
  return ReadPlugin(object, "", where);
}

Result<List> ParseList(std::string_view text, std::string_view where) {
  VC_ASSIGN_OR_RETURN(const Json object, ParseListJson(text, where));
  List list;
  list.where = where;

  const auto name = object.find("name");
  if (name == object.end()) return Fail(InvalidList(where, "'name' is missing: give the network a name"));
  if (!name->is_string()) return Fail(InvalidList(where, "'name' is not a string"));
  list.name = name->get<std::string>();
  if (!IsValidName(list.name)) {
    return Fail(
        InvalidList(where, "'name' is " + Quoted(list.name) +
                               ": it must begin with a letter or a digit, and have only letters, digits, "
                               "'_', '.' and '-'"));
  }
  VC_ASSIGN_OR_RETURN(list.versions, ReadVersions(object, where));
  VC_ASSIGN_OR_RETURN(list.disable_check, ReadFlag(object, "disableCheck", where));
  VC_ASSIGN_OR_RETURN(list.disable_gc, ReadFlag(object, "disableGC", where));
  VC_ASSIGN_OR_RETURN(list.only_inlined_plugins, ReadFlag(object, "loadOnlyInlinedPlugins", where));

  const auto plugins = object.find("plugins");
  if (plugins == object.end()) {
    if (object.contains("type")) {
      VC_ASSIGN_OR_RETURN(Plugin plugin, ReadPlugin(object, "", where));
      list.plugins.push_back(std::move(plugin));
      list.only_inlined_plugins = true;
      return list;
    }
    // They may be in files of their own.
    if (list.versions.back() >= Version::kV110 && !list.only_inlined_plugins) return list;
    return Fail(InvalidList(where, "'plugins' is missing: a network has at least one plugin"));
  }
  if (!plugins->is_array()) return Fail(InvalidList(where, "'plugins' is not an array"));
  if (plugins->empty()) {
    return Fail(InvalidList(where, "'plugins' is empty: a network has at least one plugin"));
  }
  if (plugins->size() > kMaxPlugins) {
    return Fail(InvalidList(where, "'plugins' has " + std::to_string(plugins->size()) + " entries; at most " +
                                       std::to_string(kMaxPlugins) + " are supported"));
  }
  for (size_t i = 0; i < plugins->size(); ++i) {
    VC_ASSIGN_OR_RETURN(Plugin plugin,
                        ReadPlugin((*plugins)[i], "plugins[" + std::to_string(i) + "]", where));
    list.plugins.push_back(std::move(plugin));
  }
  return list;
}

std::string FormatList(const List& list) {
  Json json = Json::object();
  json["cniVersion"] = VersionName(list.versions.back());
  Json versions = Json::array();
  for (const Version version : list.versions) versions.push_back(VersionName(version));
  json["cniVersions"] = std::move(versions);
  json["name"] = list.name;
  json["disableCheck"] = list.disable_check;
  json["disableGC"] = list.disable_gc;
  json["loadOnlyInlinedPlugins"] = true;
  Json plugins = Json::array();
  for (const Plugin& plugin : list.plugins) plugins.push_back(plugin.config);
  json["plugins"] = std::move(plugins);
  return DumpJson(json, false);
}

}  // namespace virtcontainers::cni
