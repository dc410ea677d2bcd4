// What a child tells the agent before it becomes the program it is for.

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONTAINER_REPORT_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONTAINER_REPORT_H_

#include <string>
#include <utility>

#include "base/unique_fd.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// One message. The end of the channel without an error means that the program runs: the channel closes on
// exec.
struct Report {
  enum class Kind : uint32_t { kTerminal, kReady, kError };

  Kind kind = Kind::kError;
  Error error{Code::kInternal, ""};  // of kError
  UniqueFd terminal;                 // of kTerminal: the master
};

// An error of what is round the program, not of the program itself: NOT_FOUND and PERMISSION_DENIED, which a
// shell would show as 127 and 126, become FAILED_PRECONDITION.
Error SetupError(const Error& error);

// A pair of sockets that keep messages apart: the agent's end, non-blocking, and the child's.
Result<std::pair<UniqueFd, UniqueFd>> MakeReportChannel();

// The child's side. What cannot be sent is lost; the agent sees the end of the channel.
void ReportReady(int channel);
void ReportError(int channel, const Error& error);
Status ReportTerminal(int channel, int master);

// The agent's side. `*ended` is set at the end of the channel, and *report then not. Nothing there yet is
// UNAVAILABLE.
Status ReceiveReport(int channel, Report* report, bool* ended);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONTAINER_REPORT_H_
