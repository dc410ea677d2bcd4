// virtc container start, virtc container stop, virtc container delete

#include "base/errors.h"
#include "commands.h"
#include "container_command.h"
#include "exit_status.h"
#include "parse.h"

namespace virtc {

using virtcontainers::Deadline;
using virtcontainers::Runtime;
using virtcontainers::Status;

namespace {

class ContainerStart : public ContainerCommand {
 public:
  tl::expected<Outcome, Failure> RunOn(Runtime& runtime, Format) override {
    if (auto started = Target(runtime).Start(); !started) {
      const int exit_status = ExitStatusOf(started.error());
      return tl::make_unexpected(Failure(std::move(started.error()), exit_status));
    }
    return Answer(runtime);
  }
};

class ContainerStop : public ContainerCommand {
 public:
  void Declare(Options& options) override {
    ContainerCommand::Declare(options);
    options.Text(
        "-t,--time,--timeout", "SECONDS", time_,
        "how long it may take to end after SIGTERM, before SIGKILL (5); a command without a handler for "
        "SIGTERM is killed at once");
  }

  Status Prepare(const CommandWords&) override {
    VC_ASSIGN_OR_RETURN(grace_, ParseSeconds("--time", time_));
    return {};
  }

  tl::expected<Outcome, Failure> RunOn(Runtime& runtime, Format) override {
    VIRTC_RETURN_IF_ERROR(Target(runtime).Stop(grace_, Deadline::After(grace_ + std::chrono::seconds(60))));
    return Answer(runtime);
  }

 private:
  std::string time_ = "5";
  std::chrono::milliseconds grace_{};
};

class ContainerDelete : public ContainerCommand {
 public:
  tl::expected<Outcome, Failure> RunOn(Runtime& runtime, Format) override {
    VIRTC_RETURN_IF_ERROR(Target(runtime).Delete());
    return Outcome{Deleted(container_)};
  }
};

}  // namespace

std::unique_ptr<Command> MakeContainerStart() { return std::make_unique<ContainerStart>(); }
std::unique_ptr<Command> MakeContainerStop() { return std::make_unique<ContainerStop>(); }
std::unique_ptr<Command> MakeContainerDelete() { return std::make_unique<ContainerDelete>(); }

}  // namespace virtc
