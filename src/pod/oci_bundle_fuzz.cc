// A config.json of any content: it is refused with a message, or it is a container that passes its own checks
// and is stored as it was read.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/json.h"
#include "pod/config_json.h"
#include "pod/validate.h"
#include "virtcontainers/oci.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace virtcontainers;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Result<OciConfig> strict = ParseOciConfig(text, "web", {.base = "/bundle"});
  const Result<OciConfig> oci =
      ParseOciConfig(text, "web", {.base = "/bundle", .host_fields = OciHostFields::kDrop});
  // What is taken as it is has nothing that is dropped but what is of no effect.
  if (strict && (!oci || strict->container != oci->container)) std::abort();
  if (!oci) {
    if (oci.error().ToString().empty()) std::abort();
    return 0;
  }
  const ContainerConfig* const config = &oci->container;
  if (config->id != "web" || config->rootfs.empty() || config->rootfs[0] != '/') std::abort();
  if (!ValidateContainerFields(*config)) std::abort();
  const std::string stored = DumpJson(ToJson(*config));
  const Result<Json> json = ParseJson(stored, {.bytes = stored.size()});
  if (!json) std::abort();
  const Result<ContainerConfig> again = ContainerConfigFromJson(*json);
  if (!again || DumpJson(ToJson(*again)) != stored) std::abort();
  return 0;
}
