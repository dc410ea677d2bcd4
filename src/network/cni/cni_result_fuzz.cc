// Any text as the result of a CNI plugin: it is refused, or its text is read as that result again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "network/cni/result.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace virtcontainers::cni;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto result = ParseResult(text, Version::kV100);
  if (!result) return 0;
  (void)InterfaceOf(*result, "eth0");
  for (const ResultInterface& interface : result->interfaces) (void)InterfaceOf(*result, interface.name);
  if (result->text.size() > 1 << 20) return 0;
  const auto again = ParseResult(result->text, Version::kV100);
  if (!again || again->text != result->text) std::abort();
  return 0;
}
