// virtc pod enter, virtc container enter

#include "base/errors.h"
#include "commands.h"
#include "config_options.h"
#include "exit_status.h"
#include "pod_end.h"
#include "relay.h"
#include "terminal.h"

namespace virtc {

using virtcontainers::ContainerState;
using virtcontainers::Error;
using virtcontainers::PodState;
using virtcontainers::Runtime;
using virtcontainers::Status;

namespace {

// With a container or, when it is asked for none, in the guest's own root.
class Enter : public Command {
 public:
  explicit Enter(bool in_container) : in_container_(in_container) {}

  void Declare(Options& options) override {
    options.Argument("POD", pod_, "the pod to enter");
    if (in_container_) options.Argument("CONTAINER", container_, "the container to enter");
    process_.DeclareStreams(options);
    options.Flag("-d,--detach", detach_,
                 "print its name and leave it running; it waits when 256 KiB of output are unread");
    process_.Declare(options);
  }

  Status Prepare(const CommandWords& words) override {
    config_.args = *words;
    VC_RETURN_IF_ERROR(process_.Apply(config_));
    if (detach_ && (process_.interactive || process_.terminal)) {
      return virtcontainers::Fail(
          virtcontainers::Code::kInvalidArgument,
          "--detach goes neither with --interactive nor with --tty: nobody would be there");
    }
    return PrepareTerminal(config_, process_.interactive);
  }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    // From here on, so that a signal which comes early still reaches the process.
    SignalPipe signals;
    auto process =
        in_container_ ? runtime->EnterContainer(pod_, container_, config_) : runtime->EnterPod(pod_, config_);
    if (!process) {
      const int status = StatusFor(*runtime, process.error());
      return tl::make_unexpected(Failure(std::move(process.error()), status));
    }
    if (detach_) {
      VIRTC_RETURN_IF_ERROR((*process)->CloseStdin());
      return Outcome{{.json = {{"process", (*process)->id()}}, .text = {(*process)->id()}}};
    }
    const RelayOptions relay{.input = process_.interactive, .terminal = config_.terminal};
    auto exit = RelayStreams(**process, relay, signals);
    if (!exit) return tl::make_unexpected(Failure(WithPodEnd(*runtime, pod_, std::move(exit.error()))));
    return Outcome{.report = {}, .exit_status = exit->code};
  }

 private:
  // What is not there may also be the pod or the container, of whatever name: if they run, it was the
  // command.
  int StatusFor(Runtime& runtime, const Error& error) const {
    const int status = ExitStatusOf(error, {config_.args.front()});
    if (status == kExitFailed) return status;
    if (in_container_) {
      const auto container = runtime.ContainerStatus(pod_, container_);
      return container && container->state == ContainerState::kRunning ? status : kExitFailed;
    }
    const auto pod = runtime.PodStatus(pod_);
    return pod && pod->state == PodState::kRunning ? status : kExitFailed;
  }

  const bool in_container_;
  std::string pod_, container_;
  bool detach_ = false;
  ProcessOptions process_;
  virtcontainers::ProcessConfig config_;
};

}  // namespace

std::unique_ptr<Command> MakePodEnter() { return std::make_unique<Enter>(false); }
std::unique_ptr<Command> MakeContainerEnter() { return std::make_unique<Enter>(true); }

}  // namespace virtc
