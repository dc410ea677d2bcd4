// virtc container list, virtc container status

#include "base/errors.h"
#include "commands.h"
#include "status_report.h"

namespace virtc {

using virtcontainers::Runtime;
using virtcontainers::Status;

namespace {

class ContainerList : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("POD", pod_, "the pod").Flag("-q,--quiet", quiet_, "only their ids");
  }

  Status Prepare(const CommandWords&) override { return {}; }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    VIRTC_ASSIGN_OR_RETURN(const auto status, runtime->PodStatus(pod_));
    return Outcome{ContainerListReport(status.containers, quiet_)};
  }

 private:
  std::string pod_;
  bool quiet_ = false;
};

class ContainerStatusCommand : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("POD", pod_, "the container's pod").Argument("CONTAINER", container_, "the container");
  }

  Status Prepare(const CommandWords&) override { return {}; }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    VIRTC_ASSIGN_OR_RETURN(const auto status, runtime->ContainerStatus(pod_, container_));
    return Outcome{ContainerReport(status)};
  }

 private:
  std::string pod_, container_;
};

}  // namespace

std::unique_ptr<Command> MakeContainerList() { return std::make_unique<ContainerList>(); }
std::unique_ptr<Command> MakeContainerStatus() { return std::make_unique<ContainerStatusCommand>(); }

}  // namespace virtc
