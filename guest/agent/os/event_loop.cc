#include "guest/agent/os/event_loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>

#include "base/errors.h"

namespace virtcontainers::guest {

Result<EventLoop> EventLoop::Create() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return FailErrno("epoll_create1");
  return EventLoop(std::move(epoll));
}

Status EventLoop::Control(int operation, int fd, uint32_t events, uint32_t generation) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = static_cast<uint64_t>(generation) << 32 | static_cast<uint32_t>(fd);
  if (::epoll_ctl(epoll_.get(), operation, fd, &event) < 0) return FailErrno("epoll_ctl");
  return {};
}

Status EventLoop::Add(int fd, uint32_t events, FdHandler handler) {
  const uint32_t generation = next_generation_++;
  VC_RETURN_IF_ERROR(Control(EPOLL_CTL_ADD, fd, events, generation));
  watches_[fd] = Watch{generation, std::move(handler)};
  return {};
}

Status EventLoop::Modify(int fd, uint32_t events) {
  const auto watch = watches_.find(fd);
  if (watch == watches_.end()) return Fail(Code::kInternal, "modify a descriptor that is not watched");
  return Control(EPOLL_CTL_MOD, fd, events, watch->second.generation);
}

void EventLoop::Remove(int fd) {
  if (watches_.erase(fd) == 0) return;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

EventLoop::TimerId EventLoop::After(std::chrono::nanoseconds delay, Callback callback) {
  const TimerId id = next_timer_++;
  const auto at = Clock::now() + std::chrono::ceil<Clock::duration>(delay);
  timers_.emplace(std::pair(at, id), std::move(callback));
  timer_times_[id] = at;
  return id;
}

void EventLoop::Cancel(TimerId id) {
  const auto time = timer_times_.find(id);
  if (time == timer_times_.end()) return;
  timers_.erase({time->second, id});
  timer_times_.erase(time);
}

int EventLoop::NextTimeout() const {
  if (!posted_.empty()) return 0;
  if (timers_.empty()) return -1;
  const auto left = timers_.begin()->first.first - Clock::now();
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::clamp<int64_t>(milliseconds, 0, 3'600'000));
}

void EventLoop::RunTimers() {
  if (timers_.empty()) return;
  const auto now = Clock::now();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    auto timer = timers_.extract(timers_.begin());
    timer_times_.erase(timer.key().second);
    timer.mapped()();
  }
}

void EventLoop::RunPosted() {
  while (!posted_.empty()) {
    std::vector<Callback> batch;
    batch.swap(posted_);
    for (auto& callback : batch) callback();
  }
}

Status EventLoop::Run() {
  std::array<epoll_event, 32> events;
  while (!stopped_) {
    const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), NextTimeout());
    if (count < 0 && errno != EINTR) return FailErrno("epoll_wait");
    for (int i = 0; i < count && !stopped_; ++i) {
      const int fd = static_cast<int>(events[i].data.u64 & 0xffffffff);
      const auto watch = watches_.find(fd);
      // A handler before this one may have closed the descriptor, and another may have its number now.
      if (watch == watches_.end() || watch->second.generation != events[i].data.u64 >> 32) continue;
      // A copy, because the handler may remove itself.
      const FdHandler handler = watch->second.handler;
      handler(events[i].events);
      RunPosted();
    }
    RunTimers();
    RunPosted();
  }
  return {};
}

}  // namespace virtcontainers::guest
