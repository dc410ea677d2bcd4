#include "hypervisor/vm_process.h"

#include <csignal>
#include <utility>

#include "base/errors.h"
#include "os/poll.h"

namespace virtcontainers {

VmProcess::VmProcess(Subprocess process, ProcessIdentity identity, Explain explain)
    : process_(std::move(process)), identity_(std::move(identity)) {
  watcher_ = std::thread([this, explain = std::move(explain)] { Watch(explain); });
}

VmProcess::~VmProcess() {
  (void)Kill(SIGKILL);
  watcher_.join();
}

Status VmProcess::Kill(int signal) { return process_.Kill(signal); }

bool VmProcess::HasEnded() const {
  return WaitReadable(process_.pidfd(), Deadline::After(std::chrono::nanoseconds(0))).value_or(true);
}

Result<VmExit> VmProcess::Wait(Deadline deadline) {
  std::unique_lock lock(mutex_);
  const auto ended = [this] { return exit_.has_value(); };
  if (deadline.infinite()) {
    ended_.wait(lock, ended);
  } else if (!ended_.wait_until(lock, deadline.time(), ended)) {
    return Fail(Code::kDeadlineExceeded, "the vm did not end in time");
  }
  return *exit_;
}

void VmProcess::Watch(const Explain& explain) {
  const Result<ProcessExit> end = process_.Wait(Deadline::Infinite());
  VmExit exit = end ? explain(*end) : VmExit{false, "vm exited: " + end.error().message()};
  const std::lock_guard lock(mutex_);
  exit_ = std::move(exit);
  ended_.notify_all();
}

}  // namespace virtcontainers
