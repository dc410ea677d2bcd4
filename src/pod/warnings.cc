// What of a valid configuration has no effect.

#include <set>

#include "base/capability_names.h"
#include "pod/mounts.h"
#include "pod/validate_text.h"
#include "virtcontainers/config.h"

namespace virtcontainers {

std::vector<std::string> WarningsOf(const ProcessConfig& process) {
  if (!process.capabilities) return {};
  const Capabilities& sets = *process.capabilities;
  std::set<std::string_view> unknown;
  for (const auto* names :
       {&sets.bounding, &sets.effective, &sets.inheritable, &sets.permitted, &sets.ambient}) {
    for (const std::string& name : *names) {
      if (!IsCapabilityName(name)) unknown.insert(name);
    }
  }
  std::vector<std::string> warnings;
  for (const std::string_view name : unknown) {
    warnings.push_back("capability " + Shown(name) +
                       " is unknown and ignored: they are named like 'CAP_NET_ADMIN'");
  }
  return warnings;
}

std::vector<std::string> WarningsOf(const ContainerConfig& config) {
  std::vector<std::string> warnings = WarningsOf(config.process);
  for (const Mount& mount : config.mounts) {
    if (!IsBindMount(mount)) continue;
    for (const std::string& option : mount.options) {
      // "mode=755": no mount knows such an option, only file systems do.
      if (option.find('=') == std::string::npos) continue;
      warnings.push_back("mount at " + Shown(mount.destination) + ": the option " + Shown(option) +
                         " is ignored: a bind mount shows what is there");
    }
  }
  return warnings;
}

}  // namespace virtcontainers
