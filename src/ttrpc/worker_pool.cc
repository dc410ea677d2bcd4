#include "ttrpc/worker_pool.h"

#include <string>
#include <system_error>
#include <utility>

#include "base/errors.h"

namespace virtcontainers::ttrpc {

WorkerPool::~WorkerPool() {
  std::deque<std::function<void()>> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(waiting_);
    changed_.notify_all();
  }
  dropped.clear();
  for (std::thread& thread : threads_) thread.join();
}

Status WorkerPool::Submit(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  if (waiting_.size() >= idle_ && threads_.size() < max_threads_) {
    try {
      threads_.emplace_back([this] { Work(); });
      // It is, until it has found the task.
      ++idle_;
    } catch (const std::system_error& e) {
      return Fail(Code::kResourceExhausted, std::string("start a thread: ") + e.what());
    }
  } else if (waiting_.size() >= idle_ + max_waiting_) {
    return Fail(Code::kResourceExhausted, std::to_string(waiting_.size()) + " tasks are waiting already");
  }
  waiting_.push_back(std::move(task));
  changed_.notify_one();
  return {};
}

void WorkerPool::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    std::function<void()> task = std::move(waiting_.front());
    waiting_.pop_front();
    --idle_;
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
    ++idle_;
  }
}

}  // namespace virtcontainers::ttrpc
