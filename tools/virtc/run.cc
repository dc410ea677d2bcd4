// virtc run: one pod, one container, one command.

#include <unistd.h>

#include <fmt/format.h>
#include <random>

#include "base/errors.h"
#include "boot_signals.h"
#include "commands.h"
#include "config_options.h"
#include "exit_status.h"
#include "pod_end.h"
#include "progress.h"
#include "relay.h"
#include "status_report.h"
#include "terminal.h"

namespace virtc {

using virtcontainers::Code;
using virtcontainers::ContainerOutput;
using virtcontainers::Error;
using virtcontainers::ExitStatus;
using virtcontainers::Fail;
using virtcontainers::Result;
using virtcontainers::Runtime;
using virtcontainers::Status;

namespace {

std::string NewId() {
  std::random_device random;
  return fmt::format("run-{:08x}", random());
}

class RunCommand : public Command {
 public:
  void Declare(Options& options) override {
    options.Flag("--rm", remove_, "delete the pod when the command has ended")
        .Flag("-d,--detach", detach_,
              "print the pod's id and leave it running; 'virtc logs' shows its output")
        .Text("--name,--id", "NAME", pod_.id, "the pod's id (generated)")
        .Group("The container")
        .Text("--container", "ID", container_.id, fmt::format("the container's id ({})", kDefaultContainer));
    container_.Declare(options);
    container_.process.DeclareStreams(options);
    pod_.Declare(options);
  }

  Status Prepare(const CommandWords& words) override {
    words_ = words;
    if (pod_.id.empty()) pod_.id = NewId();
    VC_ASSIGN_OR_RETURN(config_, pod_.Config());
    VC_RETURN_IF_ERROR(container_.Check(words));
    VC_RETURN_IF_ERROR(CheckDetached());
    virtcontainers::ProcessConfig scratch;
    scratch.terminal = container_.process.terminal;
    return PrepareTerminal(scratch, container_.process.interactive);
  }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    VIRTC_ASSIGN_OR_RETURN(auto container, container_.Config(words_));
    container.output = detach_ ? ContainerOutput::kLog : ContainerOutput::kAttach;
    VIRTC_RETURN_IF_ERROR(PrepareTerminal(container.process, container_.process.interactive));
    const std::string id = container.id;
    const bool terminal = container.process.terminal;
    config_.containers.push_back(std::move(container));

    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    SignalPipe signals;
    Status started;
    int interrupted = 0;
    {
      const Progress progress(fmt::format("starting pod '{}'", config_.id));
      BootSignals watch(signals, config_.id);
      // A start that fails leaves nothing to keep, with --rm or without.
      started = runtime->RunPod(config_, watch.deadline());
      interrupted = watch.Finish();
    }
    if (!started && started.error().code() == virtcontainers::Code::kCancelled) {
      return Outcome{.report = {}, .exit_status = 128 + interrupted};
    }
    if (!started) {
      const int status = ExitStatusOf(started.error());
      return tl::make_unexpected(Failure(std::move(started.error()), status));
    }

    if (detach_ && interrupted == 0) {
      VIRTC_ASSIGN_OR_RETURN(const auto status, runtime->PodStatus(config_.id));
      return Outcome{Changed(status)};
    }

    Result<ExitStatus> exit = ExitStatus{128 + interrupted};
    if (interrupted == 0) exit = Attend(*runtime, id, terminal, signals);
    if (!exit) exit = tl::make_unexpected(WithPodEnd(*runtime, config_.id, std::move(exit.error())));
    CleanUp(*runtime, interrupted != 0);
    VIRTC_RETURN_IF_ERROR(exit);
    return Outcome{.report = {}, .exit_status = exit->code};
  }

 private:
  Status CheckDetached() const {
    if (!detach_) return {};
    if (container_.process.interactive || container_.process.terminal) {
      return Fail(Code::kInvalidArgument,
                  "--detach excludes --interactive and --tty: virtc ends before the command does");
    }
    if (remove_) {
      return Fail(Code::kInvalidArgument,
                  "--detach excludes --rm: virtc ends before the pod does; 'virtc rm --force' does that");
    }
    return {};
  }

  Result<ExitStatus> Attend(Runtime& runtime, const std::string& container, bool terminal,
                            SignalPipe& signals) const {
    auto process = runtime.AttachContainer(config_.id, container);
    if (!process) return tl::make_unexpected(std::move(process.error()));
    return RelayStreams(**process, {.input = container_.process.interactive, .terminal = terminal}, signals);
  }

  // The command's outcome is known: what goes wrong now is said, and does not replace it.
  void CleanUp(Runtime& runtime, bool at_once) const {
    const auto grace = at_once ? std::chrono::milliseconds(0) : std::chrono::milliseconds(1000);
    Status done = runtime.StopPod(config_.id, grace);
    if (done && remove_) done = runtime.DeletePod(config_.id);
    if (!done) (void)WriteAll(STDERR_FILENO, RenderError(done.error(), Format::kTable));
  }

  PodOptions pod_;
  ContainerOptions container_;
  bool remove_ = false, detach_ = false;
  CommandWords words_;
  virtcontainers::PodConfig config_;
};

}  // namespace

std::unique_ptr<Command> MakeRun() { return std::make_unique<RunCommand>(); }

}  // namespace virtc
