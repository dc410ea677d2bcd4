#include "guest/agent/os/signal_sets.h"

#include <charconv>
#include <cstdint>
#include <optional>

namespace virtcontainers::guest {

namespace {

// The set on a line such as "SigCgt:\t0000000180014a07".
std::optional<uint64_t> SignalSet(std::string_view status, std::string_view name) {
  const size_t line = status.find(name);
  if (line == std::string_view::npos) return std::nullopt;
  const size_t begin = status.find_first_not_of(" \t", line + name.size());
  if (begin == std::string_view::npos) return std::nullopt;
  uint64_t set = 0;
  const auto [end, error] = std::from_chars(status.data() + begin, status.data() + status.size(), set, 16);
  if (error != std::errc()) return std::nullopt;
  return set;
}

}  // namespace

bool HasDefaultAction(std::string_view status, int number) {
  const auto blocked = SignalSet(status, "SigBlk:");
  const auto ignored = SignalSet(status, "SigIgn:");
  const auto caught = SignalSet(status, "SigCgt:");
  if (!blocked || !ignored || !caught) return false;
  return ((*blocked | *ignored | *caught) >> (number - 1) & 1) == 0;
}

}  // namespace virtcontainers::guest
