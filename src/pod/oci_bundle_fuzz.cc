// A config.json of any content: it is refused with a message, or it is a container that passes its own checks
// and is stored as it was read.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/json.h"
#include "pod/config_json.h"
#include "pod/oci_bundle.h"
#include "pod/validate.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace virtcontainers;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Result<ContainerConfig> config = ParseOciConfig(text, "/bundle", "web");
  if (!config) {
    if (config.error().ToString().empty()) std::abort();
    return 0;
  }
  if (config->id != "web" || config->rootfs.empty() || config->rootfs[0] != '/') std::abort();
  if (!ValidateContainerFields(*config)) std::abort();
  const std::string stored = DumpJson(ToJson(*config));
  const Result<Json> json = ParseJson(stored, {.bytes = stored.size()});
  if (!json) std::abort();
  const Result<ContainerConfig> again = ContainerConfigFromJson(*json);
  if (!again || DumpJson(ToJson(*again)) != stored) std::abort();
  return 0;
}
