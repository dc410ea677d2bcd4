// virtc completion, virtc __complete

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/errors.h"
#include "commands.h"
#include "completion.h"
#include "parse.h"

namespace virtc {

using virtcontainers::Runtime;
using virtcontainers::RuntimeOptions;
using virtcontainers::Status;

namespace {

class CompletionCommand : public Command {
 public:
  void Declare(Options& options) override { options.Argument("SHELL", shell_, "bash, fish or zsh"); }

  Status Prepare(const CommandWords&) override {
    VC_RETURN_IF_ERROR(ParseChoice("shell", shell_, {"bash", "fish", "zsh"}));
    return {};
  }

  tl::expected<Outcome, Failure> Run(Session&) override {
    const std::string script(CompletionScript(shell_));
    return Outcome{Report{{{"shell", shell_}, {"script", script}}, {script}}};
  }

 private:
  std::string shell_;
};

class CompleteCommand : public Command {
 public:
  void Declare(Options&) override {}

  Status Prepare(const CommandWords& words) override {
    words_.assign(words->begin() + 1, words->end());  // the first one is the program
    return {};
  }

  tl::expected<Outcome, Failure> Run(Session&) override {
    VIRTC_RETURN_IF_ERROR(WriteAll(STDOUT_FILENO, CompletionLines(Complete(words_, ListPods))));
    return Outcome{};
  }

 private:
  static std::vector<virtcontainers::PodStatus> ListPods(const GlobalOptions& globals) {
    // Opening a root makes what it lacks: pressing TAB makes nothing.
    std::string root = globals.root;
    if (root.empty()) {
      const char* const given = std::getenv("VIRTCONTAINERS_ROOT");
      root = given != nullptr && *given != '\0' ? given : "/var/lib/virtcontainers";
    }
    std::error_code error;
    if (!std::filesystem::is_directory(root + "/pods", error)) return {};
    RuntimeOptions options;
    options.root = globals.root;
    options.run = globals.run;
    auto runtime = Runtime::Open(options);
    if (!runtime) return {};
    return runtime->ListPod().value_or(std::vector<virtcontainers::PodStatus>());
  }

  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Command> MakeCompletion() { return std::make_unique<CompletionCommand>(); }
std::unique_ptr<Command> MakeComplete() { return std::make_unique<CompleteCommand>(); }

}  // namespace virtc
