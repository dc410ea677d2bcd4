// virtc pod enter, virtc container enter, virtc exec

#include <algorithm>
#include <fmt/format.h>

#include "base/errors.h"
#include "commands.h"
#include "config_options.h"
#include "container_command.h"
#include "exit_status.h"
#include "pod_end.h"
#include "relay.h"
#include "terminal.h"

namespace virtc {

using virtcontainers::Code;
using virtcontainers::Error;
using virtcontainers::Fail;
using virtcontainers::ProcessConfig;
using virtcontainers::Result;
using virtcontainers::Runtime;
using virtcontainers::Status;

namespace {

// What is entered, and how the command line names it.
enum class Target {
  kPod,            // POD: the guest's own root
  kContainer,      // POD CONTAINER
  kPodsContainer,  // POD where the pod has one container, or POD/CONTAINER
};

class Enter : public Command {
 public:
  explicit Enter(Target target) : target_(target) {}

  void Declare(Options& options) override {
    switch (target_) {
      case Target::kPod:
        options.Argument("POD", pod_, "the pod to enter");
        break;
      case Target::kContainer:
        options.Argument("POD", pod_, "the container's pod; also POD/CONTAINER")
            .Argument("CONTAINER", container_, "the container to enter");
        break;
      case Target::kPodsContainer:
        options.Argument("POD[/CONTAINER]", pod_,
                         "the container to enter; of a pod with one container, the pod");
        break;
    }
    process_.DeclareStreams(options);
    options.Flag(
        "-d,--detach", detach_,
        "print the process's id and leave it running; it waits while 256 KiB of its output are unread");
    process_.Declare(options,
                     in_container() ? ProcessOptions::Defaults::kContainer : ProcessOptions::Defaults::kNone);
  }

  Status Prepare(const CommandWords& words) override {
    words_ = *words;
    if (target_ == Target::kPodsContainer) {
      const size_t slash = pod_.find('/');
      if (slash != std::string::npos) {
        container_ = pod_.substr(slash + 1);
        pod_.resize(slash);
        if (container_.empty())
          return Fail(Code::kInvalidArgument, fmt::format("'{}/' names no container", pod_));
      }
    }
    if (detach_ && (process_.interactive || process_.terminal)) {
      return Fail(Code::kInvalidArgument,
                  "--detach excludes --interactive and --tty: virtc ends before the command does");
    }
    ProcessConfig scratch;
    return Configure(scratch);
  }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    ProcessConfig config;
    if (in_container()) {
      VIRTC_ASSIGN_OR_RETURN(container_, ContainerOf(*runtime, pod_, container_));
      VIRTC_ASSIGN_OR_RETURN(config, ContainersProcess(*runtime));
    }
    VIRTC_RETURN_IF_ERROR(Configure(config));
    // Created before the process, so that an early signal still reaches it.
    SignalPipe signals;
    auto process =
        in_container() ? runtime->EnterContainer(pod_, container_, config) : runtime->EnterPod(pod_, config);
    if (!process) return tl::make_unexpected(Explained(std::move(process.error())));
    if (detach_) {
      VIRTC_RETURN_IF_ERROR((*process)->CloseStdin());
      return Outcome{{.json = {{"process", (*process)->id()}}, .text = {(*process)->id()}}};
    }
    const RelayOptions relay{.input = process_.interactive, .terminal = config.terminal};
    auto exit = RelayStreams(**process, relay, signals);
    if (!exit) return tl::make_unexpected(Failure(WithPodEnd(*runtime, pod_, std::move(exit.error()))));
    return Outcome{.report = {}, .exit_status = exit->code};
  }

 private:
  bool in_container() const { return target_ != Target::kPod; }

  // What a process in the container has unless the command line says otherwise: the environment, the working
  // directory, the user and no_new_privs of the container's first process.
  Result<ProcessConfig> ContainersProcess(Runtime& runtime) const {
    ProcessConfig config;
    VC_ASSIGN_OR_RETURN(const auto pod, runtime.FetchPod(pod_));
    const auto found = std::find_if(pod.containers.begin(), pod.containers.end(),
                                    [this](const auto& container) { return container.id == container_; });
    if (found == pod.containers.end()) return config;  // EnterContainer says so
    config.env = found->process.env;
    config.cwd = found->process.cwd;
    config.user = found->process.user;
    config.no_new_privileges = found->process.no_new_privileges;
    return config;
  }

  Status Configure(ProcessConfig& config) const {
    config.args = words_;
    VC_RETURN_IF_ERROR(process_.Apply(config));
    return PrepareTerminal(config, process_.interactive);
  }

  Failure Explained(Error error) const {
    const int status = ExitStatusOf(error);
    if (status == kExitFailed) return Failure(std::move(error));
    if (target_ == Target::kPodsContainer && words_.front() == container_ && words_.size() > 1) {
      error = WithHint(error, fmt::format("to name the container, write '{}/{}'", pod_, container_));
    }
    return Failure(std::move(error), status);
  }

  const Target target_;
  std::string pod_, container_;
  bool detach_ = false;
  ProcessOptions process_;
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Command> MakePodEnter() { return std::make_unique<Enter>(Target::kPod); }
std::unique_ptr<Command> MakeContainerEnter() { return std::make_unique<Enter>(Target::kContainer); }
std::unique_ptr<Command> MakeExec() { return std::make_unique<Enter>(Target::kPodsContainer); }

}  // namespace virtc
