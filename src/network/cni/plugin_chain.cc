#include "network/cni/plugin_chain.h"

#include <algorithm>
#include <optional>

#include "base/errors.h"
#include "network/cni/capabilities.h"
#include "network/cni/plugin_call.h"
#include "network/cni/plugin_path.h"
#include "network/cni/plugin_processes.h"

namespace virtcontainers::cni {
namespace {

constexpr JsonLimits kAnswerLimits{.bytes = kMaxPluginOutput, .depth = 32};

Result<std::vector<Version>> ReadSupportedVersions(const std::string& text, const std::string& type) {
  const Result<Json> json = ParseJson(text, kAnswerLimits);
  const auto invalid = [&](const std::string& why) {
    return Fail(Code::kInvalidArgument,
                "CNI plugin " + Quoted(type) + " answered VERSION with what cannot be read: " + why);
  };
  if (!json) return invalid(json.error().message());
  if (!json->is_object()) return invalid("it is no JSON object");
  std::vector<Version> versions;
  const auto supported = json->find("supportedVersions");
  if (supported == json->end()) return versions;  // 0.1.0, which had no such answer
  if (!supported->is_array()) return invalid("'supportedVersions' is no array");
  for (const Json& name : *supported) {
    if (!name.is_string()) continue;
    const std::optional<Version> version = VersionNamed(name.get_ref<const std::string&>());
    if (version) versions.push_back(*version);
  }
  return versions;
}

bool Contains(const std::vector<Version>& versions, Version version) {
  return std::find(versions.begin(), versions.end(), version) != versions.end();
}

}  // namespace

Result<std::vector<Version>> PluginVersions::Of(const Plugin& plugin, const Deadline& deadline) {
  VC_ASSIGN_OR_RETURN(const std::string program, FindPlugin(plugin.type, list_.plugin_directories));
  const auto known = known_.find(program);
  if (known != known_.end()) return known->second;
  PluginCall call{.network = list_.name, .type = plugin.type, .program = program, .command = "VERSION"};
  call.mark = mark_;
  Json config = Json::object();
  config["cniVersion"] = VersionName(list_.versions.back());
  call.config = DumpJson(config, false);
  Result<std::string> answer = CallPlugin(call, deadline);
  Result<std::vector<Version>> versions =
      answer ? ReadSupportedVersions(*answer, plugin.type)
             : Result<std::vector<Version>>(tl::make_unexpected(std::move(answer.error())));
  return known_.emplace(program, std::move(versions)).first->second;
}

Json PluginConfig(const List& list, const Plugin& plugin, Version version) {
  Json config = Json::object();
  config["cniVersion"] = VersionName(version);
  config["name"] = list.name;
  for (const auto& [key, value] : plugin.config.items()) {
    const bool reserved = key == "cniVersion" || key == "name" || key == "capabilities" ||
                          key == "prevResult" || key == "runtimeConfig" || key.starts_with("cni.dev/");
    if (!reserved) config[key] = value;
  }
  return config;
}

std::string FormatPluginPath(const List& list) {
  std::string path;
  for (const std::string& directory : list.plugin_directories) path += (path.empty() ? "" : ":") + directory;
  return path;
}

PluginChain::PluginChain(const List& list, const Request& request)
    : list_(list),
      request_(request),
      mark_(AttachmentMark(list.name, request.container, request.interface)),
      version_(list.versions.empty() ? Version::kV030 : list.versions.back()) {}

Status PluginChain::ChooseVersion(const Deadline& deadline) {
  if (list_.versions.size() == 1) return {};
  PluginVersions versions(list_, mark_);
  std::vector<Version> candidates = list_.versions;
  for (const Plugin& plugin : list_.plugins) {
    VC_ASSIGN_OR_RETURN(const std::vector<Version> supported, versions.Of(plugin, deadline));
    std::erase_if(candidates, [&](Version version) { return !Contains(supported, version); });
    if (candidates.empty()) {
      return Fail(Code::kInvalidArgument,
                  list_.where + ": no version in 'cniVersions' is one that all plugins support: " +
                      Quoted(plugin.type) + " supports none of those that the plugins before it do");
    }
  }
  version_ = candidates.back();
  return {};
}

void PluginChain::ChooseVersionOf(const std::string& result, const Deadline& deadline) {
  if (list_.versions.size() == 1) return;
  const Result<Json> json = ParseJson(result, kAnswerLimits);
  if (json && json->is_object()) {
    const auto name = json->find("cniVersion");
    if (name != json->end() && name->is_string()) {
      const std::optional<Version> version = VersionNamed(name->get_ref<const std::string&>());
      if (version && Contains(list_.versions, *version)) {
        version_ = *version;
        return;
      }
    }
  }
  PluginVersions versions(list_, mark_);
  std::vector<Version> candidates = list_.versions;
  for (const Plugin& plugin : list_.plugins) {
    const Result<std::vector<Version>> supported = versions.Of(plugin, deadline);
    if (!supported) continue;
    std::vector<Version> left = candidates;
    std::erase_if(left, [&](Version version) { return !Contains(*supported, version); });
    if (!left.empty()) candidates = std::move(left);
  }
  version_ = candidates.back();
}

Status PluginChain::CheckPrograms() const {
  for (const Plugin& plugin : list_.plugins) {
    VC_RETURN_IF_ERROR(FindPlugin(plugin.type, list_.plugin_directories));
  }
  return {};
}

Result<std::string> PluginChain::Call(size_t index, const char* command, const std::string& previous,
                                      const std::string& netns, const Deadline& deadline) const {
  const Plugin& plugin = list_.plugins[index];
  PluginCall call{.network = list_.name, .type = plugin.type, .program = {}, .command = command};
  VC_ASSIGN_OR_RETURN(call.program, FindPlugin(plugin.type, list_.plugin_directories));
  call.parameters = {{"CNI_CONTAINERID", request_.container},
                     {"CNI_NETNS", netns},
                     {"CNI_IFNAME", request_.interface},
                     {"CNI_ARGS", FormatArgs(request_.args)},
                     {"CNI_PATH", FormatPluginPath(list_)}};
  call.mark = mark_;
  Json config = PluginConfig(list_, plugin, version_);
  Json runtime_config = RuntimeConfig(plugin, request_.capabilities);
  if (!runtime_config.empty()) config["runtimeConfig"] = std::move(runtime_config);
  if (!previous.empty()) {
    VC_ASSIGN_OR_RETURN(config["prevResult"], ParseJson(previous, kAnswerLimits));
  }
  call.config = DumpJson(config, false);
  return CallPlugin(call, deadline);
}

}  // namespace virtcontainers::cni
