// The plugins of a list as they are called for one attachment. Host only.
//
// (CNI specification, "Section 3: Execution of Network Configurations")

#ifndef VIRTCONTAINERS_SRC_NETWORK_CNI_PLUGIN_CHAIN_H_
#define VIRTCONTAINERS_SRC_NETWORK_CNI_PLUGIN_CHAIN_H_

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "network/cni/list.h"
#include "network/cni/request.h"
#include "network/cni/version.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers::cni {

// Asks programs which versions they support, each at most once. Not thread-safe.
class PluginVersions {
 public:
  // `mark` is that of the calls (plugin_processes.h).
  PluginVersions(const List& list, std::string mark) : list_(list), mark_(std::move(mark)) {}

  // Those of Version that the plugin supports, in any order. Errors: as FindPlugin and CallPlugin;
  // InvalidArgument for an answer that is none.
  Result<std::vector<Version>> Of(const Plugin& plugin, const Deadline& deadline);

 private:
  const List& list_;
  std::string mark_;
  std::map<std::string, Result<std::vector<Version>>> known_;  // by the program's path
};

// What a plugin reads from stdin, without what depends on the attachment.
Json PluginConfig(const List& list, const Plugin& plugin, Version version);

// "/a:/b". (CNI_PATH)
std::string FormatPluginPath(const List& list);

// Calls plugins for one attachment. Refers to its arguments. Not thread-safe.
class PluginChain {
 public:
  PluginChain(const List& list, const Request& request);

  // Finds the newest version that the list and all its plugins support. Plugins are not asked if the list has
  // one only. Errors: InvalidArgument if there is none; as PluginVersions::Of.
  Status ChooseVersion(const Deadline& deadline);
  // The same for a result that was made earlier: its version, if the list has that; otherwise the newest one
  // of all plugins that can be asked.
  void ChooseVersionOf(const std::string& result, const Deadline& deadline);

  Version version() const { return version_; }
  size_t size() const { return list_.plugins.size(); }
  // "network/container/interface": plugin_processes.h.
  const std::string& mark() const { return mark_; }

  // The program of every plugin is there. Errors: as FindPlugin.
  Status CheckPrograms() const;

  // Executes one plugin, with `previous` as its prevResult unless that is empty. `netns` is the request's, or
  // empty. Errors: as FindPlugin and CallPlugin.
  Result<std::string> Call(size_t index, const char* command, const std::string& previous,
                           const std::string& netns, const Deadline& deadline) const;

 private:
  const List& list_;
  const Request& request_;
  std::string mark_;
  Version version_;
};

}  // namespace virtcontainers::cni

#endif  // VIRTCONTAINERS_SRC_NETWORK_CNI_PLUGIN_CHAIN_H_
