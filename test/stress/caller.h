// One of many callers: a process that makes random calls on pods that it shares with the others.

#ifndef VIRTCONTAINERS_TEST_STRESS_CALLER_H_
#define VIRTCONTAINERS_TEST_STRESS_CALLER_H_

#include <chrono>
#include <cstdint>
#include <string>

namespace virtcontainers::stress {

struct CallerOptions {
  std::string scratch;
  int slot = 0;
  int pods = 1;
  bool real = false;  // pods of QEMU
  uint64_t seed = 0;
};

// The deadline of each call: nothing is in its way for so long.
std::chrono::seconds Patience(bool real);

// In the order of the board's operations.
inline constexpr const char* kOperationNames[] = {
    "CreatePod",       "DeletePod",       "StartPod",        "StopPod",        "PausePod",
    "ResumePod",       "PodStatus",       "ListPod",         "StatsPod",       "EnterPod",
    "RestoreMonitor",  "CreateContainer", "DeleteContainer", "StartContainer", "StopContainer",
    "PauseContainer",  "ResumeContainer", "KillContainer",   "WaitContainer",  "EnterContainer",
    "ContainerStatus", "UpdateContainer", "ProcessList",     "FetchPod"};
enum Operation {
  kCreatePod,
  kDeletePod,
  kStartPod,
  kStopPod,
  kPausePod,
  kResumePod,
  kPodStatus,
  kListPod,
  kStatsPod,
  kEnterPod,
  kRestoreMonitor,
  kCreateContainer,
  kDeleteContainer,
  kStartContainer,
  kStopContainer,
  kPauseContainer,
  kResumeContainer,
  kKillContainer,
  kWaitContainer,
  kEnterContainer,
  kContainerStatus,
  kUpdateContainer,
  kProcessList,
  kFetchPod,
  kOperations
};

// What a caller finds wrong it writes to <scratch>/complaints, a line each.
std::string ComplaintsFile(const std::string& scratch);

// Calls until the board says that it is over, or its parent has died. The program's exit status.
int RunCaller(const CallerOptions& options);

}  // namespace virtcontainers::stress

#endif  // VIRTCONTAINERS_TEST_STRESS_CALLER_H_
