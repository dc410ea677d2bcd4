// virtc pod start, virtc pod stop, virtc pod delete

#include <chrono>
#include <fmt/format.h>

#include "base/errors.h"
#include "boot_signals.h"
#include "commands.h"
#include "exit_status.h"
#include "parse.h"
#include "progress.h"
#include "status_report.h"

namespace virtc {

using virtcontainers::Deadline;
using virtcontainers::PodState;
using virtcontainers::Runtime;
using virtcontainers::Status;

namespace {

class PodStart : public Command {
 public:
  void Declare(Options& options) override { options.Argument("POD", pod_, "the pod to start"); }

  Status Prepare(const CommandWords&) override { return {}; }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    SignalPipe signals;
    Status started;
    int interrupted = 0;
    {
      const Progress progress(fmt::format("starting pod '{}'", pod_));
      BootSignals watch(signals, pod_);
      started = runtime->StartPod(pod_);
      interrupted = watch.Finish();
    }
    if (started && interrupted != 0) {
      VIRTC_RETURN_IF_ERROR(runtime->StopPod(pod_, std::chrono::milliseconds(0)));
      return Outcome{.report = {}, .exit_status = 128 + interrupted};
    }
    auto status = runtime->PodStatus(pod_);
    if (!started) {
      std::vector<std::string> programs;
      if (status) {
        for (const auto& container : status->containers) {
          if (!container.args.empty()) programs.push_back(container.args.front());
        }
      }
      const int exit_status = ExitStatusOf(started.error(), programs);
      return tl::make_unexpected(Failure(std::move(started.error()), exit_status));
    }
    VIRTC_RETURN_IF_ERROR(status);
    return Outcome{Changed(*status)};
  }

 private:
  std::string pod_;
};

class PodStop : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("POD", pod_, "the pod to stop")
        .Text("-t,--time", "SECONDS", time_, "how long its containers may take to end after SIGTERM (5)");
  }

  Status Prepare(const CommandWords&) override {
    VC_ASSIGN_OR_RETURN(grace_, ParseSeconds("--time", time_));
    return {};
  }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    Status stopped;
    {
      const Progress progress(fmt::format("stopping pod '{}'", pod_));
      stopped = runtime->StopPod(pod_, grace_, Deadline::After(grace_ + std::chrono::seconds(60)));
    }
    VIRTC_RETURN_IF_ERROR(stopped);
    VIRTC_ASSIGN_OR_RETURN(const auto status, runtime->PodStatus(pod_));
    return Outcome{Changed(status)};
  }

 private:
  std::string pod_;
  std::string time_ = "5";
  std::chrono::milliseconds grace_{};
};

class PodDelete : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("POD", pod_, "the pod to delete").Flag("-f,--force", force_, "stop it first if it runs");
  }

  Status Prepare(const CommandWords&) override { return {}; }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    if (force_) {
      VIRTC_ASSIGN_OR_RETURN(const auto status, runtime->PodStatus(pod_));
      if (status.state == PodState::kRunning || status.state == PodState::kPaused) {
        const Progress progress(fmt::format("stopping pod '{}'", pod_));
        VIRTC_RETURN_IF_ERROR(runtime->StopPod(pod_));
      }
    }
    VIRTC_RETURN_IF_ERROR(runtime->DeletePod(pod_));
    return Outcome{Deleted(pod_)};
  }

 private:
  std::string pod_;
  bool force_ = false;
};

}  // namespace

std::unique_ptr<Command> MakePodStart() { return std::make_unique<PodStart>(); }
std::unique_ptr<Command> MakePodStop() { return std::make_unique<PodStop>(); }
std::unique_ptr<Command> MakePodDelete() { return std::make_unique<PodDelete>(); }

}  // namespace virtc
