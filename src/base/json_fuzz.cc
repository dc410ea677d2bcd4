// Any text: it is refused, or it is a value that prints as a text that is read as that value again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace {

using namespace virtcontainers;

// Every accessor on every field: each answers or fails, and none throws.
void ReadFields(const Json& object) {
  for (const auto& field : object.items()) {
    const std::string& name = field.key();
    std::string text;
    bool flag = false;
    int small = 0;
    uint16_t shorter = 0;
    uint32_t number = 0;
    std::optional<uint64_t> large;
    std::vector<std::string> texts;
    std::vector<uint32_t> numbers;
    std::map<std::string, std::string> map;
    const auto read = [&object, &name](auto& out) {
      JsonReader reader(object, "x");
      reader.Read(name.c_str(), out);
    };
    read(text), read(flag), read(small), read(shorter), read(number), read(large), read(texts), read(numbers);
    read(map);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Result<Json> value = ParseJson(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!value) return 0;
  for (const bool indent : {false, true}) {
    const std::string text = DumpJson(*value, indent);
    // Printed, it may be longer than what is read.
    const Result<Json> again = ParseJson(text, {.bytes = text.size()});
    if (!again || DumpJson(*again, indent) != text) std::abort();
  }
  if (value->is_object()) ReadFields(*value);
  return 0;
}
