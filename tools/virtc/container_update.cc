// virtc container update, virtc container cp

#include <filesystem>

#include "base/errors.h"
#include "commands.h"
#include "config_options.h"
#include "container_command.h"
#include "parse.h"
#include "resource_options.h"

namespace virtc {

using virtcontainers::Code;
using virtcontainers::Fail;
using virtcontainers::Runtime;
using virtcontainers::Status;

namespace {

class ContainerUpdate : public ContainerCommand {
 public:
  void Declare(Options& options) override {
    ContainerCommand::Declare(options);
    limits_.Declare(options, "-m,--memory");
  }

  Status Prepare(const CommandWords&) override {
    if (!limits_.given())
      return Fail(Code::kInvalidArgument, "nothing to change: give a limit, such as --memory 64M");
    return limits_.Apply(resources_);
  }

  tl::expected<Outcome, Failure> RunOn(Runtime& runtime, Format) override {
    VIRTC_RETURN_IF_ERROR(runtime.UpdateContainer(pod_, container_, resources_));
    return Answer(runtime);
  }

 private:
  ResourceOptions limits_;
  virtcontainers::ContainerResources resources_;
};

class ContainerCopy : public ContainerCommand {
 public:
  void Declare(Options& options) override {
    options.Argument("POD", pod_, "the container's pod; also POD/CONTAINER")
        .Argument("CONTAINER", container_, "the container")
        .Argument("SOURCE", source_, "a file of the host")
        .Argument("DESTINATION", destination_, "its path in the container; with a '/' at the end: the folder")
        .Text("--mode", "OCTAL", mode_, "its permissions, such as 0644 (the source's)")
        .Text("-u,--user", "UID[:GID]", user_, "its owner, in numbers (0:0)");
  }

  Status Prepare(const CommandWords&) override {
    source_ = AbsolutePath(source_);
    if (!destination_.starts_with('/'))
      return Fail(Code::kInvalidArgument,
                  "destination '" + destination_ + "' is not absolute: it is a path in the container");
    if (destination_.ends_with('/')) destination_ += std::filesystem::path(source_).filename().string();
    if (!mode_.empty()) {
      VC_ASSIGN_OR_RETURN(copy_.mode, ParseOctal("--mode", mode_, 07777));
    }
    if (!user_.empty()) {
      VC_ASSIGN_OR_RETURN(const auto user, ParseOwner("--user", user_));
      copy_.uid = user.uid;
      copy_.gid = user.gid;
    }
    return {};
  }

  tl::expected<Outcome, Failure> RunOn(Runtime& runtime, Format) override {
    VIRTC_RETURN_IF_ERROR(runtime.CopyFile(pod_, container_, source_, destination_, copy_));
    return Answer(runtime);
  }

 private:
  std::string source_, destination_, mode_, user_;
  virtcontainers::CopyOptions copy_;
};

}  // namespace

std::unique_ptr<Command> MakeContainerUpdate() { return std::make_unique<ContainerUpdate>(); }
std::unique_ptr<Command> MakeContainerCopy() { return std::make_unique<ContainerCopy>(); }

}  // namespace virtc
