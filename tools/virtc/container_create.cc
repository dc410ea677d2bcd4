// virtc container create

#include "base/errors.h"
#include "commands.h"
#include "config_options.h"
#include "exit_status.h"
#include "parse.h"
#include "status_report.h"

namespace virtc {

using virtcontainers::Runtime;
using virtcontainers::Status;

namespace {

class ContainerCreate : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("POD", pod_, "the pod it is added to")
        .Argument("NAME", container_.id, "its id: letters, digits, '_', '.' and '-'");
    container_.Declare(options);
    container_.DeclareOutput(options);
    options.Group("The container")
        .Text("--hostname", "NAME", hostname_, "its host name (the pod's)")
        .List("-l,--annotation,--label", "NAME=VALUE", annotations_, "a note kept with it; any number");
  }

  Status Prepare(const CommandWords& words) override {
    words_ = words;
    for (const std::string& annotation : annotations_)
      VC_RETURN_IF_ERROR(ParsePair("--annotation", annotation));
    return container_.Check(words);
  }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    VIRTC_ASSIGN_OR_RETURN(auto config, container_.Config(words_));
    if (!hostname_.empty()) config.hostname = hostname_;
    for (const std::string& annotation : annotations_) {
      VIRTC_ASSIGN_OR_RETURN(auto pair, ParsePair("--annotation", annotation));
      config.annotations.insert_or_assign(std::move(pair.first), std::move(pair.second));
    }
    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    if (auto created = runtime->CreateContainer(pod_, config); !created) {
      const int status = ExitStatusOf(created.error());
      return tl::make_unexpected(Failure(std::move(created.error()), status));
    }
    VIRTC_ASSIGN_OR_RETURN(const auto status, runtime->ContainerStatus(pod_, config.id));
    return Outcome{Changed(status)};
  }

 private:
  std::string pod_;
  ContainerOptions container_;
  std::string hostname_;
  std::vector<std::string> annotations_;
  CommandWords words_;
};

}  // namespace

std::unique_ptr<Command> MakeContainerCreate() { return std::make_unique<ContainerCreate>(); }

}  // namespace virtc
