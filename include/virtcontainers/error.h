// How calls fail.
//
// Every call that can fail returns Result<T>. An Error has a line for a person, a code and a reason for a
// program, and the operations that it passed through. No exception crosses the API. The outcome of a workload
// (an exit status of 1, a death by signal) is never an Error: see ExitStatus in process.h.

#ifndef VIRTCONTAINERS_ERROR_H_
#define VIRTCONTAINERS_ERROR_H_

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace virtcontainers {

// The google.rpc codes, with their numbers. The protocols to the guest and to the monitor use the same codes.
enum class Code : int {
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,  // the request is wrong whatever the state: correct it
  kDeadlineExceeded =
      4,               // the deadline passed; the operation may or may not have happened: ask for the status
  kNotFound = 5,       // no such pod, container, process, file
  kAlreadyExists = 6,  // the id is taken
  kPermissionDenied = 7,    // the host refuses
  kResourceExhausted = 8,   // out of memory, disk, descriptors, processes
  kFailedPrecondition = 9,  // not in this state: the message says what to call first
  kAborted = 10,            // given up half way and undone; may be tried again
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,     // a defect here or in the guest
  kUnavailable = 14,  // the other side (monitor, VM, agent) is not there; may be tried again
  kDataLoss = 15,     // something stored cannot be read any more
  kUnauthenticated = 16,
};

// The code's name as google.rpc spells it, such as "FAILED_PRECONDITION".
std::string_view CodeName(Code code);

// The cause of an error, where programs handle it differently from others of the same code. The list may
// grow; names and meanings of its entries do not change. kNone: none of these, or the error of an agent that
// is not the library's. Branch on the code then.
enum class Reason : int {
  kNone = 0,
  kPodNotFound,           // "pod-not-found": no pod has this id
  kContainerNotFound,     // "container-not-found"
  kProcessNotFound,       // "process-not-found": never started, or forgotten (process.h)
  kPodNotRunning,         // "pod-not-running": the pod does not run, or was stopped during the call
  kContainerNotRunning,   // "container-not-running"
  kCommandNotFound,       // "command-not-found": in the container; a shell's 127
  kCommandNotExecutable,  // "command-not-executable": exists, but cannot be executed; a shell's 126
  kGuestDidNotBoot,       // "guest-did-not-boot": the message has the console's last lines
  kVmDied,                // "vm-died": the VM ended without StopPod; PodStatus::reason says why
  kMonitorDied,  // "monitor-died": the call may have been carried out, or no other monitor could be started
  kInputClosed,  // "input-closed": the process reads no more input
};

// The reason's name, as in the comments above; "" for kNone.
std::string_view ReasonName(Reason reason);
// The reason with this name; kNone if there is none.
Reason ReasonNamed(std::string_view name);

// A failed call. A value.
class Error {
 public:
  Error(Code code, std::string message) : code_(code), message_(std::move(message)) {}
  Error(Code code, Reason reason, std::string message)
      : code_(code), reason_(reason), message_(std::move(message)) {}

  Code code() const { return code_; }
  Reason reason() const { return reason_; }

  // The message without the operations: lower case, no full stop, the user's values in quotes.
  const std::string& message() const { return message_; }

  // The operations the error passed through, innermost first.
  const std::vector<std::string>& context() const { return context_; }

  // Adds the operation that failed because of this error, such as "start pod 'web'". Returns itself, for
  // chaining.
  Error& AddContext(std::string operation) & {
    context_.push_back(std::move(operation));
    return *this;
  }
  Error&& AddContext(std::string operation) && {
    context_.push_back(std::move(operation));
    return std::move(*this);
  }

  // The same error with another message and without operations.
  Error Reworded(std::string message) const { return Error(code_, reason_, std::move(message)); }

  // One line for a person: the operations from the outermost in, then the message.
  std::string ToString() const;

 private:
  Code code_;
  Reason reason_ = Reason::kNone;
  std::string message_;
  std::vector<std::string> context_;
};

// A T or an Error. Not std::expected where the compiler has it: two translation units that were compiled
// differently would link, and would misread each other's results.
template <typename T>
using Result = tl::expected<T, Error>;

using Status = Result<void>;

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_ERROR_H_
