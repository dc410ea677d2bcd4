// A state file of any content: it is refused, or it is a record that is written as it was read. The files of
// configurations go the same way.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/json.h"
#include "pod/config_json.h"
#include "pod/record.h"

namespace {

using namespace virtcontainers;

template <typename Parse>
void RoundTrip(const Json& json, Parse parse) {
  const auto value = parse(json);
  if (!value) return;
  const std::string text = DumpJson(ToJson(*value));
  const Result<Json> reread = ParseJson(text, {.bytes = text.size()});
  if (!reread) std::abort();
  const auto again = parse(*reread);
  if (!again || DumpJson(ToJson(*again)) != text) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Result<Json> json = ParseJson(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!json) return 0;
  RoundTrip(*json, [](const Json& value) { return PodRecordFromJson(value); });
  RoundTrip(*json, [](const Json& value) { return PodConfigFromJson(value); });
  RoundTrip(*json, [](const Json& value) { return ContainerConfigFromJson(value); });
  return 0;
}
