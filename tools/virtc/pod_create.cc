// virtc pod create, virtc pod run

#include <chrono>
#include <fmt/format.h>

#include "base/errors.h"
#include "boot_signals.h"
#include "commands.h"
#include "config_options.h"
#include "exit_status.h"
#include "progress.h"
#include "status_report.h"

namespace virtc {

using virtcontainers::Runtime;
using virtcontainers::Status;

namespace {

class PodCreate : public Command {
 public:
  explicit PodCreate(bool start) : start_(start) {}

  void Declare(Options& options) override {
    options.OptionalArgument("NAME", id_, "the pod's id: letters, digits, '_', '.' and '-'", "--name")
        .Text("--name,--id", "NAME", pod_.id, "the pod's id, in place of the argument")
        .Group("The container")
        .Text("--container", "ID", container_.id, fmt::format("the container's id ({})", kDefaultContainer));
    container_.Declare(options);
    container_.DeclareOutput(options);
    pod_.Declare(options);
  }

  Status Prepare(const CommandWords& words) override {
    words_ = words;
    VC_ASSIGN_OR_RETURN(pod_.id, OneId(id_, pod_.id));
    VC_ASSIGN_OR_RETURN(config_, pod_.Config());
    if (container_.given(words)) VC_RETURN_IF_ERROR(container_.Check(words));
    return {};
  }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    if (container_.given(words_)) {
      VIRTC_ASSIGN_OR_RETURN(auto container, container_.Config(words_));
      config_.containers.push_back(std::move(container));
    }
    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    if (start_) return Start(*runtime);
    VIRTC_RETURN_IF_ERROR(runtime->CreatePod(config_));
    return Answer(*runtime);
  }

 private:
  tl::expected<Outcome, Failure> Start(Runtime& runtime) const {
    SignalPipe signals;
    Status started;
    int interrupted = 0;
    {
      const Progress progress(fmt::format("starting pod '{}'", config_.id));
      BootSignals watch(signals, config_.id);
      started = runtime.RunPod(config_, watch.deadline());
      interrupted = watch.Finish();
    }
    if (!started && started.error().code() == virtcontainers::Code::kCancelled) {
      return Outcome{.report = {}, .exit_status = 128 + interrupted};
    }
    if (!started) {
      const int status = ExitStatusOf(started.error());
      return tl::make_unexpected(Failure(std::move(started.error()), status));
    }
    if (interrupted != 0) {
      // What this command made is not left for somebody to find.
      VIRTC_RETURN_IF_ERROR(runtime.StopPod(config_.id, std::chrono::milliseconds(0)));
      VIRTC_RETURN_IF_ERROR(runtime.DeletePod(config_.id));
      return Outcome{.report = {}, .exit_status = 128 + interrupted};
    }
    return Answer(runtime);
  }

  tl::expected<Outcome, Failure> Answer(Runtime& runtime) const {
    VIRTC_ASSIGN_OR_RETURN(const auto status, runtime.PodStatus(config_.id));
    return Outcome{Changed(status)};
  }

  const bool start_;
  std::string id_;
  PodOptions pod_;
  ContainerOptions container_;
  CommandWords words_;
  virtcontainers::PodConfig config_;
};

}  // namespace

std::unique_ptr<Command> MakePodCreate() { return std::make_unique<PodCreate>(false); }
std::unique_ptr<Command> MakePodRun() { return std::make_unique<PodCreate>(true); }

}  // namespace virtc
