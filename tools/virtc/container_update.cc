// virtc container update

#include "base/errors.h"
#include "commands.h"
#include "config_options.h"
#include "container_command.h"
#include "resource_options.h"

namespace virtc {

using virtcontainers::Code;
using virtcontainers::Fail;
using virtcontainers::Runtime;
using virtcontainers::Status;

namespace {

class ContainerUpdate : public ContainerCommand {
 public:
  void Declare(Options& options) override {
    ContainerCommand::Declare(options);
    limits_.Declare(options, "-m,--memory");
  }

  Status Prepare(const CommandWords&) override {
    if (!limits_.given())
      return Fail(Code::kInvalidArgument, "nothing to change: give a limit, such as --memory 64M");
    return limits_.Apply(resources_);
  }

  tl::expected<Outcome, Failure> RunOn(Runtime& runtime, Format) override {
    VIRTC_RETURN_IF_ERROR(Target(runtime).Update(resources_));
    return Answer(runtime);
  }

 private:
  ResourceOptions limits_;
  virtcontainers::ContainerResources resources_;
};

}  // namespace

std::unique_ptr<Command> MakeContainerUpdate() { return std::make_unique<ContainerUpdate>(); }

}  // namespace virtc
