// What commands about one or several pods have.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_PODS_COMMAND_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_PODS_COMMAND_H_

#include <string>
#include <vector>

#include "command.h"

namespace virtc {

// Does the same to one pod after the other. Of several pods, one that fails is reported at once, and the
// others are seen to all the same; programs then read a list of what single pods answer.
class PodsCommand : public Command {
 public:
  virtcontainers::Status Prepare(const CommandWords&) override { return {}; }
  tl::expected<Outcome, Failure> Run(Session& session) final;

 protected:
  // An exit status other than 0 ends the command.
  virtual tl::expected<Outcome, Failure> RunOn(virtcontainers::Runtime& runtime, const std::string& pod) = 0;

  std::vector<std::string> pods_;
};

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_PODS_COMMAND_H_
