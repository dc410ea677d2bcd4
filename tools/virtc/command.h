// A command of virtc: a small class in a file of its own, listed in the table of commands.cc.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_COMMAND_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_COMMAND_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "options.h"
#include "report.h"
#include "virtcontainers/error.h"
#include "virtcontainers/runtime.h"

namespace virtc {

// What virtc answers when it fails itself; as docker, crun and env(1) have it.
inline constexpr int kExitFailed = 125;
inline constexpr int kExitCannotExecute = 126;
inline constexpr int kExitNotFound = 127;

// What holds for every command.
struct GlobalOptions {
  std::string root;
  std::string run;
  std::string format = "table";
};

// What a command works with.
class Session {
 public:
  Session(virtcontainers::RuntimeOptions options, Format format)
      : options_(std::move(options)), format_(format) {}

  Format format() const { return format_; }
  const virtcontainers::RuntimeOptions& options() const { return options_; }

  // Opened when it is first asked for.
  virtcontainers::Result<virtcontainers::Runtime*> runtime();

 private:
  virtcontainers::RuntimeOptions options_;
  Format format_;
  std::optional<virtcontainers::Runtime> runtime_;
};

struct Outcome {
  Report report;
  int exit_status = 0;
};

// A command that failed: what happened, and what virtc exits with because of it.
struct Failure {
  // Whatever fails that is not a command to run is virtc's own failure.
  explicit Failure(virtcontainers::Error what, int status = kExitFailed)
      : error(std::move(what)), exit_status(status) {}

  virtcontainers::Error error;
  int exit_status;
};

class Command {
 public:
  virtual ~Command() = default;

  virtual void Declare(Options& options) = 0;

  // Makes what was typed into a request, and touches nothing. An error here is wrong usage.
  virtual virtcontainers::Status Prepare(const CommandWords& words) = 0;

  virtual tl::expected<Outcome, Failure> Run(Session& session) = 0;
};

// Whether the last words of a command line are a command to run in a pod or container.
enum class Words { kNone, kOptional, kRequired };

struct CommandEntry {
  std::string_view name;                  // "pod create"
  std::vector<std::string_view> aliases;  // "create": the same command by the words of other tools
  std::string_view summary;               // one line, without a full stop
  std::string_view details;               // sentences, on one line; may be empty
  std::string_view example;               // lines that can be typed as they are
  Words words = Words::kNone;
  std::unique_ptr<Command> (*make)() = nullptr;
  bool hidden = false;  // for programs: neither help nor completions name it
};

// All of them, in the order of the help text.
const std::vector<CommandEntry>& Commands();

// The command with this name or alias; null if there is none.
const CommandEntry* FindCommand(std::string_view name);

// Whether `word` is the first of two that name a command: "pod", "container".
bool IsGroup(std::string_view word);

// The options in front of a command's name.
void DeclareFront(Options& options, GlobalOptions& globals, bool& help, bool& version);
// All options and arguments behind its name.
void DeclareOptions(Command& command, Options& options, GlobalOptions& globals, bool& help);

}  // namespace virtc

// Returns the error of `expr` as the command's failure, if it is one.
#define VIRTC_RETURN_IF_ERROR(expr)                                                    \
  do {                                                                                 \
    if (auto virtc_status = (expr); !virtc_status)                                     \
      return ::tl::make_unexpected(::virtc::Failure(std::move(virtc_status.error()))); \
  } while (false)

// `lhs` = the value of `expr`; returns its error as the command's failure, if it is one.
#define VIRTC_ASSIGN_OR_RETURN(lhs, expr) \
  VIRTC_ASSIGN_OR_RETURN_INNER(VC_CONCAT(virtc_result_, __LINE__), lhs, expr)
#define VIRTC_ASSIGN_OR_RETURN_INNER(result, lhs, expr)                                   \
  auto result = (expr);                                                                   \
  if (!result) return ::tl::make_unexpected(::virtc::Failure(std::move(result.error()))); \
  lhs = std::move(*result)

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_COMMAND_H_
