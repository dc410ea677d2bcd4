// The text that a call of Runtime puts before its errors: "start pod 'web': ...". Host only.
//
// Holds no state, lock or thread.

#ifndef VIRTCONTAINERS_SRC_RUNTIME_CALL_CONTEXT_H_
#define VIRTCONTAINERS_SRC_RUNTIME_CALL_CONTEXT_H_

#include <string>
#include <string_view>
#include <utility>

#include "base/errors.h"
#include "virtcontainers/deadline.h"

namespace virtcontainers {

// "start pod 'web'"
inline std::string Doing(const char* operation, std::string_view pod) {
  return std::string(operation) + " pod " + Quoted(pod);
}

// "start container 'a' of pod 'web'"
inline std::string Doing(const char* operation, std::string_view container, std::string_view pod) {
  return std::string(operation) + " container " + Quoted(container) + " of pod " + Quoted(pod);
}

// Puts `operation` before the message of an error.
template <typename R>
R WithContext(const std::string& operation, R result) {
  if (!result) result = Fail(std::move(result.error()).AddContext(operation));
  return result;
}

// The same for a call with a deadline: an error that the deadline's token caused becomes Cancelled.
template <typename R>
R WithContext(const std::string& operation, const Deadline& deadline, R result) {
  if (!result) result = Fail(OrCancelled(deadline, std::move(result.error())).AddContext(operation));
  return result;
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_RUNTIME_CALL_CONTEXT_H_
