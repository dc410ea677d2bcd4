// virtc monitor

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>

#include "base/errors.h"
#include "base/unique_fd.h"
#include "commands.h"
#include "os/pidfd.h"
#include "terminal.h"

namespace virtc {

using virtcontainers::EventStream;
using virtcontainers::PodState;
using virtcontainers::PodStatus;
using virtcontainers::Runtime;
using virtcontainers::Status;
using virtcontainers::UniqueFd;

namespace {

// Between two attempts at a monitor that could not be replaced.
constexpr std::chrono::seconds kRetry{1};

bool Runs(const PodStatus& pod) { return pod.state == PodState::kRunning || pod.state == PodState::kPaused; }

class Monitor : public Command {
 public:
  void Declare(Options& options) override {
    options.OptionalArgument("POD", pod_, "this pod alone (all that run)")
        .Flag("--watch", watch_, "go on until a signal: replace each monitor as it dies");
  }

  Status Prepare(const CommandWords&) override { return {}; }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    if (!pod_.empty()) VIRTC_RETURN_IF_ERROR(runtime->PodStatus(pod_));
    if (!watch_) {
      VIRTC_RETURN_IF_ERROR(RestoreAll(*runtime, session.format()));
      return Outcome{};
    }
    // From here on, so that a signal which comes early ends it cleanly, too.
    SignalPipe signals;
    while (true) {
      // Opened first: a pod that starts while this looks at the others is seen afterwards.
      VIRTC_ASSIGN_OR_RETURN(const auto events, runtime->Events());
      const Status restored = RestoreAll(*runtime, session.format());
      if (!restored) std::fprintf(stderr, "virtc: %s\n", restored.error().ToString().c_str());
      if (!Wait(*runtime, *events, signals, restored.has_value())) return Outcome{};
    }
  }

 private:
  virtcontainers::Result<std::vector<PodStatus>> Pods(Runtime& runtime) const {
    VC_ASSIGN_OR_RETURN(std::vector<PodStatus> pods, runtime.ListPod());
    std::erase_if(pods,
                  [&](const PodStatus& pod) { return !Runs(pod) || (!pod_.empty() && pod.id != pod_); });
    return pods;
  }

  // The first error; the other pods are seen to all the same.
  Status RestoreAll(Runtime& runtime, Format format) const {
    VC_ASSIGN_OR_RETURN(const std::vector<PodStatus> pods, Pods(runtime));
    Status first;
    for (const PodStatus& pod : pods) {
      const auto restored = runtime.RestoreMonitor(pod.id);
      if (restored && *restored) {
        const std::string line = format == Format::kJson
                                     ? R"({"pod":")" + pod.id + R"(","event":"monitor-restored"})"
                                     : pod.id + ": its monitor had died, and has been replaced";
        VC_RETURN_IF_ERROR(WriteAll(STDOUT_FILENO, line + "\n"));
      } else if (!restored && first && restored.error().code() != virtcontainers::Code::kNotFound) {
        first = tl::make_unexpected(restored.error());
      }
    }
    return first;
  }

  // Until something happens to the pods, or to a monitor. False when virtc is told to end, or nobody reads
  // it.
  bool Wait(Runtime& runtime, EventStream& events, SignalPipe& signals, bool settled) const {
    std::vector<pollfd> ready = {{signals.fd(), POLLIN, 0}, {STDOUT_FILENO, 0, 0}, {events.fd(), POLLIN, 0}};
    std::vector<UniqueFd> monitors;
    for (const PodStatus& pod : Pods(runtime).value_or(std::vector<PodStatus>())) {
      UniqueFd monitor(virtcontainers::OpenPidfd(pod.monitor_pid));
      if (!monitor) settled = false;  // it died just now
      if (monitor) ready.push_back({monitor.get(), POLLIN, 0});
      monitors.push_back(std::move(monitor));
    }
    using std::chrono::milliseconds;
    const int patience = settled ? -1 : static_cast<int>(milliseconds(kRetry).count());
    if (::poll(ready.data(), ready.size(), patience) < 0 && errno != EINTR) return false;
    while (const int signal = signals.Take()) {
      if (signal != SIGWINCH) return false;
    }
    return (ready[1].revents & (POLLERR | POLLHUP)) == 0;
  }

  std::string pod_;
  bool watch_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeMonitor() { return std::make_unique<Monitor>(); }

}  // namespace virtc
