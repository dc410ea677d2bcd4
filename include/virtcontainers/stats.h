// What pods and containers use, at the moment of the call.

#ifndef VIRTCONTAINERS_STATS_H_
#define VIRTCONTAINERS_STATS_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "virtcontainers/config.h"
#include "virtcontainers/status.h"

namespace virtcontainers {

struct CpuStats {
  std::chrono::nanoseconds total{}, user{}, system{};
  uint64_t periods = 0, throttled_periods = 0;  // of a container with a quota
  std::chrono::nanoseconds throttled{};
};

struct MemoryStats {
  Bytes usage, peak;
  std::optional<Bytes> limit;  // nothing: no limit
  Bytes cache, kernel, swap;   // parts of the usage, but for the swap
  uint64_t limit_hits = 0;     // how often the usage was at its limit
  uint64_t oom_kills = 0;      // processes the kernel killed for lack of memory
  // The numbers of the cgroup's memory.stat, by the kernel's names.
  std::map<std::string, uint64_t> detail;
};

struct PidsStats {
  uint64_t current = 0;
  std::optional<uint64_t> limit;
};

struct IoStats {
  uint64_t major = 0, minor = 0;  // of a block device of the guest
  uint64_t read_bytes = 0, written_bytes = 0, reads = 0, writes = 0;
};

struct NetworkStats {
  std::string name;
  uint64_t received_bytes = 0, received_packets = 0, received_errors = 0, received_dropped = 0;
  uint64_t sent_bytes = 0, sent_packets = 0, sent_errors = 0, sent_dropped = 0;
};

// What a container uses of its VM.
struct ContainerStats {
  std::string id;
  Time time;
  CpuStats cpu;
  MemoryStats memory;
  PidsStats pids;
  std::vector<IoStats> io;
  std::vector<NetworkStats> network;
};

// What a process on the host costs the host.
struct HostProcessStats {
  std::string name;  // "qemu", "virtiofsd", "monitor"
  pid_t pid = 0;
  std::chrono::nanoseconds cpu{};  // of it and its threads, since it began
  Bytes resident;                  // RSS: with what it shares
  Bytes proportional;              // PSS: with its part of what it shares
};

struct PodStats {
  std::string id;
  Time time;
  std::vector<ContainerStats> containers;  // those that run; none of a paused pod
  std::vector<HostProcessStats> host;      // what the pod is made of on the host
};

// A process of a container.
struct ProcessInfo {
  pid_t pid = 0;     // in the container's pid namespace
  pid_t parent = 0;  // there; 0 if its parent is outside
  uint32_t uid = 0, gid = 0;
  char state = '?';                // "R", "S", "D", "Z", "T" ... (proc(5))
  std::chrono::nanoseconds cpu{};  // used
  Bytes resident;
  std::optional<Time> started;
  std::string name;               // the kernel's, at most 15 characters
  std::vector<std::string> args;  // empty for a zombie
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_STATS_H_
