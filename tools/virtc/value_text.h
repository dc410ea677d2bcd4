// Single values as virtc shows them.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_VALUE_TEXT_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_VALUE_TEXT_H_

#include <chrono>
#include <optional>
#include <string>

#include "base/json.h"
#include "virtcontainers/status.h"

namespace virtc {

// For programs: null when it is not known.
virtcontainers::Json Known(const std::string& text);
virtcontainers::Json Known(const std::optional<virtcontainers::Time>& time);

// For people, in the reader's own time zone; empty when it is not known.
std::string LocalTime(const std::optional<virtcontainers::Time>& time);

// "256 MiB", "2 GiB": a size that somebody chose.
std::string Size(virtcontainers::Bytes size);

// "12.3 MiB": a size that was measured.
std::string Amount(uint64_t bytes);

// "1.23 s", "4m05s", "3h04m".
std::string Duration(std::chrono::nanoseconds duration);

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_VALUE_TEXT_H_
