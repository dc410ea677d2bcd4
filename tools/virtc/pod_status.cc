// virtc pod list, virtc pod status

#include "base/errors.h"
#include "commands.h"
#include "config_options.h"
#include "status_report.h"

namespace virtc {

using virtcontainers::PodFilter;
using virtcontainers::Runtime;
using virtcontainers::Status;

namespace {

class PodList : public Command {
 public:
  void Declare(Options& options) override { list_.Declare(options); }

  Status Prepare(const CommandWords&) override { return list_.Check(); }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    VIRTC_ASSIGN_OR_RETURN(const auto pods,
                           runtime->ListPod(list_.running ? PodFilter::kRunning : PodFilter::kAll));
    return Outcome{PodListReport(pods, list_.quiet)};
  }

 private:
  ListOptions list_;
};

class PodStatusCommand : public Command {
 public:
  void Declare(Options& options) override { options.Argument("POD", pod_, "the pod"); }

  Status Prepare(const CommandWords&) override { return {}; }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    VIRTC_ASSIGN_OR_RETURN(const auto status, runtime->PodStatus(pod_));
    return Outcome{PodReport(status)};
  }

 private:
  std::string pod_;
};

}  // namespace

std::unique_ptr<Command> MakePodList() { return std::make_unique<PodList>(); }
std::unique_ptr<Command> MakePodStatus() { return std::make_unique<PodStatusCommand>(); }

}  // namespace virtc
