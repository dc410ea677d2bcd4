// Points in time as text. Host only.

#ifndef VIRTCONTAINERS_SRC_BASE_TIME_FORMAT_H_
#define VIRTCONTAINERS_SRC_BASE_TIME_FORMAT_H_

#include <chrono>
#include <string>
#include <string_view>

#include "virtcontainers/error.h"
#include "virtcontainers/status.h"

namespace virtcontainers {

inline Time Now() { return std::chrono::system_clock::now(); }

// "2026-01-31T09:05:00.123456789Z". (RFC 3339, UTC)
std::string FormatTime(Time time);

// The inverse; fewer digits of the second's fraction are fine. Errors: InvalidArgument.
Result<Time> ParseTime(std::string_view text);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_BASE_TIME_FORMAT_H_
