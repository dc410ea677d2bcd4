// virtc container cp

#include <algorithm>
#include <filesystem>
#include <fmt/core.h>
#include <optional>
#include <string>

#include "base/errors.h"
#include "commands.h"
#include "config_options.h"
#include "container_command.h"
#include "parse.h"

namespace virtc {

using virtcontainers::Code;
using virtcontainers::CopyReport;
using virtcontainers::Fail;
using virtcontainers::Quoted;
using virtcontainers::Result;
using virtcontainers::Runtime;
using virtcontainers::Status;

namespace {

// POD/CONTAINER:PATH, or POD:PATH where the pod has one container.
struct InContainer {
  std::string pod, container, path;
};

// Nothing for a path of the host, such as './a:b'.
std::optional<InContainer> ParseInContainer(const std::string& text) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos || colon == 0 || text[0] == '.' || text[0] == '/') return {};
  InContainer place{.pod = text.substr(0, colon), .container = "", .path = text.substr(colon + 1)};
  const size_t slash = place.pod.find('/');
  if (slash != std::string::npos) {
    place.container = place.pod.substr(slash + 1);
    place.pod.resize(slash);
    if (place.container.empty() || place.container.find('/') != std::string::npos) return {};
  }
  return place;
}

class ContainerCopy : public Command {
 public:
  void Declare(Options& options) override {
    options
        .Argument(
            "SOURCE", source_,
            "a file or directory: a path of the host, or POD/CONTAINER:PATH; POD:PATH where the pod has one "
            "container")
        .Argument(
            "DESTINATION", destination_,
            "where the copy is to be, likewise; with a '/' at the end: the directory that it is to be in")
        .Text("--mode", "OCTAL", mode_, "into a container: a file's permissions, such as 0644 (the source's)")
        .Text("-u,--user", "UID[:GID]", user_, "into a container: the owner, in numbers (0:0)")
        .Text("--max-size", "SIZE", max_size_, "out of a container: fail when there is more (1G)")
        .Text("--max-entries", "COUNT", max_entries_,
              "out of a container: fail when there are more files, directories and links (100000)");
  }

  Status Prepare(const CommandWords&) override {
    const auto from = ParseInContainer(source_), to = ParseInContainer(destination_);
    if (from.has_value() == to.has_value()) {
      return Fail(Code::kInvalidArgument,
                  from ? "both paths are in a container: copy to the host first, and from there"
                       : "neither path is in a container: name it as POD/CONTAINER:PATH, such as "
                         "'web/db:/tmp/file'");
    }
    out_ = from.has_value();
    place_ = out_ ? *from : *to;
    if (!place_.path.starts_with('/')) {
      return Fail(Code::kInvalidArgument,
                  Quoted(place_.path) + " is not absolute: it is a path in the container");
    }
    if (out_ && (!mode_.empty() || !user_.empty())) {
      return Fail(
          Code::kInvalidArgument,
          "--mode and --user are for copies into a container: what is copied out of one belongs to you");
    }
    if (!out_ && (!max_size_.empty() || !max_entries_.empty())) {
      return Fail(Code::kInvalidArgument, "--max-size and --max-entries are for copies out of a container");
    }
    if (!mode_.empty()) {
      VC_ASSIGN_OR_RETURN(options_.mode, ParseOctal("--mode", mode_, 07777));
    }
    if (!user_.empty()) {
      VC_ASSIGN_OR_RETURN(const auto user, ParseOwner("--user", user_));
      options_.uid = user.uid;
      options_.gid = user.gid;
    }
    if (!max_size_.empty()) {
      VC_ASSIGN_OR_RETURN(const auto size, ParseSize("--max-size", max_size_));
      limits_.bytes = size.count;
    }
    if (!max_entries_.empty()) {
      VC_ASSIGN_OR_RETURN(limits_.entries, ParseCount("--max-entries", max_entries_));
    }
    return {};
  }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    VIRTC_ASSIGN_OR_RETURN(place_.container, ContainerOf(*runtime, place_.pod, place_.container));
    VIRTC_ASSIGN_OR_RETURN(const CopyReport report, out_ ? CopyOut(*runtime) : CopyIn(*runtime));
    for (const std::string& path : report.skipped_paths) {
      fmt::print(stderr, "virtc: '{}' is a socket, pipe or device, and was not copied\n", path);
    }
    if (report.skipped > report.skipped_paths.size()) {
      fmt::print(stderr, "virtc: {} more were not copied\n", report.skipped - report.skipped_paths.size());
    }
    return Outcome{
        {.json = {{"entries", report.entries}, {"bytes", report.bytes}, {"skipped", report.skipped}},
         .text = {}}};
  }

 private:
  // A destination that names the directory that the copy is to be in.
  static std::string Into(std::string directory, const std::string& source) {
    if (!directory.ends_with('/')) directory += '/';
    const auto path = std::filesystem::path(source).lexically_normal();
    return directory + (path.has_filename() ? path : path.parent_path()).filename().string();
  }

  Result<CopyReport> CopyIn(Runtime& runtime) const {
    const std::string source = AbsolutePath(source_);
    const std::string destination = place_.path.ends_with('/') ? Into(place_.path, source) : place_.path;
    return runtime.pod(place_.pod).container(place_.container).CopyTo(source, destination, options_);
  }

  Result<CopyReport> CopyOut(Runtime& runtime) const {
    std::string destination = AbsolutePath(destination_);
    if (destination_.ends_with('/') || std::filesystem::is_directory(destination)) {
      destination = Into(destination, place_.path);
    }
    return runtime.pod(place_.pod).container(place_.container).CopyFrom(place_.path, destination, limits_);
  }

  std::string source_, destination_, mode_, user_, max_size_, max_entries_;
  bool out_ = false;
  InContainer place_;
  virtcontainers::CopyOptions options_;
  virtcontainers::CopyLimits limits_;
};

}  // namespace

std::unique_ptr<Command> MakeContainerCopy() { return std::make_unique<ContainerCopy>(); }

}  // namespace virtc
