#include "network/cni/list_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "os/file.h"

namespace virtcontainers::cni {
namespace {

constexpr char kListDirectory[] = "/etc/cni/net.d";
constexpr const char* kPluginDirectories[] = {"/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"};
// Of the names and the reasons in one message.
constexpr size_t kMaxMentioned = 10;

bool IsListFile(const std::string& name) {
  return name.ends_with(".conflist") || name.ends_with(".conf") || name.ends_with(".json");
}

// "'a', 'b'", or "'a', 'b' and 3 more".
std::string Mention(const std::vector<std::string>& items, const char* separator) {
  std::string text;
  for (size_t i = 0; i < std::min(items.size(), kMaxMentioned); ++i)
    text += (i > 0 ? separator : "") + items[i];
  if (items.size() > kMaxMentioned) text += " and " + std::to_string(items.size() - kMaxMentioned) + " more";
  return text;
}

std::vector<std::string> QuotedAll(std::vector<std::string> texts) {
  for (std::string& text : texts) text = Quoted(text);
  return texts;
}

Result<std::string> ReadListText(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && static_cast<size_t>(status.st_size) > kMaxListBytes) {
    return Fail(Code::kInvalidArgument, Quoted(path) + ": the file has " + std::to_string(status.st_size) +
                                            " bytes; at most " + std::to_string(kMaxListBytes) +
                                            " are read of a configuration");
  }
  return ReadFile(path, kMaxListBytes);
}

Result<List> ReadListFile(const std::string& path) {
  VC_ASSIGN_OR_RETURN(const std::string text, ReadListText(path));
  return ParseList(text, Quoted(path));
}

// Adds the plugins of the folder with the network's name beside the list.
Status AddPluginFiles(const std::string& directory, List& list) {
  if (!list.only_inlined_plugins && list.versions.back() >= Version::kV110) {
    const std::string folder = directory + "/" + list.name;
    if (IsDirectory(folder)) {
      VC_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(folder));
      for (const std::string& name : names) {
        if (!name.ends_with(".conf")) continue;
        const std::string path = folder + "/" + name;
        VC_ASSIGN_OR_RETURN(const std::string text, ReadListText(path));
        VC_ASSIGN_OR_RETURN(Plugin plugin, ParsePlugin(text, Quoted(path)));
        list.plugins.push_back(std::move(plugin));
      }
    }
    if (list.plugins.empty()) {
      return Fail(Code::kInvalidArgument,
                  list.where + ": neither 'plugins' nor the directory " + Quoted(folder) + " has a plugin");
    }
  }
  return {};
}

// What a search has seen, for the message when it fails.
struct Seen {
  std::vector<std::string> lists;
  std::vector<std::string> broken;
};

// The wanted list of one directory; nothing if it has none.
Result<std::optional<List>> SearchDirectory(const std::string& directory, const std::string& wanted,
                                            Seen& seen) {
  Result<std::vector<std::string>> names = ListDirectory(directory);
  if (!names && names.error().code() == Code::kNotFound) return std::optional<List>();
  VC_RETURN_IF_ERROR(names);
  std::optional<List> found;
  for (const std::string& name : *names) {
    if (!IsListFile(name)) continue;
    const std::string path = directory + "/" + name;
    if (IsDirectory(path)) continue;
    Result<List> list = ReadListFile(path);
    if (wanted.empty()) {
      VC_RETURN_IF_ERROR(list);
      return std::optional<List>(std::move(*list));
    }
    if (!list) {
      seen.broken.push_back(list.error().message());
      continue;
    }
    if (list->name != wanted) {
      seen.lists.push_back(Quoted(list->name));
    } else if (found) {
      return Fail(Code::kFailedPrecondition, "the network " + Quoted(wanted) + " is in " + found->where +
                                                 " and in " + list->where + ": remove one of them");
    } else {
      found = std::move(*list);
    }
  }
  return found;
}

Result<List> SearchList(const std::string& wanted, const std::vector<std::string>& directories) {
  Seen seen;
  for (const std::string& directory : directories) {
    VC_ASSIGN_OR_RETURN(std::optional<List> list, SearchDirectory(directory, wanted, seen));
    if (!list) continue;
    VC_RETURN_IF_ERROR(AddPluginFiles(directory, *list));
    return std::move(*list);
  }
  std::string message =
      wanted.empty() ? "no CNI network is in " : "no CNI network " + Quoted(wanted) + " is in ";
  message += Mention(QuotedAll(directories), ", ");
  if (!seen.lists.empty()) message += "; there are " + Mention(seen.lists, ", ");
  if (!seen.broken.empty()) message += "; not read: " + Mention(seen.broken, "; ");
  if (seen.lists.empty() && seen.broken.empty()) message += ": write a list there, or name its directory";
  return Fail(Code::kNotFound, std::move(message));
}

Status CheckDirectories(const std::vector<std::string>& directories, const char* what) {
  for (const std::string& directory : directories) {
    if (!directory.starts_with('/')) {
      return Fail(Code::kInvalidArgument,
                  std::string(what) + " " + Quoted(directory) + " is not an absolute path");
    }
    // They are handed to plugins as one text. (CNI_PATH)
    if (directory.find(':') != std::string::npos || directory.find('\0') != std::string::npos) {
      return Fail(Code::kInvalidArgument, std::string(what) + " " + Quoted(directory) + " has a colon in it");
    }
  }
  return {};
}

}  // namespace

Result<List> LoadList(const std::string& name, const CniOptions& options) {
  if (!name.empty() && !IsValidName(name)) {
    return Fail(Code::kInvalidArgument, Quoted(name) + " cannot be the name of a CNI network");
  }
  VC_RETURN_IF_ERROR(CheckDirectories(options.directories, "the directory of CNI networks"));
  VC_RETURN_IF_ERROR(CheckDirectories(options.plugin_directories, "the directory of CNI plugins"));
  List list;
  if (!options.config.empty()) {
    VC_ASSIGN_OR_RETURN(list, ParseList(options.config, "the CNI configuration"));
    if (!name.empty() && list.name != name) {
      return Fail(Code::kInvalidArgument, "the CNI configuration is of the network " + Quoted(list.name) +
                                              ", not of " + Quoted(name));
    }
    if (list.plugins.empty()) {
      return Fail(Code::kInvalidArgument, "the CNI configuration: 'plugins' is missing");
    }
  } else {
    const std::vector<std::string> directories =
        options.directories.empty() ? std::vector<std::string>{kListDirectory} : options.directories;
    VC_ASSIGN_OR_RETURN(list, SearchList(name, directories));
  }
  list.plugin_directories = options.plugin_directories;
  if (list.plugin_directories.empty()) {
    list.plugin_directories.assign(std::begin(kPluginDirectories), std::end(kPluginDirectories));
  }
  return list;
}

}  // namespace virtcontainers::cni
