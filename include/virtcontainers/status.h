// The state of pods and containers at the time of the call. Plain values, which do not change later.

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
  kReady,    // created; its VM has not run yet
  kRunning,  // its VM runs
  kPaused,   // its VM exists, and its vCPUs are stopped
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
  // The exit code; 128 + n if signal n ended the process, as in a shell.
  int code = 0;

  friend bool operator==(const ExitStatus&, const ExitStatus&) = default;
};

struct ContainerStatus {
  std::string id;
  ContainerState state = ContainerState::kReady;
  std::string reason;              // why it has stopped, unless its process ended by itself
  std::optional<ExitStatus> exit;  // once stopped, if the end of the process was seen
  std::optional<Time> created, started, finished;
  std::string rootfs;
  std::vector<std::string> args;
  std::string log;  // the log's path on the host; empty if the output is attached
  std::map<std::string, std::string> annotations;
};

struct PodStatus {
  std::string id;
  PodState state = PodState::kReady;
  std::string reason;              // why it has stopped, unless StopPod was called
  std::string hypervisor;          // "qemu"
  std::string hypervisor_version;  // "7.2.22", once started
  std::string machine;             // "q35"
  std::string accelerator;         // "kvm" or "tcg", once started
  std::string accelerator_reason;  // why it was chosen
  std::string sandbox;             // how the VMM's process is confined, or "none: " and why; once started
  std::string agent;               // "kata"
  std::string agent_version;       // once started
  std::string transport;           // "virtio-serial", "vsock", "hybrid-vsock" or "none", once started
  uint32_t vcpus = 0;
  Bytes memory;
  pid_t vm_pid = 0;       // 0 unless running
  pid_t monitor_pid = 0;  // 0 unless running
  std::string console;    // the file with the console's output since the last start
  std::optional<Time> created, started, finished;
  // As they are while the pod runs, else as they were asked for, without interfaces.
  std::vector<NetworkStatus> networks;
  std::vector<ContainerStatus> containers;  // in the order of their creation
  std::map<std::string, std::string> annotations;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_STATUS_H_
