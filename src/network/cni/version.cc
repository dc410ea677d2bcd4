#include "network/cni/version.h"

#include <array>
#include <cstddef>

namespace virtcontainers::cni {
namespace {

constexpr std::array<std::string_view, 5> kVersionNames = {"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"};

}  // namespace

std::string_view VersionName(Version version) { return kVersionNames.at(static_cast<size_t>(version)); }

std::optional<Version> VersionNamed(std::string_view name) {
  for (size_t i = 0; i < kVersionNames.size(); ++i) {
    if (kVersionNames[i] == name) return static_cast<Version>(i);
  }
  return {};
}

std::string SupportedVersions() {
  std::string all;
  for (const std::string_view name : kVersionNames) {
    if (!all.empty()) all += ", ";
    all += name;
  }
  return all;
}

}  // namespace virtcontainers::cni
