// What a container may use: ranges as the guest's kernel has them. (cgroups(7), the kernel's cgroup-v2.rst)

#include <algorithm>
#include <iterator>
#include <set>

#include "base/cpu_list.h"
#include "pod/validate.h"
#include "pod/validate_text.h"

namespace virtcontainers {
namespace {

constexpr size_t kMaxEntries = 256;      // of each list
constexpr size_t kMaxDeviceRules = 256;  // as many as the guest's filter takes
constexpr size_t kMaxValue = 4096;       // what the kernel takes of a write to a cgroup's file
constexpr int64_t kMaxMajor = (1 << 12) - 1, kMaxMinor = (1 << 20) - 1;

Status ValidateSize(const std::optional<int64_t>& size, const std::string& of, const char* what) {
  if (!size || *size == -1 || *size > 0) return {};
  return OutOfRange(of + ": " + what, *size, "give bytes, or -1 for no limit");
}

Status ValidateMemory(const ContainerResources& r, const std::string& of) {
  VC_RETURN_IF_ERROR(ValidateSize(r.memory_limit, of, "memory limit"));
  VC_RETURN_IF_ERROR(ValidateSize(r.memory_reservation, of, "memory reservation"));
  VC_RETURN_IF_ERROR(ValidateSize(r.memory_swap, of, "memory and swap"));
  const int64_t limit = r.memory_limit.value_or(-1);
  if (limit > 0 && r.memory_reservation.value_or(-1) > limit) {
    return Fails(of, "memory reservation " + std::to_string(*r.memory_reservation) + " is above the limit " +
                         std::to_string(limit) + ": give less");
  }
  if (r.memory_swap.value_or(-1) > 0) {
    if (limit < 0) {
      return Fails(of, "memory and swap " + std::to_string(*r.memory_swap) +
                           " is without a memory limit, which it includes: give both");
    }
    if (*r.memory_swap < limit) {
      return Fails(of, "memory and swap " + std::to_string(*r.memory_swap) + " is below the memory limit " +
                           std::to_string(limit) + ", which it includes: give more");
    }
  }
  return {};
}

Status ValidateCpu(const ContainerResources& r, const std::string& of) {
  if (r.cpu_shares && (*r.cpu_shares < 2 || *r.cpu_shares > 262144)) {
    return Fails(of, "cpu shares " + std::to_string(*r.cpu_shares) + " is out of range: give 2 to 262144");
  }
  if (r.cpu_quota && *r.cpu_quota != -1 && *r.cpu_quota < 1000) {
    return OutOfRange(of + ": cpu quota", *r.cpu_quota, "give 1000 microseconds or more, or -1 for no limit");
  }
  if (r.cpu_period && (*r.cpu_period < 1000 || *r.cpu_period > 1000000)) {
    return Fails(of, "cpu period " + std::to_string(*r.cpu_period) +
                         " is out of range: give 1000 to 1000000 microseconds");
  }
  for (const auto& [what, list] : {std::pair("cpus", &r.cpus), std::pair("memory nodes", &r.mems)}) {
    if (!list->empty() && (list->size() > kMaxValue || !ParseCpuList(*list))) {
      return Fails(of, std::string(what) + " " + Shown(*list) + " is no list of numbers like '0-1,3'");
    }
  }
  return {};
}

Status ValidateNumbers(int64_t major, int64_t minor, const std::string& of) {
  if (major < 0 || major > kMaxMajor) return OutOfRange(of + ": major number", major, "give 0 to 4095");
  if (minor < 0 || minor > kMaxMinor) return OutOfRange(of + ": minor number", minor, "give 0 to 1048575");
  return {};
}

Status ValidateBlock(const ContainerResources& r, const std::string& of) {
  if (r.block_weight && (*r.block_weight < 10 || *r.block_weight > 1000)) {
    return OutOfRange(of + ": block weight", *r.block_weight, "give 10 to 1000");
  }
  for (const auto& [what, list] :
       {std::pair("bytes read", &r.block_read_bytes), std::pair("bytes written", &r.block_write_bytes),
        std::pair("reads", &r.block_read_operations), std::pair("writes", &r.block_write_operations)}) {
    const std::string bound = of + ": the bound of " + what;
    VC_RETURN_IF_ERROR(ValidateCount(list->size(), kMaxEntries, bound, "devices"));
    for (const BlockThrottle& throttle : *list) {
      VC_RETURN_IF_ERROR(ValidateNumbers(throttle.major, throttle.minor, bound));
      if (throttle.rate == 0) {
        return Fails(bound, "0 per second for device " + std::to_string(throttle.major) + ":" +
                                std::to_string(throttle.minor) + " would be none at all: give more");
      }
    }
  }
  return {};
}

bool IsPageSize(std::string_view size) {
  const size_t digits = std::min(size.find_first_not_of("0123456789"), size.size());
  const std::string_view unit = size.substr(digits);
  return digits > 0 && digits < 10 && size[0] != '0' && (unit == "KB" || unit == "MB" || unit == "GB");
}

Status ValidateRule(const DeviceRule& rule, const std::string& of) {
  if (rule.type != "a" && rule.type != "b" && rule.type != "c") {
    return Fails(of, "device type " + Shown(rule.type) + " is unknown: use 'a', 'b' or 'c'");
  }
  VC_RETURN_IF_ERROR(ValidateNumbers(rule.major.value_or(0), rule.minor.value_or(0), of + ": device"));
  std::set<char> seen;
  for (const char c : rule.access) {
    if ((c == 'r' || c == 'w' || c == 'm') && seen.insert(c).second) continue;
    return Fails(of, "device access " + Shown(rule.access) + ": use 'r', 'w' and 'm', each once");
  }
  if (rule.access.empty()) return Fails(of, "device access '': use 'r', 'w' and 'm'");
  return {};
}

// What the agent itself keeps the container by.
constexpr std::string_view kAgents[] = {"cgroup.procs", "cgroup.threads", "cgroup.type",
                                        "cgroup.kill",  "cgroup.freeze",  "cgroup.subtree_control"};

Status ValidateUnified(const std::string& file, const std::string& value, const std::string& of) {
  const size_t dot = file.find('.');
  const bool named =
      dot != std::string::npos && dot > 0 && dot + 1 < file.size() && file.size() <= 128 &&
      file.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
          std::string::npos;
  if (!named) {
    return Fails(of,
                 "unified: " + Shown(file) + " is no file of a cgroup: they are named like 'memory.high'");
  }
  if (std::find(std::begin(kAgents), std::end(kAgents), file) != std::end(kAgents)) {
    return Fails(of, "unified: " + Quoted(file) + " is how the agent holds the container: remove it");
  }
  VC_RETURN_IF_ERROR(ValidateText(value, of + ": unified: the value of " + Quoted(file)));
  if (value.empty() || value.size() >= kMaxValue) {
    return Fails(of, "unified: the value of " + Quoted(file) + " has " + std::to_string(value.size()) +
                         " bytes: give 1 to " + std::to_string(kMaxValue - 1));
  }
  return {};
}

}  // namespace

Status ValidateDeviceNumbers(int64_t major, int64_t minor, const std::string& of) {
  return ValidateNumbers(major, minor, of);
}

Status ValidateResources(const ContainerResources& resources, std::string_view field) {
  const std::string of(field);
  VC_RETURN_IF_ERROR(ValidateMemory(resources, of));
  VC_RETURN_IF_ERROR(ValidateCpu(resources, of));
  if (resources.pids_limit && *resources.pids_limit != -1 && *resources.pids_limit < 1) {
    return OutOfRange(of + ": process limit", *resources.pids_limit, "give 1 or more, or -1 for no limit");
  }
  VC_RETURN_IF_ERROR(ValidateBlock(resources, of));
  VC_RETURN_IF_ERROR(ValidateCount(resources.hugepages.size(), kMaxEntries, of, "limits of huge pages"));
  std::set<std::string_view> sizes;
  for (const HugepageLimit& limit : resources.hugepages) {
    if (!IsPageSize(limit.page_size)) {
      return Fails(of, "huge page size " + Shown(limit.page_size) + " is not like '2MB' or '1GB'");
    }
    if (!sizes.insert(limit.page_size).second) {
      return Fails(of, "huge page size " + Quoted(limit.page_size) + " is there twice");
    }
  }
  VC_RETURN_IF_ERROR(ValidateCount(resources.devices.size(), kMaxDeviceRules, of, "device rules"));
  for (const DeviceRule& rule : resources.devices) VC_RETURN_IF_ERROR(ValidateRule(rule, of));
  VC_RETURN_IF_ERROR(ValidateCount(resources.unified.size(), kMaxEntries, of, "unified settings"));
  for (const auto& [file, value] : resources.unified) VC_RETURN_IF_ERROR(ValidateUnified(file, value, of));
  return {};
}

}  // namespace virtcontainers
