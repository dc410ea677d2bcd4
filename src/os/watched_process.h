// A process that works beside a VM and may outlive the one that started it. Host only.

#ifndef VIRTCONTAINERS_SRC_OS_WATCHED_PROCESS_H_
#define VIRTCONTAINERS_SRC_OS_WATCHED_PROCESS_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/unique_fd.h"
#include "os/oom_kills.h"
#include "os/subprocess.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"
#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

// Watches one process until it ends, and ends it. Thread-safe. The process is this one's child, or that of a
// predecessor that has died. It is killed with the object, unless Detach was called.
class WatchedProcess {
 public:
  struct Options {
    std::string name;  // for messages: "virtiofsd"
    std::string log;   // a file with its output, whose end goes into the reason; empty: none
    // Its children are killed before it is, because they would outlive it.
    bool kill_children = false;
    // Called once, from a thread of the object's own, when the process has ended, whoever ended it; before
    // exit_reason has a value. May be empty.
    std::function<void()> on_end;
    // Called once, from that thread, when the process has ended, unless Stop or the destructor ended it. Must
    // not block and must not destroy the object. May be empty.
    std::function<void(std::string reason)> on_exit;
  };

  // Kills the child and waits for it if it cannot be watched. `kills` was made before the child was started.
  // Errors: NotFound if it has been collected by another thread; those of threads and descriptors.
  static Result<std::unique_ptr<WatchedProcess>> Watch(Options options, Subprocess child, OomKills kills);

  // Errors: NotFound when that process has ended.
  static Result<std::unique_ptr<WatchedProcess>> Adopt(Options options, const ProcessIdentity& process);

  ~WatchedProcess();

  WatchedProcess(const WatchedProcess&) = delete;
  WatchedProcess& operator=(const WatchedProcess&) = delete;

  const ProcessIdentity& process() const { return process_; }

  // How it ended, with its last words; nothing while it runs.
  std::optional<std::string> exit_reason() const;

  // Blocks until the process has ended by itself; false when the deadline has passed. Its end is expected
  // from now on: on_exit is not called.
  bool AwaitEnd(Deadline deadline);

  // Kills it and blocks until it is gone. Idempotent. Errors: DeadlineExceeded.
  Status Stop(Deadline deadline);

  // Leaves the process alone when the object is destroyed.
  void Detach();

 private:
  WatchedProcess(Options options, OomKills kills)
      : options_(std::move(options)), oom_kills_(std::move(kills)) {}
  Status Start();
  void WatchLoop();
  void Kill();

  const Options options_;
  const OomKills oom_kills_;
  ProcessIdentity process_;
  std::optional<Subprocess> child_;  // the watcher's, once there is one; nothing if it was adopted
  UniqueFd pidfd_;                   // of one that was adopted
  UniqueFd wake_;                    // an eventfd: the watcher is to leave

  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::optional<std::string> exit_reason_;
  bool expected_ = false;  // that it ends
  bool detached_ = false;
  std::thread watcher_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_WATCHED_PROCESS_H_
