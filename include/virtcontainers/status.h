// What pods and containers are, at the moment of the call. Plain values: they do not follow what happens
// later.

#ifndef VIRTCONTAINERS_STATUS_H_
#define VIRTCONTAINERS_STATUS_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "virtcontainers/config.h"

namespace virtcontainers {

using Time = std::chrono::system_clock::time_point;

enum class PodState {
  kReady,    // created; its VM has never run since
  kRunning,  // its VM runs
  kPaused,   // its VM exists and stands still
  kStopped,  // its VM has ended
};

enum class ContainerState {
  kReady,    // created, not started
  kRunning,  // its first process runs
  kPaused,
  kStopped,  // its first process has ended
};

// "ready", "running", "paused", "stopped".
std::string_view PodStateName(PodState state);
std::string_view ContainerStateName(ContainerState state);

// How a process ended.
struct ExitStatus {
  // The exit code; 128 + n if signal n ended it, as shells have it.
  int code = 0;

  friend bool operator==(const ExitStatus&, const ExitStatus&) = default;
};

struct ContainerStatus {
  std::string id;
  ContainerState state = ContainerState::kReady;
  std::string reason;              // why it is stopped, if not because its process ended by itself
  std::optional<ExitStatus> exit;  // once stopped, if the process's end was seen
  std::optional<Time> created, started, finished;
  std::string rootfs;
  std::vector<std::string> args;
  std::string log;  // the log's path on the host; empty if the output is attached
  std::map<std::string, std::string> annotations;
};

struct PodStatus {
  std::string id;
  PodState state = PodState::kReady;
  std::string reason;              // why it is stopped, if not because StopPod was called
  std::string hypervisor;          // "qemu"
  std::string hypervisor_version;  // "7.2.22", once started
  std::string machine;             // "q35"
  std::string accelerator;         // "kvm" or "tcg", once started
  std::string accelerator_reason;  // why this one
  std::string sandbox;             // what the VM's process is confined to, or "none: " and why; once started
  std::string agent;               // "kata"
  std::string agent_version;       // once started
  std::string transport;           // "virtio-serial" or "vsock", once started
  uint32_t vcpus = 0;
  Bytes memory;
  pid_t vm_pid = 0;       // 0 unless running
  pid_t monitor_pid = 0;  // 0 unless running
  std::string console;    // the file with everything the VM's console said, since its last start
  std::optional<Time> created, started, finished;
  std::vector<ContainerStatus> containers;  // in the order of their creation
  std::map<std::string, std::string> annotations;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_STATUS_H_
