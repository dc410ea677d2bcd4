// Where the library says what went wrong without failing a call: RuntimeOptions::log. Host only.
//
// Locks, threads: none. A line is passed on by the thread that found the problem.

#ifndef VIRTCONTAINERS_SRC_RUNTIME_LOG_H_
#define VIRTCONTAINERS_SRC_RUNTIME_LOG_H_

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "virtcontainers/error.h"

namespace virtcontainers {

class Log {
 public:
  using Sink = std::function<void(std::string_view line)>;

  // Without a sink, lines are dropped.
  explicit Log(Sink sink = {}) : sink_(std::move(sink)) {}

  // If `result` is an error, says "DOING: ERROR". `doing` is what failed, such as "remove the trash of pod
  // 'a'".
  template <typename R>
  void NoteFailure(const std::string& doing, const R& result) const {
    if (!result && sink_) sink_(doing + ": " + result.error().ToString());
  }

 private:
  Sink sink_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_RUNTIME_LOG_H_
