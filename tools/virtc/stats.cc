// virtc container stats, virtc pod stats, virtc container top

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include "base/errors.h"
#include "commands.h"
#include "container_command.h"
#include "parse.h"
#include "stats_report.h"
#include "terminal.h"

namespace virtc {

using virtcontainers::Code;
using virtcontainers::Deadline;
using virtcontainers::DumpJson;
using virtcontainers::Fail;
using virtcontainers::Result;
using virtcontainers::Runtime;
using virtcontainers::Status;

namespace {

class Stats : public Command {
 public:
  explicit Stats(bool of_pod) : of_pod_(of_pod) {}

  void Declare(Options& options) override {
    if (of_pod_) {
      options.Argument("POD", pod_, "the pod");
    } else {
      DeclareContainer(options, pod_, container_);
    }
    options.Text("--watch", "SECONDS", watch_, "ask again so often, until virtc is stopped");
  }

  Status Prepare(const CommandWords&) override {
    if (watch_.empty()) return {};
    VC_ASSIGN_OR_RETURN(interval_, ParseSeconds("--watch", watch_));
    if (interval_ < std::chrono::milliseconds(100))
      return Fail(Code::kInvalidArgument, "--watch '" + watch_ + "' is too often: use 0.1 or more");
    return {};
  }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    if (!of_pod_) {
      VIRTC_ASSIGN_OR_RETURN(container_, ContainerOf(*runtime, pod_, container_));
    }
    if (watch_.empty()) {
      VIRTC_ASSIGN_OR_RETURN(auto report, Ask(*runtime));
      return Outcome{std::move(report)};
    }
    SignalPipe signals;
    bool first = true;
    do {
      VIRTC_ASSIGN_OR_RETURN(const auto report, Ask(*runtime));
      // A line of JSON each, or tables with a line between them.
      const std::string text = session.format() == Format::kJson ? DumpJson(report.json, false) + "\n"
                                                                 : Render(report, Format::kTable);
      const Status written =
          WriteAll(STDOUT_FILENO, first || session.format() == Format::kJson ? text : "\n" + text);
      if (!written) {
        if (written.error().code() == virtcontainers::CodeFromErrno(EPIPE)) break;
        return tl::make_unexpected(Failure(written.error()));
      }
      first = false;
    } while (Sleep(signals));
    return Outcome{};
  }

 private:
  Result<Report> Ask(Runtime& runtime) const {
    if (of_pod_) {
      VC_ASSIGN_OR_RETURN(const auto stats, runtime.StatsPod(pod_));
      return StatsReport(stats);
    }
    VC_ASSIGN_OR_RETURN(const auto stats, runtime.pod(pod_).container(container_).GetStats());
    return StatsReport(stats);
  }

  // False when virtc is told to end, or nobody reads it any more.
  bool Sleep(SignalPipe& signals) const {
    const auto deadline = Deadline::After(interval_);
    while (!deadline.passed()) {
      std::array<pollfd, 2> ready = {pollfd{signals.fd(), POLLIN, 0}, pollfd{STDOUT_FILENO, 0, 0}};
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.remaining());
      const auto timeout = static_cast<int>(std::max<int64_t>(left.count(), 0));
      if (::poll(ready.data(), ready.size(), timeout) < 0 && errno != EINTR) return false;
      while (const int signal = signals.Take()) {
        if (signal != SIGWINCH) return false;
      }
      if ((ready[1].revents & (POLLERR | POLLHUP)) != 0) return false;
    }
    return true;
  }

  const bool of_pod_;
  std::string pod_, container_, watch_;
  std::chrono::milliseconds interval_{};
};

class ContainerTop : public ContainerCommand {
 public:
  tl::expected<Outcome, Failure> RunOn(Runtime& runtime, Format) override {
    VIRTC_ASSIGN_OR_RETURN(const auto processes, Target(runtime).ListProcesses());
    return Outcome{ProcessListReport(processes)};
  }
};

}  // namespace

std::unique_ptr<Command> MakePodStats() { return std::make_unique<Stats>(true); }
std::unique_ptr<Command> MakeContainerStats() { return std::make_unique<Stats>(false); }
std::unique_ptr<Command> MakeContainerTop() { return std::make_unique<ContainerTop>(); }

}  // namespace virtc
