// A CNI configuration list: the plugins of a network, in the order in which they are executed. Host only.
//
// (CNI specification, "Section 1: Network configuration format")

#ifndef VIRTCONTAINERS_SRC_NETWORK_CNI_LIST_H_
#define VIRTCONTAINERS_SRC_NETWORK_CNI_LIST_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "network/cni/version.h"
#include "virtcontainers/error.h"

namespace virtcontainers::cni {

// Of a list's text, and of each file that a list is made of.
inline constexpr size_t kMaxListBytes = 1 << 20;

struct Plugin {
  std::string type;  // the name of the program, without a slash
  Json config;       // the object as it was written, type and capabilities included
};

struct List {
  std::string name;
  // Without duplicates, the oldest first; never empty. Of several, the newest that all plugins support is
  // used.
  std::vector<Version> versions;
  bool disable_check = false;
  bool disable_gc = false;
  bool only_inlined_plugins = false;
  std::vector<Plugin> plugins;
  std::string where;  // for messages: "'/etc/cni/net.d/10-x.conflist'"
  // Where programs are looked for, in this order; absolute.
  std::vector<std::string> plugin_directories;
};

// Reads a list, or the configuration of a single plugin, which is a list of one. The list has no plugin
// directories. A list of version 1.1.0 that does not inline all its plugins may have none yet; any other has
// at least one. `where` names the text in messages. Errors: InvalidArgument, with the field or the position.
Result<List> ParseList(std::string_view text, std::string_view where);

// Reads the configuration of a single plugin. Errors: as ParseList.
Result<Plugin> ParsePlugin(std::string_view text, std::string_view where);

// A text that ParseList reads as the same list, with all its plugins inlined.
std::string FormatList(const List& list);

// Whether the text may be the name of a network or of a container: it begins with a letter or a digit, and
// has only letters, digits, '_', '.' and '-'. At most 255 characters.
bool IsValidName(std::string_view name);

// Whether the text may be the name of a plugin: that of a file in a directory, without control characters.
bool IsValidPluginType(std::string_view type);

}  // namespace virtcontainers::cni

#endif  // VIRTCONTAINERS_SRC_NETWORK_CNI_LIST_H_
