#include "cli.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <fmt/format.h>

#include "base/errors.h"
#include "help.h"
#include "options.h"
#include "parse.h"
#include "suggestions.h"

namespace virtc {

using virtcontainers::Code;
using virtcontainers::Error;
using virtcontainers::RuntimeOptions;

namespace {

void DeclareGlobals(Options& options, GlobalOptions& globals) {
  options.Group(kGlobalHeading)
      .Text("--root", "DIR", globals.root, "where pods are kept (/var/lib/virtcontainers)")
      .Text("--run", "DIR", globals.run, "where sockets are kept (/run/virtcontainers)")
      .Text("--format", "table|json", globals.format, "for people, or for programs");
}

bool IsGroup(std::string_view word) { return word == "pod" || word == "container"; }

UsageError Wrong(std::string message, std::string_view command = {}) {
  return {Error(Code::kInvalidArgument, std::move(message)),
          command.empty() ? "virtc --help" : fmt::format("virtc {} --help", command)};
}

void Declare(CLI::App& app, const OptionSpec& spec) {
  const std::string names = fmt::format("{}", fmt::join(spec.names, ","));
  switch (spec.kind) {
    case OptionSpec::Kind::kFlag:
      app.add_flag(names, *std::get<bool*>(spec.value));
      break;
    case OptionSpec::Kind::kText:
      app.add_option(names, *std::get<std::string*>(spec.value))->take_last();
      break;
    case OptionSpec::Kind::kList:
      app.add_option(names, *std::get<std::vector<std::string>*>(spec.value))
          ->take_all()
          ->allow_extra_args(false);
      break;
    case OptionSpec::Kind::kArgument:
      app.add_option(names, *std::get<std::string*>(spec.value))->required();
      break;
    case OptionSpec::Kind::kOptionalArgument:
      app.add_option(names, *std::get<std::string*>(spec.value));
      break;
  }
}

// A word that is neither an option nor an argument of `command`.
UsageError Unexpected(const Options& options, const std::string& extra, std::string_view command) {
  if (extra.size() > 1 && extra.front() == '-')
    return Wrong(UnknownOption(options.specs(), extra.substr(0, extra.find('='))), command);
  return Wrong(fmt::format("unexpected argument '{}'", extra), command);
}

// Lets CLI11 read `words`; its exceptions end here.
tl::expected<void, UsageError> Read(const Options& options, std::string_view command,
                                    std::vector<std::string> words) {
  CLI::App app;
  app.set_help_flag();  // its own throws in the middle of parsing
  app.allow_extras();
  for (const OptionSpec& spec : options.specs()) Declare(app, spec);
  std::reverse(words.begin(), words.end());  // it takes them from the back
  try {
    app.parse(std::move(words));
  } catch (const CLI::RequiredError& error) {
    std::string what = error.what();
    const std::string tail = " is required";
    if (what.ends_with(tail)) what.resize(what.size() - tail.size());
    return tl::make_unexpected(Wrong(fmt::format("{} is missing", what), command));
  } catch (const CLI::ArgumentMismatch& error) {
    const std::string what = error.what();
    return tl::make_unexpected(
        Wrong(fmt::format("option '{}' needs a value", what.substr(0, what.find(':'))), command));
  } catch (const CLI::ParseError& error) {
    return tl::make_unexpected(Wrong(error.what(), command));
  }
  if (const auto extras = app.remaining(); !extras.empty())
    return tl::make_unexpected(Unexpected(options, extras.front(), command));
  return {};
}

const CommandEntry* FindCommand(std::string_view name) {
  for (const CommandEntry& entry : Commands()) {
    if (entry.name == name ||
        std::find(entry.aliases.begin(), entry.aliases.end(), name) != entry.aliases.end())
      return &entry;
  }
  return nullptr;
}

bool AsksForHelp(std::string_view word) { return word == "-h" || word == "--help"; }

// "web/db" where a pod is expected: an id has no slash, and another command takes both ids.
std::optional<UsageError> ContainerForPod(const CommandEntry& entry,
                                          const std::vector<std::string>& arguments,
                                          std::string_view command) {
  if (!entry.name.starts_with("pod ") || arguments.empty()) return {};
  const std::string sibling = fmt::format("container {}", entry.name.substr(4));
  const std::string& both = arguments.front();
  const size_t slash = both.find('/');
  if (slash == std::string::npos || FindCommand(sibling) == nullptr) return {};
  return Wrong(fmt::format("'{}' names a container, and 'virtc {}' is about pods: use 'virtc {} {} {}'", both,
                           command, sibling, both.substr(0, slash), both.substr(slash + 1)),
               command);
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
  options.Flag("-h,--help", front.help, "this text").Flag("-v,--version", version, "virtc's version");
  DeclareGlobals(options, globals);
  SplitLine line = SplitCommandLine(options.specs(), arguments, true);
  if (auto read = Read(options, "", std::move(line.own)); !read)
    return tl::make_unexpected(std::move(read.error()));
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
  invocation.command->Declare(options);
  options.Group("").Flag("-h,--help", help, "this text");
  DeclareGlobals(options, invocation.globals);
  SplitLine line = SplitCommandLine(options.specs(), rest, entry.words != Words::kNone);
  // An argument that is missing is no reason to refuse help.
  if (help || std::any_of(line.own.begin(), line.own.end(), AsksForHelp)) {
    invocation.help = CommandHelp(entry, options.specs());
    return invocation;
  }
  if (auto read = Read(options, name, line.own); !read) {
    // "container ps" lists containers, as docker's does.
    if (entry.name == "container list" && line.arguments.size() == 2) {
      return fail(Wrong(fmt::format("{}: 'virtc container top {} {}' lists a container's processes",
                                    read.error().error.message(), line.arguments[0], line.arguments[1]),
                        name));
    }
    return fail(std::move(read.error()));
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
