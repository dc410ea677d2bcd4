// Finds the program of a plugin. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_CNI_PLUGIN_PATH_H_
#define VIRTCONTAINERS_SRC_NETWORK_CNI_PLUGIN_PATH_H_

#include <string>
#include <vector>

#include "virtcontainers/error.h"

namespace virtcontainers::cni {

// The path of the first program of this name in the directories. Errors: NotFound, with the type and the
// directories.
Result<std::string> FindPlugin(const std::string& type, const std::vector<std::string>& directories);

}  // namespace virtcontainers::cni

#endif  // VIRTCONTAINERS_SRC_NETWORK_CNI_PLUGIN_PATH_H_
