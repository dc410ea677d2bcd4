#include "base/time_format.h"

#include <time.h>

#include <chrono>
#include <cstdio>

#include "base/errors.h"

namespace virtcontainers {

std::string FormatTime(Time time) {
  using std::chrono::nanoseconds;
  const nanoseconds since_epoch = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  const time_t whole = static_cast<time_t>(seconds.count());
  tm parts{};
  ::gmtime_r(&whole, &parts);
  char text[64];
  const size_t length = ::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + length, sizeof(text) - length, ".%09lldZ",
                static_cast<long long>(nanoseconds(since_epoch - seconds).count()));
  return text;
}

Result<Time> ParseTime(std::string_view text) {
  const std::string copy(text);
  tm parts{};
  const char* rest = ::strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  const auto malformed = [&] { return Fail(Code::kInvalidArgument, Quoted(text) + " is not a time"); };
  if (rest == nullptr) return malformed();
  int64_t nanoseconds = 0;
  if (*rest == '.') {
    ++rest;
    int64_t unit = 100'000'000;
    for (; *rest >= '0' && *rest <= '9'; ++rest) {
      nanoseconds += (*rest - '0') * unit;
      unit /= 10;
    }
  }
  if (std::string_view(rest) != "Z") return malformed();
  return Time(std::chrono::duration_cast<Time::duration>(std::chrono::seconds(::timegm(&parts)) +
                                                         std::chrono::nanoseconds(nanoseconds)));
}

}  // namespace virtcontainers
