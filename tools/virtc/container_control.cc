// virtc container wait, kill, pause, resume; virtc pod pause, resume

#include <fmt/format.h>

#include "base/errors.h"
#include "commands.h"
#include "container_command.h"
#include "signal_names.h"

namespace virtc {

using virtcontainers::Json;
using virtcontainers::Runtime;
using virtcontainers::Status;

namespace {

class ContainerWait : public ContainerCommand {
 public:
  tl::expected<Outcome, Failure> RunOn(Runtime& runtime, Format) override {
    VIRTC_ASSIGN_OR_RETURN(const auto exit, Target(runtime).Wait());
    return Outcome{
        Report{Json{{"id", container_}, {"exit_code", exit.code}}, {fmt::format("{}", exit.code)}}};
  }
};

class ContainerKill : public ContainerCommand {
 public:
  void Declare(Options& options) override {
    ContainerCommand::Declare(options);
    options.Text("-s,--signal", "SIGNAL", name_,
                 "its name or number (TERM; KILL is sent instead to a command that has no handler for it)");
  }

  Status Prepare(const CommandWords&) override {
    VC_ASSIGN_OR_RETURN(signal_, ParseSignal("--signal", name_));
    return {};
  }

  tl::expected<Outcome, Failure> RunOn(Runtime& runtime, Format) override {
    VIRTC_RETURN_IF_ERROR(Target(runtime).Kill(signal_));
    return Answer(runtime);
  }

 private:
  std::string name_ = "TERM";
  int signal_ = 0;
};

class ContainerPause : public ContainerCommand {
 public:
  explicit ContainerPause(bool pause) : pause_(pause) {}

  tl::expected<Outcome, Failure> RunOn(Runtime& runtime, Format) override {
    VIRTC_RETURN_IF_ERROR(pause_ ? Target(runtime).Pause() : Target(runtime).Resume());
    return Answer(runtime);
  }

 private:
  const bool pause_;
};

class PodPause : public Command {
 public:
  explicit PodPause(bool pause) : pause_(pause) {}

  void Declare(Options& options) override { options.Argument("POD", pod_, "the pod"); }

  Status Prepare(const CommandWords&) override { return {}; }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    VIRTC_RETURN_IF_ERROR(pause_ ? runtime->PausePod(pod_) : runtime->ResumePod(pod_));
    VIRTC_ASSIGN_OR_RETURN(const auto status, runtime->PodStatus(pod_));
    return Outcome{Changed(status)};
  }

 private:
  const bool pause_;
  std::string pod_;
};

}  // namespace

std::unique_ptr<Command> MakeContainerWait() { return std::make_unique<ContainerWait>(); }
std::unique_ptr<Command> MakeContainerKill() { return std::make_unique<ContainerKill>(); }
std::unique_ptr<Command> MakeContainerPause() { return std::make_unique<ContainerPause>(true); }
std::unique_ptr<Command> MakeContainerResume() { return std::make_unique<ContainerPause>(false); }
std::unique_ptr<Command> MakePodPause() { return std::make_unique<PodPause>(true); }
std::unique_ptr<Command> MakePodResume() { return std::make_unique<PodPause>(false); }

}  // namespace virtc
