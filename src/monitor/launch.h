// Starting a monitor, from the library's side and from the monitor's. Host only.
//
// The library runs the program with --launch; that starts the monitor proper and ends, so that the monitor is
// nobody's child: the caller has no process to wait for. The monitor says on a pipe how StartPod went.

#ifndef VIRTCONTAINERS_SRC_MONITOR_LAUNCH_H_
#define VIRTCONTAINERS_SRC_MONITOR_LAUNCH_H_

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "pod/paths.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// The descriptor on which the monitor is given the pipe.
inline constexpr int kReadyFd = 3;

// The descriptors that StartPod was given for networks.
inline constexpr int kFirstNetworkFd = 10;

// What the monitor's process is called in the pod's journal.
inline constexpr char kMonitorEffect[] = "monitor";

// What a monitor is started for.
enum class MonitorTask {
  kStart,     // to boot the pod's VM and start its containers
  kTakeOver,  // to go on with a pod whose monitor died
};

struct MonitorArguments {
  PodPaths paths;
  std::string guest;                     // the directory of the guest image
  std::chrono::milliseconds timeout{0};  // for the start
  MonitorTask task = MonitorTask::kStart;
  bool launch = false;  // start another, and end
  // Of networks, by their names: the program has them from kFirstNetworkFd on, in this order.
  std::vector<std::string> descriptors;
};

std::vector<std::string> ToArguments(const std::string& program, const MonitorArguments& arguments);

// Errors: InvalidArgument for anything but what ToArguments makes.
Result<MonitorArguments> ParseArguments(int argc, char** argv);

// What is said on the pipe: one line of JSON.
std::string EncodeOutcome(const Status& outcome);
Status DecodeOutcome(const std::string& line);

// Starts the pod, or takes it over, by starting its monitor; blocks until the containers run or nothing is
// left of the start; a VM that could not be taken over is as it was. The caller holds the pod's lock. Errors:
// those of the monitor's task; Aborted, with what its log says, if it ends without a word.
Status LaunchMonitor(const std::string& program, const PodPaths& paths, const std::string& guest,
                     MonitorTask task, Deadline deadline, const std::map<std::string, int>& descriptors = {});

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_LAUNCH_H_
