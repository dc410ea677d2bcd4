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
  const auto malformed = [&] {
    return Fail(Code::kInvalidArgument, Quoted(text.substr(0, 80)) + " is not a time");
  };
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
  if (text.size() <= kForm.size()) return malformed();
  int numbers[6] = {};
  size_t field = 0;
  for (size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] != 'd') {
      if (text[i] != kForm[i]) return malformed();
      ++field;
    } else if (text[i] < '0' || text[i] > '9') {
      return malformed();
    } else {
      numbers[field] = numbers[field] * 10 + (text[i] - '0');
    }
  }
  const auto [year, month, day, hour, minute, second] = numbers;
  const std::chrono::year_month_day date(std::chrono::year{year},
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  // Outside of these years there is no Time: it counts nanoseconds.
  if (!date.ok() || year < 1678 || year > 2261 || hour > 23 || minute > 59 || second > 59) return malformed();

  std::string_view rest = text.substr(kForm.size());
  int64_t nanoseconds = 0;
  if (rest.front() == '.') {
    rest.remove_prefix(1);
    if (rest.empty() || rest.front() < '0' || rest.front() > '9') return malformed();
    for (int64_t unit = 100'000'000; !rest.empty() && rest.front() >= '0' && rest.front() <= '9';
         unit /= 10) {
      nanoseconds += (rest.front() - '0') * unit;
      rest.remove_prefix(1);
    }
  }
  if (rest != "Z") return malformed();
  return Time(std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(hour) +
              std::chrono::minutes(minute) + std::chrono::seconds(second) +
              std::chrono::nanoseconds(nanoseconds));
}

}  // namespace virtcontainers
