// virtc events

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>

#include "base/errors.h"
#include "commands.h"
#include "parse.h"
#include "stats_report.h"
#include "terminal.h"

namespace virtc {

using virtcontainers::Deadline;
using virtcontainers::EventStream;
using virtcontainers::EventType;
using virtcontainers::Runtime;
using virtcontainers::Status;

namespace {

class Events : public Command {
 public:
  void Declare(Options& options) override {
    options.Text("--pod", "POD", pod_, "of this pod alone (all)")
        .Text("--after", "N", after_text_,
              "those that come after the event of this number; 0: all that are kept")
        .Flag("--no-follow", no_follow_, "end with the last event that is there");
  }

  Status Prepare(const CommandWords&) override {
    if (!after_text_.empty()) {
      VC_ASSIGN_OR_RETURN(after_, ParseNumber64("--after", after_text_));
    } else if (no_follow_) {
      after_ = 0;  // from now on there is none yet
    }
    return {};
  }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    // From here on, so that a signal which comes early ends it cleanly, too.
    SignalPipe signals;
    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    VIRTC_ASSIGN_OR_RETURN(const auto stream, runtime->Events(after_));
    while (true) {
      VIRTC_ASSIGN_OR_RETURN(const auto event, stream->Next(Deadline::After(std::chrono::seconds(0))));
      if (event) {
        // A gap concerns everybody.
        if (!pod_.empty() && event->pod != pod_ && event->type != EventType::kLost) continue;
        const Status written = WriteAll(STDOUT_FILENO, EventLine(*event, session.format()));
        if (!written && written.error().code() == virtcontainers::CodeFromErrno(EPIPE)) break;
        VIRTC_RETURN_IF_ERROR(written);
      } else if (no_follow_ || !WaitFor(*stream, signals)) {
        break;
      }
    }
    return Outcome{};
  }

 private:
  // False when virtc is told to end, or nobody reads it any more.
  static bool WaitFor(const EventStream& stream, SignalPipe& signals) {
    std::array<pollfd, 3> ready = {pollfd{stream.fd(), POLLIN, 0}, pollfd{signals.fd(), POLLIN, 0},
                                   pollfd{STDOUT_FILENO, 0, 0}};
    if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) return false;
    while (const int signal = signals.Take()) {
      if (signal != SIGWINCH) return false;
    }
    return (ready[2].revents & (POLLERR | POLLHUP)) == 0;
  }

  std::string pod_, after_text_;
  bool no_follow_ = false;
  std::optional<uint64_t> after_;
};

}  // namespace

std::unique_ptr<Command> MakeEvents() { return std::make_unique<Events>(); }

}  // namespace virtc
