// Threads for calls that take time. Host only.

#ifndef VIRTCONTAINERS_SRC_TTRPC_WORKER_POOL_H_
#define VIRTCONTAINERS_SRC_TTRPC_WORKER_POOL_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "virtcontainers/error.h"

namespace virtcontainers::ttrpc {

// Runs tasks on a bounded number of threads, which are started as they are needed. Thread-safe.
class WorkerPool {
 public:
  // At most `threads` tasks run at once, and `waiting` more wait.
  WorkerPool(size_t threads, size_t waiting) : max_threads_(threads), max_waiting_(waiting) {}

  // Waits for the tasks that run and drops those that wait.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Runs `task` soon, in the order of the calls. Does not block. Errors: RESOURCE_EXHAUSTED if too many wait
  // already, or the system has no more threads; the task has been destroyed then.
  Status Submit(std::function<void()> task);

 private:
  void Work();

  const size_t max_threads_;
  const size_t max_waiting_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  std::vector<std::thread> threads_;
  size_t idle_ = 0;
  bool stopping_ = false;
};

}  // namespace virtcontainers::ttrpc

#endif  // VIRTCONTAINERS_SRC_TTRPC_WORKER_POOL_H_
