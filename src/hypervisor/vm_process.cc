#include "hypervisor/vm_process.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "base/errors.h"
#include "os/pidfd.h"
#include "os/poll.h"
#include "os/process_identity.h"
#include "os/thread.h"

namespace virtcontainers {

VmProcess::VmProcess(std::optional<Subprocess> child, UniqueFd pidfd, ProcessIdentity identity)
    : child_(std::move(child)),
      pidfd_(std::move(pidfd)),
      wake_(::eventfd(0, EFD_CLOEXEC)),
      identity_(std::move(identity)) {}

Status VmProcess::Begin(Explain explain) {
  if (!wake_) return FailErrno("watch the vm: eventfd", EMFILE);
  VC_ASSIGN_OR_RETURN(watcher_, StartThread([this, explain = std::move(explain)] { Watch(explain); }));
  return {};
}

Result<std::shared_ptr<VmProcess>> VmProcess::Keep(Subprocess child, ProcessIdentity identity,
                                                   Explain explain) {
  std::shared_ptr<VmProcess> kept(new VmProcess(std::move(child), UniqueFd(), std::move(identity)));
  Status begun = kept->Begin(std::move(explain));
  if (begun) return kept;
  (void)kept->child_->Kill(SIGKILL);
  (void)kept->child_->Wait(Deadline::Infinite());
  return Fail(std::move(begun.error()));
}

Result<std::shared_ptr<VmProcess>> VmProcess::Adopt(const ProcessIdentity& identity, Explain explain) {
  UniqueFd pidfd(OpenPidfd(identity.pid));
  // In this order: the process that the descriptor stands for is the one that is checked.
  if (!pidfd || !IsAlive(identity)) {
    return Fail(Code::kNotFound, "the vm (process " + std::to_string(identity.pid) + ") has ended");
  }
  std::shared_ptr<VmProcess> adopted(new VmProcess(std::nullopt, std::move(pidfd), identity));
  Status begun = adopted->Begin(std::move(explain));
  if (begun) return adopted;
  // It is as it was.
  adopted->Detach();
  return Fail(std::move(begun.error()));
}

VmProcess::~VmProcess() {
  if (!watcher_.joinable()) return;
  if (detached_) {
    const uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
  } else {
    (void)Kill(SIGKILL);
  }
  watcher_.join();
}

Status VmProcess::Kill(int signal) {
  if (child_) return child_->Kill(signal);
  if (SendPidfdSignal(pidfd_.get(), signal) == 0 || errno == ESRCH) return {};
  return FailErrno("signal the vm (process " + std::to_string(identity_.pid) + ")");
}

bool VmProcess::HasEnded() const {
  return WaitReadable(pidfd(), Deadline::After(std::chrono::nanoseconds(0))).value_or(true);
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
  pollfd fds[] = {{pidfd(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
  while (::poll(fds, 2, -1) < 0 && errno == EINTR) {
  }
  if (fds[0].revents == 0) return;
  VmExit exit;
  if (!child_) {
    exit = explain(std::nullopt);
  } else {
    const Result<ProcessExit> end = child_->Wait(Deadline::Infinite());
    exit = end ? explain(*end) : VmExit{false, "vm exited: " + end.error().message()};
  }
  const std::lock_guard lock(mutex_);
  exit_ = std::move(exit);
  ended_.notify_all();
}

}  // namespace virtcontainers
