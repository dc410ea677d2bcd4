// The versions of the CNI specification that lists and plugins may use. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_CNI_VERSION_H_
#define VIRTCONTAINERS_SRC_NETWORK_CNI_VERSION_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace virtcontainers::cni {

// By their digits: kV031 is 0.3.1. In the order of their age: later ones compare greater.
enum class Version { kV030, kV031, kV040, kV100, kV110 };

// "1.0.0".
std::string_view VersionName(Version version);

// Nothing for a version that is not supported.
std::optional<Version> VersionNamed(std::string_view name);

// "0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0", for messages.
std::string SupportedVersions();

}  // namespace virtcontainers::cni

#endif  // VIRTCONTAINERS_SRC_NETWORK_CNI_VERSION_H_
