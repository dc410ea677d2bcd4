// Collects children that have ended. As PID 1 the agent inherits every orphan of the guest, too.

#ifndef VIRTCONTAINERS_GUEST_AGENT_OS_REAPER_H_
#define VIRTCONTAINERS_GUEST_AGENT_OS_REAPER_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <unordered_map>

#include "base/unique_fd.h"
#include "guest/agent/os/event_loop.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// Blocks SIGCHLD for the process when it is made, and takes the signal from a signalfd in the loop.
class Reaper {
 public:
  // What a shell would say: the exit code, or 128 + the number of the signal.
  using Handler = std::function<void(int status)>;

  static Result<std::unique_ptr<Reaper>> Create(EventLoop& loop);
  ~Reaper();

  // Calls `handler` from the loop when the child `pid` has been collected. To be called in the same turn of
  // the loop in which the child is made: until then nobody collects it.
  void Watch(pid_t pid, Handler handler) { handlers_[pid] = std::move(handler); }
  void Forget(pid_t pid) { handlers_.erase(pid); }

  // Collects whatever has ended by now. Never blocks.
  void Collect();

 private:
  Reaper(EventLoop& loop, UniqueFd signals) : loop_(loop), signals_(std::move(signals)) {}

  EventLoop& loop_;
  UniqueFd signals_;
  std::unordered_map<pid_t, Handler> handlers_;
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_OS_REAPER_H_
