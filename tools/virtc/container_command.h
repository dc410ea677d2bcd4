// What all commands about one container have.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_CONTAINER_COMMAND_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_CONTAINER_COMMAND_H_

#include <string>

#include "command.h"
#include "status_report.h"

namespace virtc {

class ContainerCommand : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("POD", pod_, "the container's pod").Argument("CONTAINER", container_, "the container");
  }

  virtcontainers::Status Prepare(const CommandWords&) override { return {}; }

 protected:
  // What a command that changed the container says.
  tl::expected<Outcome, Failure> Answer(virtcontainers::Runtime& runtime) const {
    VIRTC_ASSIGN_OR_RETURN(const auto status, runtime.ContainerStatus(pod_, container_));
    return Outcome{Changed(status)};
  }

  std::string pod_, container_;
};

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_CONTAINER_COMMAND_H_
