#include "agent/kata/guest_stats.h"

#include <algorithm>
#include <limits>
#include <string_view>

#include "base/errors.h"

namespace virtcontainers {
namespace {

constexpr int kMaxEntries = 1000;
constexpr int kMaxProcesses = 65536;
constexpr std::string_view kEvents = "events.";

std::chrono::nanoseconds Nanoseconds(uint64_t count) {
  return std::chrono::nanoseconds(std::min<uint64_t>(count, std::numeric_limits<int64_t>::max()));
}

// Cgroups say "max", and Kata's agents say it by the largest number.
template <typename T>
std::optional<T> Limit(uint64_t limit) {
  if (limit == std::numeric_limits<uint64_t>::max() || limit == 0) return {};
  return T{limit};
}

// As the kernel's names are.
bool IsName(std::string_view key) {
  return !key.empty() && key.size() <= 64 && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  });
}

void ReadMemory(const grpc::MemoryStats& from, MemoryStats& to) {
  to.usage = Bytes{from.usage().usage()};
  to.peak = Bytes{from.usage().max_usage()};
  to.limit = Limit<Bytes>(from.usage().limit());
  to.limit_hits = from.usage().failcnt();
  to.cache = Bytes{from.cache()};
  to.kernel = Bytes{from.kernel_usage().usage()};
  to.swap = Bytes{from.swap_usage().usage()};
  const auto kills = from.stats().find("events.oom_kill");
  if (kills != from.stats().end()) to.oom_kills = kills->second;
  for (const auto& [key, value] : from.stats()) {
    if (to.detail.size() == kMaxEntries) break;
    if (key.compare(0, kEvents.size(), kEvents) != 0 && IsName(key)) to.detail[key] = value;
  }
}

void ReadIo(const google::protobuf::RepeatedPtrField<grpc::BlkioStatsEntry>& entries, bool bytes,
            std::vector<IoStats>& to) {
  int left = kMaxEntries;
  for (const grpc::BlkioStatsEntry& entry : entries) {
    if (left-- == 0) break;
    auto device = std::find_if(to.begin(), to.end(), [&](const IoStats& known) {
      return known.major == entry.major() && known.minor == entry.minor();
    });
    if (device == to.end()) {
      IoStats made;
      made.major = entry.major();
      made.minor = entry.minor();
      device = to.insert(to.end(), made);
    }
    if (entry.op() == "Read") (bytes ? device->read_bytes : device->reads) += entry.value();
    if (entry.op() == "Write") (bytes ? device->written_bytes : device->writes) += entry.value();
  }
}

// A name that a guest gave, for terminals and files.
std::string Printable(std::string_view text, size_t most) {
  std::string printable;
  for (const char c : text.substr(0, most)) printable += c >= 0x20 && c < 0x7f ? c : '?';
  return printable;
}

}  // namespace

ContainerStats FromKataStats(const grpc::StatsContainerResponse& stats) {
  ContainerStats to;
  const grpc::CpuStats& cpu = stats.cgroup_stats().cpu_stats();
  to.cpu.total = Nanoseconds(cpu.cpu_usage().total_usage());
  to.cpu.user = Nanoseconds(cpu.cpu_usage().usage_in_usermode());
  to.cpu.system = Nanoseconds(cpu.cpu_usage().usage_in_kernelmode());
  to.cpu.periods = cpu.throttling_data().periods();
  to.cpu.throttled_periods = cpu.throttling_data().throttled_periods();
  to.cpu.throttled = Nanoseconds(cpu.throttling_data().throttled_time());
  ReadMemory(stats.cgroup_stats().memory_stats(), to.memory);
  to.pids.current = stats.cgroup_stats().pids_stats().current();
  to.pids.limit = Limit<uint64_t>(stats.cgroup_stats().pids_stats().limit());
  ReadIo(stats.cgroup_stats().blkio_stats().io_service_bytes_recursive(), true, to.io);
  ReadIo(stats.cgroup_stats().blkio_stats().io_serviced_recursive(), false, to.io);
  for (const grpc::NetworkStats& from : stats.network_stats()) {
    if (to.network.size() == kMaxEntries) break;
    NetworkStats& entry = to.network.emplace_back();
    entry.name = Printable(from.name(), 64);
    entry.received_bytes = from.rx_bytes();
    entry.received_packets = from.rx_packets();
    entry.received_errors = from.rx_errors();
    entry.received_dropped = from.rx_dropped();
    entry.sent_bytes = from.tx_bytes();
    entry.sent_packets = from.tx_packets();
    entry.sent_errors = from.tx_errors();
    entry.sent_dropped = from.tx_dropped();
  }
  return to;
}

Result<std::vector<ProcessInfo>> FromGuestProcesses(const wire::ListProcessesResponse& list) {
  if (list.processes_size() > kMaxProcesses) {
    return Fail(Code::kInternal,
                "the agent answered with " + std::to_string(list.processes_size()) + " processes");
  }
  std::vector<ProcessInfo> processes;
  processes.reserve(static_cast<size_t>(list.processes_size()));
  for (const wire::GuestProcess& from : list.processes()) {
    constexpr uint32_t kMaxPid = std::numeric_limits<pid_t>::max();
    if (from.pid() > kMaxPid || from.parent() > kMaxPid) {
      return Fail(Code::kInternal, "the agent answered with process id " +
                                       std::to_string(std::max(from.pid(), from.parent())));
    }
    ProcessInfo& to = processes.emplace_back();
    to.pid = static_cast<pid_t>(from.pid());
    to.parent = static_cast<pid_t>(from.parent());
    to.uid = from.uid();
    to.gid = from.gid();
    to.state =
        from.state().size() == 1 && from.state()[0] >= 'A' && from.state()[0] <= 'z' ? from.state()[0] : '?';
    to.cpu = Nanoseconds(from.cpu_ns());
    to.resident = Bytes{from.resident()};
    if (from.started_ns() > 0) {
      to.started =
          Time(std::chrono::duration_cast<Time::duration>(std::chrono::nanoseconds(from.started_ns())));
    }
    to.name = Printable(from.name(), 64);
    for (const std::string& arg : from.args()) to.args.push_back(arg);
  }
  return processes;
}

}  // namespace virtcontainers
