// A VMM's process, watched. Host only.

#ifndef VIRTCONTAINERS_SRC_HYPERVISOR_VM_PROCESS_H_
#define VIRTCONTAINERS_SRC_HYPERVISOR_VM_PROCESS_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "os/subprocess.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"
#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

// Owns a child process from its start to its end. Thread-safe. Has a thread that waits for the end.
class VmProcess {
 public:
  // Says what a process's end means for its VM. Called once, on the watching thread, before anybody learns of
  // the end; may block for a moment.
  using Explain = std::function<VmExit(const ProcessExit&)>;

  VmProcess(Subprocess process, ProcessIdentity identity, Explain explain);

  // Kills it and waits.
  ~VmProcess();

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
  void Watch(const Explain& explain);

  Subprocess process_;
  const ProcessIdentity identity_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::optional<VmExit> exit_;
  std::thread watcher_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_HYPERVISOR_VM_PROCESS_H_
