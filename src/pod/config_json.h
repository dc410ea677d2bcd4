// Configurations as JSON: how they are stored, and how they travel to the monitor.

#ifndef VIRTCONTAINERS_SRC_POD_CONFIG_JSON_H_
#define VIRTCONTAINERS_SRC_POD_CONFIG_JSON_H_

#include <string_view>

#include "base/json.h"
#include "virtcontainers/config.h"

namespace virtcontainers {

// A pod without its containers: each has a file of its own.
Json ToJson(const PodConfig& config);
Json ToJson(const ContainerConfig& config);
Json ToJson(const ProcessConfig& config);
Json ToJson(const ContainerResources& resources);
Json ToJson(const NetworkConfig& network);
Json ToJson(const NetworkStatus& network);

// Errors: InvalidArgument, naming the field.
Result<PodConfig> PodConfigFromJson(const Json& json);
Result<ContainerConfig> ContainerConfigFromJson(const Json& json);
Result<ProcessConfig> ProcessConfigFromJson(const Json& json, std::string_view path = "");
Result<ContainerResources> ContainerResourcesFromJson(const Json& json, std::string_view path = "");
Result<NetworkConfig> NetworkConfigFromJson(const Json& json, std::string_view path = "");
Result<NetworkStatus> NetworkStatusFromJson(const Json& json, std::string_view path = "");

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_CONFIG_JSON_H_
