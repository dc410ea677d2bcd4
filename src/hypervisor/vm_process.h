// A VMM's process, watched. Host only.

#ifndef VIRTCONTAINERS_SRC_HYPERVISOR_VM_PROCESS_H_
#define VIRTCONTAINERS_SRC_HYPERVISOR_VM_PROCESS_H_

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "base/unique_fd.h"
#include "os/subprocess.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"
#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

// Owns a process from its start, or from a take-over, to its end. Thread-safe. Has a thread that waits for
// the end.
class VmProcess {
 public:
  // Says what a process's end means for its VM. Called once, on the watching thread, before anybody learns of
  // the end; may block for a moment.
  // Without an exit it was somebody else's child, and how it ended is not known.
  using Explain = std::function<VmExit(const std::optional<ProcessExit>&)>;

  // Takes a child into its care. One that cannot be watched is killed. Errors: ResourceExhausted.
  static Result<std::shared_ptr<VmProcess>> Keep(Subprocess child, ProcessIdentity identity, Explain explain);

  // Takes over a process that somebody started who has died. Errors: NotFound when it has ended.
  static Result<std::shared_ptr<VmProcess>> Adopt(const ProcessIdentity& identity, Explain explain);

  // Kills it and waits, unless Detach was called.
  ~VmProcess();

  // Leaves it alone when this is destroyed.
  void Detach() { detached_ = true; }

  VmProcess(const VmProcess&) = delete;
  VmProcess& operator=(const VmProcess&) = delete;

  const ProcessIdentity& identity() const { return identity_; }

  // One that has ended already is no error.
  Status Kill(int signal);

  // True once the process has ended, whether or not its end has been explained.
  bool HasEnded() const;

  // Blocks until it has ended and that is explained. Errors: DeadlineExceeded.
  Result<VmExit> Wait(Deadline deadline);

 private:
  VmProcess(std::optional<Subprocess> child, UniqueFd pidfd, ProcessIdentity identity);
  Status Begin(Explain explain);
  void Watch(const Explain& explain);
  int pidfd() const { return child_ ? child_->pidfd() : pidfd_.get(); }

  std::optional<Subprocess> child_;
  const UniqueFd pidfd_;  // of one that is no child
  const UniqueFd wake_;   // an eventfd: the watcher is to leave
  const ProcessIdentity identity_;
  std::atomic<bool> detached_ = false;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::optional<VmExit> exit_;
  std::thread watcher_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_HYPERVISOR_VM_PROCESS_H_
