// Lists of processors or memory nodes: "0-1,3". Shared by host and guest. (cpuset(7), "List format")

#ifndef VIRTCONTAINERS_SRC_BASE_CPU_LIST_H_
#define VIRTCONTAINERS_SRC_BASE_CPU_LIST_H_

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace virtcontainers {

inline constexpr uint32_t kMaxCpu = 8191;  // of any kernel

// The first and the last number of each range, in the list's order; nothing for what is no list.
inline std::optional<std::vector<std::pair<uint32_t, uint32_t>>> ParseCpuList(std::string_view list) {
  const auto number = [&](uint32_t& out) {
    const auto [end, error] = std::from_chars(list.data(), list.data() + list.size(), out);
    if (error != std::errc() || out > kMaxCpu) return false;
    list.remove_prefix(static_cast<size_t>(end - list.data()));
    return true;
  };
  std::vector<std::pair<uint32_t, uint32_t>> ranges;
  while (true) {
    uint32_t first = 0;
    if (!number(first)) return {};
    uint32_t last = first;
    if (!list.empty() && list[0] == '-') {
      list.remove_prefix(1);
      if (!number(last) || last < first) return {};
    }
    ranges.emplace_back(first, last);
    if (list.empty()) return ranges;
    if (list[0] != ',') return {};
    list.remove_prefix(1);
  }
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_BASE_CPU_LIST_H_
