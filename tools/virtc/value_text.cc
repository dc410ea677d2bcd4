#include "value_text.h"

#include <array>
#include <ctime>
#include <fmt/chrono.h>
#include <fmt/format.h>

namespace virtc {

using virtcontainers::Bytes;
using virtcontainers::Json;
using virtcontainers::Time;

Json Known(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json Known(const std::optional<Time>& time) {
  if (!time) return Json();
  const auto ms = std::chrono::time_point_cast<std::chrono::milliseconds>(*time);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(ms);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)), (ms - seconds).count());
}

std::string LocalTime(const std::optional<Time>& time) {
  if (!time) return "";
  const std::time_t seconds = std::chrono::system_clock::to_time_t(*time);
  std::tm local{};
  if (::localtime_r(&seconds, &local) == nullptr) return "";
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", local);
}

std::string Size(Bytes size) {
  if (size.count % (1ull << 30) == 0) return fmt::format("{} GiB", size.count >> 30);
  return fmt::format("{} MiB", size.mib());
}

std::string Amount(uint64_t bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  auto amount = static_cast<double>(bytes);
  size_t unit = 0;
  // What would be shown as 1024.0 is 1.0 of the next unit.
  while (amount >= 1023.95 && unit + 1 < kUnits.size()) {
    amount /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

std::string Duration(std::chrono::nanoseconds duration) {
  const auto hundredths = duration / std::chrono::milliseconds(10);
  const auto seconds = hundredths / 100;
  if (seconds < 60) return fmt::format("{}.{:02} s", seconds, hundredths % 100);
  if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  return fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60);
}

}  // namespace virtc
