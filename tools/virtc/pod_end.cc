#include "pod_end.h"

#include <chrono>
#include <fmt/format.h>
#include <thread>

namespace virtc {

using virtcontainers::Code;
using virtcontainers::Deadline;
using virtcontainers::Error;
using virtcontainers::PodState;
using virtcontainers::Runtime;

Error WithPodEnd(Runtime& runtime, const std::string& pod, Error error) {
  if (error.code() != Code::kUnavailable) return error;
  // The connection is gone a moment before the pod's state says why.
  const auto deadline = Deadline::After(std::chrono::seconds(2));
  do {
    const auto status = runtime.PodStatus(pod);
    if (!status && status.error().code() == Code::kNotFound)
      return Error(Code::kUnavailable, fmt::format("pod '{}' was deleted", pod));
    if (status && status->state == PodState::kStopped) {
      return Error(Code::kUnavailable,
                   fmt::format("pod '{}' has stopped: {}", pod,
                               status->reason.empty() ? "it was told to" : status->reason));
    }
    // Its monitor died.
    if (status && !status->reason.empty())
      return Error(Code::kUnavailable, fmt::format("pod '{}': {}", pod, status->reason));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  } while (!deadline.passed());
  return error;
}

}  // namespace virtc
