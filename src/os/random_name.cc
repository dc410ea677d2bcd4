#include "os/random_name.h"

#include <sys/random.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>

namespace virtcontainers {

std::string RandomName() {
  uint64_t value = 0;
  while (::getrandom(&value, sizeof(value), 0) != sizeof(value)) {
  }
  char text[24];
  std::snprintf(text, sizeof(text), "%016" PRIx64, value);
  return text;
}

}  // namespace virtcontainers
