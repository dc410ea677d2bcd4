// virtc pod create, virtc pod run

#include <fmt/format.h>

#include "base/errors.h"
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
    options.OptionalArgument("POD", id_, "the pod's id: letters, digits, '_', '.' and '-'")
        .Text("--id", "POD", pod_.id, "the same as an option")
        .Group("The container")
        .Text("--container", "ID", container_.id, fmt::format("its id ({})", kDefaultContainer));
    container_.Declare(options);
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
    VIRTC_RETURN_IF_ERROR(runtime->CreatePod(config_));
    if (start_) {
      Status started;
      {
        const Progress progress(fmt::format("starting pod '{}'", config_.id));
        started = runtime->StartPod(config_.id);
      }
      if (!started) {
        // What this command made and could not run is not left for somebody to find.
        (void)runtime->DeletePod(config_.id);
        std::vector<std::string> programs;
        for (const auto& container : config_.containers) {
          if (!container.process.args.empty()) programs.push_back(container.process.args.front());
        }
        const int status = ExitStatusOf(started.error(), programs);
        return tl::make_unexpected(Failure(std::move(started.error()), status));
      }
    }
    VIRTC_ASSIGN_OR_RETURN(const auto status, runtime->PodStatus(config_.id));
    return Outcome{Changed(status)};
  }

 private:
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
