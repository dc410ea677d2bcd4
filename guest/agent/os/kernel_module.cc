#include "guest/agent/os/kernel_module.h"

#include <fcntl.h>
#include <linux/module.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "base/errors.h"
#include "guest/agent/os/file.h"
#include "guest/agent/os/log.h"

namespace virtcontainers::guest {

namespace {

constexpr const char* kLoadOrder = "/lib/modules/load-order";
constexpr const char* kDependencies = "/lib/modules/modules.dep";

bool EndsWith(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

Status LoadFile(const std::string& path, const std::string& parameters) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return FailErrno("open " + Quoted(path));
  const int flags = EndsWith(path, ".ko") ? 0 : MODULE_INIT_COMPRESSED_FILE;
  if (::syscall(SYS_finit_module, file.get(), parameters.c_str(), flags) < 0 && errno != EEXIST) {
    return FailErrno("load module " + Quoted(path));
  }
  return {};
}

bool SameName(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return (x == '-' ? '_' : x) == (y == '-' ? '_' : y);
         });
}

}  // namespace

void LoadBootModules() {
  const auto list = ReadFile(kLoadOrder);
  if (!list) return;
  size_t begin = 0;
  while (begin < list->size()) {
    const size_t end = std::min(list->find('\n', begin), list->size());
    const std::string path = list->substr(begin, end - begin);
    begin = end + 1;
    if (path.empty()) continue;
    if (auto status = LoadFile(path, {}); !status) Log(LogLevel::kWarn, status.error().ToString());
  }
}

Result<std::vector<std::string>> ModulePaths(std::string_view dependencies, std::string_view name) {
  while (!dependencies.empty()) {
    const size_t end = std::min(dependencies.find('\n'), dependencies.size());
    std::string_view line = dependencies.substr(0, end);
    dependencies.remove_prefix(std::min(end + 1, dependencies.size()));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || !SameName(line.substr(0, colon), name)) continue;
    line.remove_prefix(colon + 1);
    std::vector<std::string> paths;
    while (!line.empty()) {
      const size_t space = std::min(line.find(' '), line.size());
      if (space > 0) paths.emplace_back(line.substr(0, space));
      line.remove_prefix(std::min(space + 1, line.size()));
    }
    // The module itself comes first on the line.
    if (!paths.empty()) std::rotate(paths.begin(), paths.begin() + 1, paths.end());
    return paths;
  }
  return Fail(Code::kNotFound, "there is no kernel module " + Quoted(name) + " in the guest image");
}

Status LoadModule(const std::string& name, const std::string& parameters) {
  auto dependencies = ReadFile(kDependencies);
  if (!dependencies)
    return Fail(Code::kNotFound, "there is no kernel module " + Quoted(name) + ": the guest has none");
  VC_ASSIGN_OR_RETURN(const auto paths, ModulePaths(*dependencies, name));
  for (size_t i = 0; i < paths.size(); ++i) {
    VC_RETURN_IF_ERROR(LoadFile(paths[i], i + 1 == paths.size() ? parameters : std::string()));
  }
  return {};
}

}  // namespace virtcontainers::guest
