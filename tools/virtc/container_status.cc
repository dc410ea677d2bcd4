// virtc container list, virtc container status

#include "base/errors.h"
#include "commands.h"
#include "config_options.h"
#include "container_command.h"
#include "status_report.h"

namespace virtc {

using virtcontainers::ContainerState;
using virtcontainers::Runtime;
using virtcontainers::Status;

namespace {

class ContainerList : public Command {
 public:
  void Declare(Options& options) override {
    options.OptionalArgument("POD", pod_, "the pod whose containers are listed (all pods)");
    list_.Declare(options);
  }

  Status Prepare(const CommandWords&) override { return list_.Check(); }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    if (!pod_.empty()) {
      VIRTC_ASSIGN_OR_RETURN(auto pod, runtime->PodStatus(pod_));
      Select(pod);
      return Outcome{ContainerListReport(pod, list_.quiet)};
    }
    VIRTC_ASSIGN_OR_RETURN(auto pods, runtime->ListPod());
    for (auto& pod : pods) Select(pod);
    return Outcome{ContainerListReport(pods, list_.quiet)};
  }

 private:
  // Removes the containers that were not asked for.
  void Select(virtcontainers::PodStatus& pod) const {
    if (!list_.running) return;
    std::erase_if(pod.containers,
                  [](const auto& container) { return container.state != ContainerState::kRunning; });
  }

  std::string pod_;
  ListOptions list_;
};

class ContainerStatusCommand : public ContainerCommand {
 public:
  tl::expected<Outcome, Failure> RunOn(Runtime& runtime, Format) override {
    VIRTC_ASSIGN_OR_RETURN(const auto status, Target(runtime).GetStatus());
    return Outcome{ContainerReport(status)};
  }
};

}  // namespace

std::unique_ptr<Command> MakeContainerList() { return std::make_unique<ContainerList>(); }
std::unique_ptr<Command> MakeContainerStatus() { return std::make_unique<ContainerStatusCommand>(); }

}  // namespace virtc
