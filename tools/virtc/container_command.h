// What all commands about one container have.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_CONTAINER_COMMAND_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_CONTAINER_COMMAND_H_

#include <string>

#include "command.h"
#include "status_report.h"

namespace virtc {

// Declares the arguments POD and, optionally, CONTAINER.
void DeclareContainer(Options& options, std::string& pod, std::string& container);

// `container` if it is not empty, or else the only container of the pod. Fails if the pod has none or
// several, and names them.
virtcontainers::Result<std::string> ContainerOf(virtcontainers::Runtime& runtime, const std::string& pod,
                                                const std::string& container);

// Takes POD and CONTAINER, or POD/CONTAINER, or POD alone where the pod has one container.
class ContainerCommand : public Command {
 public:
  void Declare(Options& options) override { DeclareContainer(options, pod_, container_); }

  virtcontainers::Status Prepare(const CommandWords&) override { return {}; }

  tl::expected<Outcome, Failure> Run(Session& session) final {
    VIRTC_ASSIGN_OR_RETURN(virtcontainers::Runtime* const runtime, session.runtime());
    VIRTC_ASSIGN_OR_RETURN(container_, ContainerOf(*runtime, pod_, container_));
    return RunOn(*runtime, session.format());
  }

 protected:
  // The command itself; `container_` is known.
  virtual tl::expected<Outcome, Failure> RunOn(virtcontainers::Runtime& runtime, Format format) = 0;

  // The container that the command is about.
  virtcontainers::Container Target(virtcontainers::Runtime& runtime) const {
    return runtime.pod(pod_).container(container_);
  }

  // What a command that changed the container says.
  tl::expected<Outcome, Failure> Answer(virtcontainers::Runtime& runtime) const {
    VIRTC_ASSIGN_OR_RETURN(const auto status, Target(runtime).GetStatus());
    return Outcome{Changed(status)};
  }

  std::string pod_, container_;
};

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_CONTAINER_COMMAND_H_
