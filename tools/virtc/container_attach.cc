// virtc container attach

#include <unistd.h>

#include <algorithm>
#include <fmt/format.h>

#include "base/errors.h"
#include "commands.h"
#include "container_command.h"
#include "pod_end.h"
#include "relay.h"
#include "terminal.h"

namespace virtc {

using virtcontainers::Code;
using virtcontainers::ContainerConfig;
using virtcontainers::ContainerOutput;
using virtcontainers::Error;
using virtcontainers::Fail;
using virtcontainers::Result;
using virtcontainers::Runtime;

namespace {

class ContainerAttach : public ContainerCommand {
 public:
  void Declare(Options& options) override {
    ContainerCommand::Declare(options);
    options.Flag("-i,--interactive", interactive_,
                 "connect virtc's standard input to the container's; otherwise its input is left as it is");
  }

  tl::expected<Outcome, Failure> RunOn(Runtime& runtime, Format) override {
    VIRTC_ASSIGN_OR_RETURN(const ContainerConfig container, Configuration(runtime));
    const bool terminal = container.process.terminal;
    if (terminal && interactive_ && ::isatty(STDIN_FILENO) != 1) {
      return tl::make_unexpected(Failure(Error(
          Code::kInvalidArgument,
          fmt::format("container '{}' has a terminal, and the input is none: run this in a terminal, or "
                      "leave out --interactive",
                      container_))));
    }
    // Created before the process is found, so that an early signal still reaches it.
    SignalPipe signals;
    VIRTC_ASSIGN_OR_RETURN(const auto process, Target(runtime).Attach());
    // The terminal has had the size of another one until now. A process that has ended has none.
    const auto size = GetTerminalSize();
    if (terminal && size) (void)process->Resize(size->rows, size->columns);
    auto exit = RelayStreams(
        *process, {.input = interactive_, .keep_input = !interactive_, .terminal = terminal}, signals);
    if (!exit) return tl::make_unexpected(Failure(WithPodEnd(runtime, pod_, std::move(exit.error()))));
    return Outcome{.report = {}, .exit_status = exit->code};
  }

 private:
  Result<ContainerConfig> Configuration(Runtime& runtime) const {
    VC_ASSIGN_OR_RETURN(auto pod, runtime.FetchPod(pod_));
    const auto found = std::find_if(pod.containers.begin(), pod.containers.end(),
                                    [this](const auto& container) { return container.id == container_; });
    if (found == pod.containers.end()) {
      return Fail(Code::kNotFound, fmt::format("no container '{}' in pod '{}'", container_, pod_));
    }
    if (found->output == ContainerOutput::kLog) {
      return Fail(
          Code::kFailedPrecondition,
          fmt::format("the output of container '{}' goes to its log: read it by 'virtc logs -f {} {}', or "
                      "create the container with --output attach",
                      container_, pod_, container_));
    }
    return std::move(*found);
  }

  bool interactive_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeContainerAttach() { return std::make_unique<ContainerAttach>(); }

}  // namespace virtc
