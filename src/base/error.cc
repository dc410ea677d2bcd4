#include "virtcontainers/error.h"

#include <cerrno>
#include <cstring>
#include <iterator>

#include "base/errors.h"

namespace virtcontainers {

std::string_view CodeName(Code code) {
  switch (code) {
    case Code::kCancelled:
      return "CANCELLED";
    case Code::kUnknown:
      return "UNKNOWN";
    case Code::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case Code::kDeadlineExceeded:
      return "DEADLINE_EXCEEDED";
    case Code::kNotFound:
      return "NOT_FOUND";
    case Code::kAlreadyExists:
      return "ALREADY_EXISTS";
    case Code::kPermissionDenied:
      return "PERMISSION_DENIED";
    case Code::kResourceExhausted:
      return "RESOURCE_EXHAUSTED";
    case Code::kFailedPrecondition:
      return "FAILED_PRECONDITION";
    case Code::kAborted:
      return "ABORTED";
    case Code::kOutOfRange:
      return "OUT_OF_RANGE";
    case Code::kUnimplemented:
      return "UNIMPLEMENTED";
    case Code::kInternal:
      return "INTERNAL";
    case Code::kUnavailable:
      return "UNAVAILABLE";
    case Code::kDataLoss:
      return "DATA_LOSS";
    case Code::kUnauthenticated:
      return "UNAUTHENTICATED";
  }
  return "UNKNOWN";
}

namespace {

// In the order of the enumeration.
constexpr std::string_view kReasonNames[] = {
    "",
    "pod-not-found",
    "container-not-found",
    "process-not-found",
    "pod-not-running",
    "container-not-running",
    "command-not-found",
    "command-not-executable",
    "guest-did-not-boot",
    "vm-died",
    "monitor-died",
    "input-closed",
};
static_assert(std::size(kReasonNames) == static_cast<size_t>(Reason::kInputClosed) + 1);

}  // namespace

std::string_view ReasonName(Reason reason) {
  const auto index = static_cast<size_t>(reason);
  return index < std::size(kReasonNames) ? kReasonNames[index] : "";
}

Reason ReasonNamed(std::string_view name) {
  for (size_t i = 1; i < std::size(kReasonNames); ++i) {
    if (kReasonNames[i] == name) return static_cast<Reason>(i);
  }
  return Reason::kNone;
}

std::string Error::ToString() const {
  std::string text;
  for (auto frame = context_.rbegin(); frame != context_.rend(); ++frame) {
    text += *frame;
    text += ": ";
  }
  return text + message_;
}

Code CodeFromErrno(int error) {
  switch (error) {
    case ENOENT:
    case ESRCH:
    case ENXIO:
    case ENODEV:
      return Code::kNotFound;
    case EEXIST:
      return Code::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOEXEC:
      return Code::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
      return Code::kResourceExhausted;
    case EINVAL:
    case ENAMETOOLONG:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
      return Code::kInvalidArgument;
    case ETIMEDOUT:
    case ETIME:
      return Code::kDeadlineExceeded;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case ENOTCONN:
      return Code::kUnavailable;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
      return Code::kFailedPrecondition;
    case ENOSYS:
    case EOPNOTSUPP:
      return Code::kUnimplemented;
    default:
      return Code::kInternal;
  }
}

Error ErrnoError(std::string_view what, int error) {
  char buffer[128];
  // The GNU variant: it returns the text, which may or may not be in the buffer.
  const char* text = ::strerror_r(error, buffer, sizeof(buffer));
  return Error(CodeFromErrno(error), std::string(what) + ": " + text);
}

}  // namespace virtcontainers
