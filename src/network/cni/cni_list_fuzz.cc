// Any text as a CNI configuration list: it is refused, or it prints as a text that is read as that list
// again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "network/cni/list.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace virtcontainers::cni;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto list = ParseList(text, "the list");
  if (!list) return 0;
  // One without plugins gets them from files.
  if (list->plugins.empty()) return 0;
  const std::string printed = FormatList(*list);
  if (printed.size() > kMaxListBytes) return 0;
  const auto again = ParseList(printed, "the list");
  if (!again || FormatList(*again) != printed) std::abort();
  return 0;
}
