// Resource usage of pods and containers at the time of the call.

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
  Bytes cache, kernel, swap;   // cache and kernel are parts of the usage, swap is not
  uint64_t limit_hits = 0;     // how often the usage reached the limit
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
  std::string host;  // what is behind it on the host (NetworkStatus::host); empty for the loopback
  uint64_t received_bytes = 0, received_packets = 0, received_errors = 0, received_dropped = 0;
  uint64_t sent_bytes = 0, sent_packets = 0, sent_errors = 0, sent_dropped = 0;
};

// Resource usage of a container in its VM.
struct ContainerStats {
  std::string id;
  Time time;
  CpuStats cpu;
  MemoryStats memory;
  PidsStats pids;
  std::vector<IoStats> io;
  std::vector<NetworkStats> network;
};

// Resource usage of a process on the host.
struct HostProcessStats {
  std::string name;  // "qemu", "virtiofsd", "monitor"
  pid_t pid = 0;
  std::chrono::nanoseconds cpu{};  // of all its threads, since its start
  Bytes resident;                  // RSS: including shared pages
  Bytes proportional;              // PSS: including its share of shared pages
};

struct PodStats {
  std::string id;
  Time time;
  std::vector<ContainerStats> containers;  // the running ones; empty for a paused pod
  std::vector<HostProcessStats> host;      // the pod's processes on the host
};

// A process of a container.
struct ProcessInfo {
  pid_t pid = 0;     // in the container's pid namespace
  pid_t parent = 0;  // in that namespace; 0 if the parent is outside of it
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
