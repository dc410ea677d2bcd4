#include "monitor/event_writer.h"

#include <stdio.h>

#include <utility>

#include "base/time_format.h"

namespace virtcontainers {

EventWriter::EventWriter(const std::string& root, std::string pod)
    : log_(root), pod_(std::move(pod)), thread_([this] { Loop(); }) {}

EventWriter::~EventWriter() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void EventWriter::Write(Event event, std::function<void()> then) {
  event.pod = pod_;
  event.time = Now();
  const std::lock_guard lock(mutex_);
  if (waiting_.size() >= kMaxWaiting) {
    ++dropped_;
    return;
  }
  waiting_.emplace_back(std::move(event), std::move(then));
  changed_.notify_all();
}

void EventWriter::Loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return ending_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    auto [event, then] = std::move(waiting_.front());
    waiting_.pop_front();
    const uint64_t dropped = std::exchange(dropped_, 0);
    lock.unlock();
    if (dropped != 0) {
      std::fprintf(stderr, "%llu events were dropped: they came too fast\n",
                   static_cast<unsigned long long>(dropped));
    }
    if (const Status written = log_.Append(std::move(event)); !written) {
      std::fprintf(stderr, "event not written: %s\n", written.error().ToString().c_str());
    }
    if (then) then();
    lock.lock();
  }
}

}  // namespace virtcontainers
