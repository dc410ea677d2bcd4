#include "network/cni/network_calls.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/errors.h"
#include "base/json.h"
#include "network/cni/plugin_call.h"
#include "network/cni/plugin_chain.h"
#include "network/cni/plugin_path.h"
#include "os/random_name.h"

namespace virtcontainers::cni {
namespace {

constexpr Version kNetworkCallsVersion = Version::kV110;

// Calls one command of 1.1.0 of the plugins of a list.
class NetworkCaller {
 public:
  // No other call has its mark.
  explicit NetworkCaller(const List& list)
      : list_(list), mark_(list.name + "/" + RandomName()), versions_(list, mark_) {}

  bool Applies() const { return list_.versions.back() >= kNetworkCallsVersion; }

  // False for a plugin that does not support the version. `extra` is added to its configuration.
  Result<bool> Call(const Plugin& plugin, const char* command, const Json& extra, const Deadline& deadline) {
    VC_ASSIGN_OR_RETURN(const std::vector<Version> supported, versions_.Of(plugin, deadline));
    if (std::find(supported.begin(), supported.end(), kNetworkCallsVersion) == supported.end()) return false;
    PluginCall call{.network = list_.name, .type = plugin.type, .program = {}, .command = command};
    VC_ASSIGN_OR_RETURN(call.program, FindPlugin(plugin.type, list_.plugin_directories));
    call.parameters = {{"CNI_PATH", FormatPluginPath(list_)}};
    call.mark = mark_;
    Json config = PluginConfig(list_, plugin, kNetworkCallsVersion);
    for (const auto& [key, value] : extra.items()) config[key] = value;
    call.config = DumpJson(config, false);
    VC_RETURN_IF_ERROR(CallPlugin(call, deadline));
    return true;
  }

 private:
  const List& list_;
  std::string mark_;
  PluginVersions versions_;
};

}  // namespace

Result<bool> CheckReady(const List& list, Deadline deadline) {
  NetworkCaller caller(list);
  if (!caller.Applies()) return false;
  bool asked = false;
  for (const Plugin& plugin : list.plugins) {
    VC_ASSIGN_OR_RETURN(const bool called, caller.Call(plugin, "STATUS", Json::object(), deadline));
    asked = asked || called;
  }
  return asked;
}

Result<bool> CollectGarbage(const List& list, const std::vector<AttachmentId>& valid, Deadline deadline) {
  NetworkCaller caller(list);
  if (!caller.Applies() || list.disable_gc) return false;
  Json attachments = Json::array();
  for (const AttachmentId& id : valid) {
    Json attachment = Json::object();
    attachment["containerID"] = id.container;
    attachment["ifname"] = id.interface;
    attachments.push_back(std::move(attachment));
  }
  Json extra = Json::object();
  extra["cni.dev/valid-attachments"] = std::move(attachments);
  bool asked = false;
  std::optional<Error> first;
  for (const Plugin& plugin : list.plugins) {
    const Result<bool> called = caller.Call(plugin, "GC", extra, deadline);
    if (called) {
      asked = asked || *called;
      continue;
    }
    const Error& error = called.error();
    first = first ? first->Reworded(first->message() + "; " + error.message()) : error;
  }
  if (first) return Fail(*first);
  return asked;
}

}  // namespace virtcontainers::cni
