#include "cli.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>

#include "base/errors.h"
#include "help.h"
#include "option_parser.h"
#include "options.h"
#include "parse.h"
#include "suggestions.h"

namespace virtc {

using virtcontainers::Code;
using virtcontainers::Error;
using virtcontainers::RuntimeOptions;

namespace {

UsageError Wrong(std::string message, std::string_view command = {}) {
  return {Error(Code::kInvalidArgument, std::move(message)),
          command.empty() ? "virtc --help" : fmt::format("virtc {} --help", command)};
}

bool AsksForHelp(std::string_view word) { return word == "-h" || word == "--help"; }

// "web/db" where a pod is expected: an id has no slash, and another command takes both ids.
std::optional<UsageError> ContainerForPod(const CommandEntry& entry,
                                          const std::vector<std::string>& arguments,
                                          std::string_view command) {
  if (!entry.name.starts_with("pod ")) return {};
  const std::string sibling = fmt::format("container {}", entry.name.substr(4));
  if (FindCommand(sibling) == nullptr) return {};
  for (const std::string& both : arguments) {
    const size_t slash = both.find('/');
    if (slash == std::string::npos) continue;
    return Wrong(fmt::format("'{}' names a container, and 'virtc {}' is about pods: use 'virtc {} {} {}'",
                             both, command, sibling, both.substr(0, slash), both.substr(slash + 1)),
                 command);
  }
  return {};
}

// The words in front of the command's name, and those that begin with it.
struct Front {
  bool help = false;
  std::vector<std::string> rest;
};

tl::expected<Front, UsageError> ReadFront(const std::vector<std::string>& arguments, GlobalOptions& globals) {
  Front front;
  bool version = false;
  Options options;
  DeclareFront(options, globals, front.help, version);
  SplitLine line = SplitCommandLine(options.specs(), arguments, true);
  for (const std::string& word : line.own) {
    const std::string name = word.substr(0, word.find('='));
    const bool known = std::any_of(options.specs().begin(), options.specs().end(),
                                   [&](const OptionSpec& spec) { return spec.has_name(name); });
    if (known || name.size() < 2 || name.front() != '-') continue;
    if (const CommandEntry* const entry = CommandWithOption(name)) {
      return tl::make_unexpected(Wrong(
          fmt::format("option '{0}' stands in front of the command: write it behind, as in 'virtc {1} {0}'",
                      name, entry->name)));
    }
  }
  if (auto read = ReadOptions(options, std::move(line.own)); !read)
    return tl::make_unexpected(Wrong(read.error().message()));
  if (line.command) front.rest = std::move(*line.command);
  if (version) front.rest = {"version"};
  // "virtc help pod create" is "virtc pod create --help".
  if (!front.rest.empty() && front.rest.front() == "help") {
    front.rest.erase(front.rest.begin());
    front.help = true;
  }
  return front;
}

}  // namespace

tl::expected<Invocation, UsageError> ParseArguments(const std::vector<std::string>& arguments) {
  Invocation invocation;
  const auto fail = [&](UsageError error) {
    error.format = invocation.format;
    return tl::make_unexpected(std::move(error));
  };
  const auto read_format = [&]() -> virtcontainers::Status {
    VC_ASSIGN_OR_RETURN(const size_t choice,
                        ParseChoice("--format", invocation.globals.format, {"table", "json"}));
    invocation.format = choice == 1 ? Format::kJson : Format::kTable;
    return {};
  };

  auto front = ReadFront(arguments, invocation.globals);
  if (!front) return fail(std::move(front.error()));
  if (auto status = read_format(); !status) return fail({std::move(status.error()), "virtc --help"});
  bool help = front->help;
  std::vector<std::string> rest = std::move(front->rest);
  if (rest.empty()) {
    invocation.help = MainHelp();
    return invocation;
  }

  std::string name = rest.front();
  rest.erase(rest.begin());
  if (IsGroup(name)) {
    if (rest.empty() || AsksForHelp(rest.front()) || rest.front() == "help") {
      invocation.help = GroupHelp(name);
      return invocation;
    }
    const std::string verb = rest.front();
    rest.erase(rest.begin());
    if (FindCommand(name + " " + verb) == nullptr) return fail(Wrong(UnknownCommand(name, verb), name));
    name += " " + verb;
  }
  invocation.entry = FindCommand(name);
  if (invocation.entry == nullptr) return fail(Wrong(UnknownCommand("", name)));
  const CommandEntry& entry = *invocation.entry;

  invocation.command = entry.make();
  Options options;
  DeclareOptions(*invocation.command, options, invocation.globals, help);
  SplitLine line = SplitCommandLine(options.specs(), rest, entry.words != Words::kNone);
  // An argument that is missing is no reason to refuse help.
  if (help || std::any_of(line.own.begin(), line.own.end(), AsksForHelp)) {
    invocation.help = CommandHelp(entry, options.specs());
    return invocation;
  }
  if (auto read = ReadOptions(options, line.own); !read) {
    // "container ps" lists containers, as docker's does.
    if (entry.name == "container list" && line.arguments.size() == 2) {
      return fail(Wrong(fmt::format("{}: 'virtc container top {} {}' lists a container's processes",
                                    read.error().message(), line.arguments[0], line.arguments[1]),
                        name));
    }
    return fail(Wrong(read.error().message(), name));
  }
  if (auto status = read_format(); !status) return fail({std::move(status.error()), "virtc --help"});
  if (auto wrong = ContainerForPod(entry, line.arguments, name)) return fail(std::move(*wrong));

  const CommandWords& words = line.command;
  if (words && entry.words == Words::kNone)
    return fail(
        Wrong(fmt::format("'virtc {}' runs no command: leave out '--' and what follows", name), name));
  if (words && (words->empty() || words->front().empty()))
    return fail(Wrong("the command to run is empty", name));
  if (!words && entry.words == Words::kRequired) {
    return fail(Wrong(fmt::format("no command to run: it comes last, as in '{}'",
                                  entry.example.substr(0, entry.example.find('\n'))),
                      name));
  }
  if (auto status = invocation.command->Prepare(words); !status)
    return fail({std::move(status.error()), fmt::format("virtc {} --help", name)});
  return invocation;
}

int Main(const std::vector<std::string>& arguments) {
  const auto report_error = [](const Error& error, Format format) {
    (void)WriteAll(STDERR_FILENO, RenderError(error, format));
    return kExitFailed;
  };
  // A reader that has left (`virtc pod list | head -1`) is nobody to complain to.
  const auto print = [&](const std::string& text, Format format, int exit_status) {
    if (auto written = WriteAll(STDOUT_FILENO, text); !written) {
      if (written.error().code() == virtcontainers::CodeFromErrno(EPIPE)) return exit_status;
      return report_error(written.error(), format);
    }
    return exit_status;
  };

  auto invocation = ParseArguments(arguments);
  if (!invocation) {
    const UsageError& wrong = invocation.error();
    report_error(wrong.error, wrong.format);
    if (wrong.format == Format::kTable) (void)WriteAll(STDERR_FILENO, fmt::format("run '{}'\n", wrong.help));
    return kExitFailed;
  }
  if (!invocation->help.empty()) return print(invocation->help, invocation->format, 0);

  RuntimeOptions options;
  options.root = invocation->globals.root;
  options.run = invocation->globals.run;
  Session session(std::move(options), invocation->format);
  auto outcome = invocation->command->Run(session);
  if (!outcome) {
    report_error(outcome.error().error, invocation->format);
    return outcome.error().exit_status;
  }
  return print(Render(outcome->report, invocation->format), invocation->format, outcome->exit_status);
}

}  // namespace virtc
