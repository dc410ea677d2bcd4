// The guest writes its console: whatever it says, what is quoted of it is short and harmless.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "monitor/console_diagnosis.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view console(reinterpret_cast<const char*>(data), size);
  const std::string diagnosis = virtcontainers::DiagnoseConsole(console);
  const std::string lines = virtcontainers::LastLines(console, 8);
  if (diagnosis.size() > 512 || lines.size() > 8 * 161) std::abort();
  for (const char c : diagnosis + lines) {
    if (c != '\n' && (c < 0x20 || c == 0x7f)) std::abort();
  }
  return 0;
}
