#include "os/process_usage.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

#include "base/errors.h"
#include "os/file.h"

namespace virtcontainers {
namespace {

uint64_t Number(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  uint64_t value = 0;
  if (begin != std::string_view::npos) std::from_chars(text.data() + begin, text.data() + text.size(), value);
  return value;
}

// The number after "Pss:", in bytes; 0 without one.
uint64_t Kilobytes(std::string_view text, std::string_view name) {
  const size_t found = text.find("\n" + std::string(name) + ":");
  return found == std::string_view::npos ? 0 : Number(text.substr(found + name.size() + 2)) << 10;
}

}  // namespace

Result<ProcessUsage> ReadProcessUsage(pid_t pid) {
  const std::string directory = "/proc/" + std::to_string(pid);
  VC_ASSIGN_OR_RETURN(const std::string stat, ReadFile(directory + "/stat", 64 << 10));
  // The name in parentheses may hold anything; utime and stime are the 12th and 13th behind it.
  std::string_view fields = std::string_view(stat).substr(stat.rfind(')') + 1);
  const auto ticks = [&](int field) {
    std::string_view rest = fields;
    for (int i = 0; i < field; ++i) {
      rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
      rest.remove_prefix(std::min(rest.find(' '), rest.size()));
    }
    return Number(rest);
  };
  ProcessUsage usage;
  const auto per_second = static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
  usage.cpu = std::chrono::nanoseconds((ticks(11) + ticks(12)) * (1'000'000'000 / per_second));
  const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  usage.resident = ticks(21) * page;
  usage.proportional = usage.resident;
  if (const Result<std::string> rollup = ReadFile(directory + "/smaps_rollup", 64 << 10)) {
    if (const uint64_t pss = Kilobytes(*rollup, "Pss"); pss != 0) usage.proportional = pss;
  }
  return usage;
}

}  // namespace virtcontainers
