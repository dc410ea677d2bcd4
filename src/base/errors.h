// Making and passing on errors. Shared by host and guest.

#ifndef VIRTCONTAINERS_SRC_BASE_ERRORS_H_
#define VIRTCONTAINERS_SRC_BASE_ERRORS_H_

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// The code a caller would branch on for an errno value.
Code CodeFromErrno(int error);

// "open '/x': No such file or directory", with the matching code.
Error ErrnoError(std::string_view what, int error = errno);

inline tl::unexpected<Error> Fail(Code code, std::string message) {
  return tl::make_unexpected(Error(code, std::move(message)));
}
inline tl::unexpected<Error> Fail(Code code, Reason reason, std::string message) {
  return tl::make_unexpected(Error(code, reason, std::move(message)));
}
inline tl::unexpected<Error> Fail(Error error) { return tl::make_unexpected(std::move(error)); }
inline tl::unexpected<Error> FailErrno(std::string_view what, int error = errno) {
  return tl::make_unexpected(ErrnoError(what, error));
}

// The error of a call with `deadline`: an error that came about because the deadline's token was stopped says
// so.
inline Error OrCancelled(const Deadline& deadline, Error error) {
  if (!deadline.cancelled()) return error;
  if (error.code() != Code::kDeadlineExceeded && error.code() != Code::kUnavailable) return error;
  return Error(Code::kCancelled, "the caller cancelled the call");
}

template <typename T>
Result<T> OrCancelled(const Deadline& deadline, Result<T> result) {
  if (!result) result.error() = OrCancelled(deadline, std::move(result.error()));
  return result;
}

// 'value', for messages.
inline std::string Quoted(std::string_view value) { return "'" + std::string(value) + "'"; }

}  // namespace virtcontainers

#define VC_CONCAT_INNER(a, b) a##b
#define VC_CONCAT(a, b) VC_CONCAT_INNER(a, b)

// Returns the error of `expr` from the calling function, if it is one.
#define VC_RETURN_IF_ERROR(expr)                                                                           \
  do {                                                                                                     \
    if (auto&& vc_status = (expr); !vc_status) return ::tl::make_unexpected(std::move(vc_status.error())); \
  } while (false)

// `lhs` = the value of `expr`; returns its error from the calling function, if it is one.
#define VC_ASSIGN_OR_RETURN(lhs, expr) VC_ASSIGN_OR_RETURN_INNER(VC_CONCAT(vc_result_, __LINE__), lhs, expr)
#define VC_ASSIGN_OR_RETURN_INNER(result, lhs, expr)                    \
  auto result = (expr);                                                 \
  if (!result) return ::tl::make_unexpected(std::move(result.error())); \
  lhs = std::move(*result)

#endif  // VIRTCONTAINERS_SRC_BASE_ERRORS_H_
