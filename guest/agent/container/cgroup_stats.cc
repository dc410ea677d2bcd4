#include "guest/agent/container/cgroup_stats.h"

#include <algorithm>
#include <charconv>

namespace virtcontainers::guest {

namespace {

constexpr uint64_t kNanosecondsPerMicrosecond = 1000;

std::string ReadOrEmpty(const Cgroup& cgroup, const char* file) {
  return cgroup.Read(file).value_or(std::string());
}

uint64_t Unsigned(std::string_view text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Calls `visit` with the parts of `text` between `separator`s, the empty ones left out.
template <typename Visit>
void Split(std::string_view text, char separator, Visit visit) {
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    if (end > 0) visit(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void SetCpu(const Cgroup& cgroup, grpc::CpuStats* stats) {
  auto keys = ParseFlatKeys(ReadOrEmpty(cgroup, "cpu.stat"));
  grpc::CpuUsage* usage = stats->mutable_cpu_usage();
  usage->set_total_usage(keys["usage_usec"] * kNanosecondsPerMicrosecond);
  usage->set_usage_in_usermode(keys["user_usec"] * kNanosecondsPerMicrosecond);
  usage->set_usage_in_kernelmode(keys["system_usec"] * kNanosecondsPerMicrosecond);
  grpc::ThrottlingData* throttling = stats->mutable_throttling_data();
  throttling->set_periods(keys["nr_periods"]);
  throttling->set_throttled_periods(keys["nr_throttled"]);
  throttling->set_throttled_time(keys["throttled_usec"] * kNanosecondsPerMicrosecond);
}

void SetMemoryData(const Cgroup& cgroup, const std::string& prefix, grpc::MemoryData* data) {
  data->set_usage(Unsigned(ReadOrEmpty(cgroup, (prefix + ".current").c_str())));
  data->set_max_usage(Unsigned(ReadOrEmpty(cgroup, (prefix + ".peak").c_str())));
  data->set_limit(ParseLimit(ReadOrEmpty(cgroup, (prefix + ".max").c_str())));
  data->set_failcnt(ParseFlatKeys(ReadOrEmpty(cgroup, (prefix + ".events").c_str()))["max"]);
}

void SetMemory(const Cgroup& cgroup, grpc::MemoryStats* stats) {
  const auto keys = ParseFlatKeys(ReadOrEmpty(cgroup, "memory.stat"));
  for (const auto& [key, value] : keys) (*stats->mutable_stats())[key] = value;
  const auto file = keys.find("file");
  if (file != keys.end()) stats->set_cache(file->second);
  const auto kernel = keys.find("kernel");
  if (kernel != keys.end()) stats->mutable_kernel_usage()->set_usage(kernel->second);
  stats->set_use_hierarchy(true);
  // Kata's message has no place for them: a prefix that no key of memory.stat has.
  for (const auto& [key, value] : ParseFlatKeys(ReadOrEmpty(cgroup, "memory.events"))) {
    (*stats->mutable_stats())["events." + key] = value;
  }
  SetMemoryData(cgroup, "memory", stats->mutable_usage());
  SetMemoryData(cgroup, "memory.swap", stats->mutable_swap_usage());
}

}  // namespace

std::map<std::string, uint64_t> ParseFlatKeys(std::string_view text) {
  std::map<std::string, uint64_t> keys;
  Split(text, '\n', [&](std::string_view line) {
    const size_t space = line.find(' ');
    if (space != std::string_view::npos)
      keys[std::string(line.substr(0, space))] = Unsigned(line.substr(space + 1));
  });
  return keys;
}

uint64_t ParseLimit(std::string_view text) {
  return text.substr(0, 3) == "max" ? UINT64_MAX : Unsigned(text);
}

grpc::BlkioStats ParseIoStat(std::string_view text) {
  grpc::BlkioStats stats;
  Split(text, '\n', [&](std::string_view line) {
    const size_t colon = line.find(':');
    const size_t space = line.find(' ');
    if (colon == std::string_view::npos || space == std::string_view::npos || colon > space) return;
    const uint64_t major = Unsigned(line);
    const uint64_t minor = Unsigned(line.substr(colon + 1));
    Split(line.substr(space + 1), ' ', [&](std::string_view pair) {
      const size_t equals = pair.find('=');
      if (equals == std::string_view::npos) return;
      const std::string_view key = pair.substr(0, equals);
      const bool bytes = key == "rbytes" || key == "wbytes";
      if (!bytes && key != "rios" && key != "wios") return;
      grpc::BlkioStatsEntry* entry =
          bytes ? stats.add_io_service_bytes_recursive() : stats.add_io_serviced_recursive();
      entry->set_major(major);
      entry->set_minor(minor);
      entry->set_op(key[0] == 'r' ? "Read" : "Write");
      entry->set_value(Unsigned(pair.substr(equals + 1)));
    });
  });
  return stats;
}

grpc::CgroupStats ReadCgroupStats(const Cgroup& cgroup) {
  grpc::CgroupStats stats;
  SetCpu(cgroup, stats.mutable_cpu_stats());
  SetMemory(cgroup, stats.mutable_memory_stats());
  stats.mutable_pids_stats()->set_current(Unsigned(ReadOrEmpty(cgroup, "pids.current")));
  stats.mutable_pids_stats()->set_limit(ParseLimit(ReadOrEmpty(cgroup, "pids.max")));
  *stats.mutable_blkio_stats() = ParseIoStat(ReadOrEmpty(cgroup, "io.stat"));
  return stats;
}

}  // namespace virtcontainers::guest
