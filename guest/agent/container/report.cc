#include "guest/agent/container/report.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "base/errors.h"
#include "guest/agent/os/passed_descriptor.h"

namespace virtcontainers::guest {

namespace {

constexpr size_t kMaxText = 4096;

// Of a report that tells of none.
const Error kNoError(static_cast<Code>(0), "");

struct Header {
  uint32_t kind;
  int32_t code;
  int32_t reason;
};

bool Send(int channel, Report::Kind kind, const Error& error, int fd) {
  const std::string text = error.ToString();
  Header header{static_cast<uint32_t>(kind), static_cast<int32_t>(error.code()),
                static_cast<int32_t>(error.reason())};
  std::array<iovec, 2> parts{
      {{&header, sizeof(header)}, {const_cast<char*>(text.data()), std::min(text.size(), kMaxText)}}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  PassedDescriptor passed;
  if (fd >= 0) passed.Attach(message, fd);
  return ::sendmsg(channel, &message, MSG_NOSIGNAL) >= 0;
}

}  // namespace

Error SetupError(const Error& error) {
  const bool ambiguous = error.code() == Code::kNotFound || error.code() == Code::kPermissionDenied;
  return ambiguous ? Error(Code::kFailedPrecondition, error.ToString()) : error;
}

Result<std::pair<UniqueFd, UniqueFd>> MakeReportChannel() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return FailErrno("socketpair");
  return std::pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

void ReportReady(int channel) { Send(channel, Report::Kind::kReady, kNoError, -1); }

void ReportError(int channel, const Error& error) { Send(channel, Report::Kind::kError, error, -1); }

Status ReportTerminal(int channel, int master) {
  if (!Send(channel, Report::Kind::kTerminal, kNoError, master)) return FailErrno("send a terminal");
  return {};
}

Status ReceiveReport(int channel, Report* report, bool* ended) {
  *ended = false;
  Header header{};
  std::array<char, kMaxText> text;
  std::array<iovec, 2> parts{{{&header, sizeof(header)}, {text.data(), text.size()}}};
  PassedDescriptor passed;
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  passed.Expect(message);
  const ssize_t count = ::recvmsg(channel, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return Fail(Code::kUnavailable, "no report yet");
  // A reset is how a peer that died with our bytes unread ends.
  if (count == 0 || (count < 0 && errno == ECONNRESET)) {
    *ended = true;
    return {};
  }
  if (count < 0) return FailErrno("receive a report");
  if (static_cast<size_t>(count) < sizeof(header)) return Fail(Code::kInternal, "a report is cut short");

  report->kind = static_cast<Report::Kind>(header.kind);
  report->error = Error(static_cast<Code>(header.code), static_cast<Reason>(header.reason),
                        std::string(text.data(), static_cast<size_t>(count) - sizeof(header)));
  if (UniqueFd terminal = PassedDescriptor::Take(message)) report->terminal = std::move(terminal);
  return {};
}

}  // namespace virtcontainers::guest
