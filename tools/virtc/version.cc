// virtc version

#include <fmt/format.h>

#include "commands.h"

namespace virtc {

namespace {

class Version : public Command {
 public:
  void Declare(Options&) override {}
  virtcontainers::Status Prepare(const CommandWords&) override { return {}; }
  tl::expected<Outcome, Failure> Run(Session&) override {
    return Outcome{Report{{{"version", VIRTC_VERSION}}, {fmt::format("virtc {}", VIRTC_VERSION)}}};
  }
};

}  // namespace

std::unique_ptr<Command> MakeVersion() { return std::make_unique<Version>(); }

}  // namespace virtc
