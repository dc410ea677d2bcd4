#include "network/cni/plugin_path.h"

#include <sys/stat.h>

#include "base/errors.h"
#include "network/cni/list.h"
#include "os/file.h"

namespace virtcontainers::cni {

Result<std::string> FindPlugin(const std::string& type, const std::vector<std::string>& directories) {
  if (!IsValidPluginType(type)) {
    return Fail(Code::kInvalidArgument, Quoted(type) + " cannot be the name of a CNI plugin");
  }
  std::string searched;
  for (const std::string& directory : directories) {
    std::string path = directory + "/" + type;
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && IsExecutable(path)) return path;
    searched += (searched.empty() ? "" : ", ") + Quoted(directory);
  }
  return Fail(Code::kNotFound,
              "the CNI plugin " + Quoted(type) + " is not in " +
                  (searched.empty() ? "any directory" : searched) +
                  ": install it (Debian: containernetworking-plugins), or name its directory");
}

}  // namespace virtcontainers::cni
