// An answer that comes by a callback, for tests.

#ifndef VIRTCONTAINERS_TEST_CONTRACT_ANSWER_H_
#define VIRTCONTAINERS_TEST_CONTRACT_ANSWER_H_

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

#include "virtcontainers/agent.h"

namespace virtcontainers {

// Outlived by its callback, if need be.
template <typename T>
class Answer {
 public:
  Agent::Callback<T> callback() {
    return [state = state_](Result<T> result) {
      const std::lock_guard lock(state->mutex);
      state->result = std::move(result);
      ++state->calls;
      state->changed.notify_all();
    };
  }

  Result<T> Await() {
    std::unique_lock lock(state_->mutex);
    if (!state_->changed.wait_for(lock, std::chrono::seconds(30), [&] { return state_->calls > 0; })) {
      return tl::make_unexpected(Error(Code::kDeadlineExceeded, "the callback was not called"));
    }
    return *state_->result;
  }

  int calls() const {
    const std::lock_guard lock(state_->mutex);
    return state_->calls;
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Result<T>> result;
    int calls = 0;
  };
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_TEST_CONTRACT_ANSWER_H_
