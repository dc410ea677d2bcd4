// The words of config.json for scheduling, and the kernel's numbers for them. Shared by host and guest.
// (OCI runtime-spec, config.md, "Scheduler" and "I/O Priority"; linux/sched.h, linux/ioprio.h)

#ifndef VIRTCONTAINERS_SRC_BASE_SCHEDULING_NAMES_H_
#define VIRTCONTAINERS_SRC_BASE_SCHEDULING_NAMES_H_

#include <cstddef>
#include <optional>
#include <string_view>

namespace virtcontainers {

struct NamedNumber {
  std::string_view name;
  int number;
};

// Without SCHED_ISO, which Linux has a number for and nothing else.
inline constexpr NamedNumber kSchedulerPolicies[] = {{"SCHED_OTHER", 0}, {"SCHED_FIFO", 1},
                                                     {"SCHED_RR", 2},    {"SCHED_BATCH", 3},
                                                     {"SCHED_IDLE", 5},  {"SCHED_DEADLINE", 6}};

inline constexpr NamedNumber kSchedulerFlags[] = {
    {"SCHED_FLAG_RESET_ON_FORK", 0x01},  {"SCHED_FLAG_RECLAIM", 0x02},
    {"SCHED_FLAG_DL_OVERRUN", 0x04},     {"SCHED_FLAG_KEEP_POLICY", 0x08},
    {"SCHED_FLAG_KEEP_PARAMS", 0x10},    {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40},
};

inline constexpr NamedNumber kIoPriorityClasses[] = {
    {"IOPRIO_CLASS_RT", 1}, {"IOPRIO_CLASS_BE", 2}, {"IOPRIO_CLASS_IDLE", 3}};

template <size_t N>
std::optional<int> NumberOf(const NamedNumber (&known)[N], std::string_view name) {
  for (const NamedNumber& entry : known) {
    if (entry.name == name) return entry.number;
  }
  return {};
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_BASE_SCHEDULING_NAMES_H_
