// The agent's one thread: waits for descriptors and for points in time, and calls what was asked for.

#ifndef VIRTCONTAINERS_GUEST_AGENT_OS_EVENT_LOOP_H_
#define VIRTCONTAINERS_GUEST_AGENT_OS_EVENT_LOOP_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// Not thread-safe. Handlers run in Run, one at a time, and may call anything here, also about themselves.
class EventLoop {
 public:
  using Clock = std::chrono::steady_clock;
  using FdHandler = std::function<void(uint32_t events)>;
  using Callback = std::function<void()>;
  using TimerId = uint64_t;  // 0 is never one

  static Result<EventLoop> Create();

  // Calls `handler` with the EPOLL* bits that are set whenever one of `events` is. The descriptor stays the
  // caller's, who calls Remove before closing it.
  Status Add(int fd, uint32_t events, FdHandler handler);
  Status Modify(int fd, uint32_t events);
  // No handler of this descriptor runs any more, not even for events that have been fetched already.
  void Remove(int fd);

  // Calls `callback` once, not before `delay` has passed.
  TimerId After(std::chrono::nanoseconds delay, Callback callback);
  // Forgets a timer; one that has run, or 0, is ignored.
  void Cancel(TimerId id);

  // Calls `callback` once, after the handler that is running now.
  void Post(Callback callback) { posted_.push_back(std::move(callback)); }

  // Returns after Stop, or with an error when waiting itself fails.
  Status Run();
  void Stop() { stopped_ = true; }

 private:
  struct Watch {
    uint32_t generation;
    FdHandler handler;
  };

  explicit EventLoop(UniqueFd epoll) : epoll_(std::move(epoll)) {}
  Status Control(int operation, int fd, uint32_t events, uint32_t generation);
  int NextTimeout() const;
  void RunTimers();
  void RunPosted();

  UniqueFd epoll_;
  bool stopped_ = false;
  uint32_t next_generation_ = 1;
  TimerId next_timer_ = 1;
  std::unordered_map<int, Watch> watches_;
  std::map<std::pair<Clock::time_point, TimerId>, Callback> timers_;
  std::unordered_map<TimerId, Clock::time_point> timer_times_;
  std::vector<Callback> posted_;
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_OS_EVENT_LOOP_H_
