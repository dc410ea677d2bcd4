// A hash that is the same in every build. Shared by host and guest.

#ifndef VIRTCONTAINERS_SRC_BASE_HASH_H_
#define VIRTCONTAINERS_SRC_BASE_HASH_H_

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace virtcontainers {

// FNV-1a, which is stable between builds, unlike std::hash.
inline uint64_t Hash(std::string_view text) {
  uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

// Sixteen digits.
inline std::string HexDigits(uint64_t value) {
  char digits[17];
  std::snprintf(digits, sizeof(digits), "%016" PRIx64, value);
  return digits;
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_BASE_HASH_H_
