// virtc pod start, virtc pod stop, virtc pod delete

#include <chrono>
#include <fmt/format.h>

#include "base/errors.h"
#include "boot_signals.h"
#include "commands.h"
#include "exit_status.h"
#include "parse.h"
#include "pods_command.h"
#include "progress.h"
#include "status_report.h"

namespace virtc {

using virtcontainers::Deadline;
using virtcontainers::PodState;
using virtcontainers::Runtime;
using virtcontainers::Status;

namespace {

class PodStart : public PodsCommand {
 public:
  void Declare(Options& options) override { options.Arguments("POD", pods_, "the pods to start"); }

  tl::expected<Outcome, Failure> RunOn(Runtime& runtime, const std::string& pod) override {
    SignalPipe signals;
    Status started;
    int interrupted = 0;
    {
      const Progress progress(fmt::format("starting pod '{}'", pod));
      BootSignals watch(signals, pod);
      started = runtime.StartPod(pod, watch.deadline());
      interrupted = watch.Finish();
    }
    if (started && interrupted != 0) {
      VIRTC_RETURN_IF_ERROR(runtime.StopPod(pod, std::chrono::milliseconds(0)));
      return Outcome{.report = {}, .exit_status = 128 + interrupted};
    }
    if (!started && started.error().code() == virtcontainers::Code::kCancelled) {
      return Outcome{.report = {}, .exit_status = 128 + interrupted};
    }
    if (!started) {
      const int exit_status = ExitStatusOf(started.error());
      return tl::make_unexpected(Failure(std::move(started.error()), exit_status));
    }
    VIRTC_ASSIGN_OR_RETURN(const auto status, runtime.PodStatus(pod));
    return Outcome{Changed(status)};
  }
};

class PodStop : public PodsCommand {
 public:
  void Declare(Options& options) override {
    options.Arguments("POD", pods_, "the pods to stop")
        .Text("-t,--time,--timeout", "SECONDS", time_,
              "how long its containers may take to end after SIGTERM (5)");
  }

  Status Prepare(const CommandWords&) override {
    VC_ASSIGN_OR_RETURN(grace_, ParseSeconds("--time", time_));
    return {};
  }

  tl::expected<Outcome, Failure> RunOn(Runtime& runtime, const std::string& pod) override {
    Status stopped;
    {
      const Progress progress(fmt::format("stopping pod '{}'", pod));
      stopped = runtime.StopPod(pod, grace_, Deadline::After(grace_ + std::chrono::seconds(60)));
    }
    VIRTC_RETURN_IF_ERROR(stopped);
    VIRTC_ASSIGN_OR_RETURN(const auto status, runtime.PodStatus(pod));
    return Outcome{Changed(status)};
  }

 private:
  std::string time_ = "5";
  std::chrono::milliseconds grace_{};
};

class PodDelete : public PodsCommand {
 public:
  void Declare(Options& options) override {
    options.Arguments("POD", pods_, "the pods to delete")
        .Flag("-f,--force", force_, "stop it first if it runs");
  }

  tl::expected<Outcome, Failure> RunOn(Runtime& runtime, const std::string& pod) override {
    if (force_) {
      VIRTC_ASSIGN_OR_RETURN(const auto status, runtime.PodStatus(pod));
      if (status.state == PodState::kRunning || status.state == PodState::kPaused) {
        const Progress progress(fmt::format("stopping pod '{}'", pod));
        VIRTC_RETURN_IF_ERROR(runtime.StopPod(pod));
      }
    }
    if (auto deleted = runtime.DeletePod(pod); !deleted) {
      const auto status = runtime.PodStatus(pod);
      if (!force_ && status && (status->state == PodState::kRunning || status->state == PodState::kPaused))
        return tl::make_unexpected(Failure(WithHint(deleted.error(), "--force does that, too")));
      return tl::make_unexpected(Failure(std::move(deleted.error())));
    }
    return Outcome{Deleted(pod)};
  }

 private:
  bool force_ = false;
};

}  // namespace

std::unique_ptr<Command> MakePodStart() { return std::make_unique<PodStart>(); }
std::unique_ptr<Command> MakePodStop() { return std::make_unique<PodStop>(); }
std::unique_ptr<Command> MakePodDelete() { return std::make_unique<PodDelete>(); }

}  // namespace virtc
