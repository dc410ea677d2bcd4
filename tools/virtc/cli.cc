#include "cli.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <fmt/format.h>

#include "base/errors.h"
#include "parse.h"

namespace virtc {

using virtcontainers::Code;
using virtcontainers::Error;
using virtcontainers::RuntimeOptions;

namespace {

constexpr std::string_view kGlobalHeading = "Options of every command";
constexpr std::string_view kEnvironment =
    "Environment:\n"
    "  VIRTCONTAINERS_ROOT     --root\n"
    "  VIRTCONTAINERS_RUN      --run\n"
    "  VIRTCONTAINERS_GUEST    the folder of the guest image (vmlinux, initramfs.cpio)\n"
    "  VIRTCONTAINERS_MONITOR  the monitor program\n";

void DeclareGlobals(CLI::App& app, GlobalOptions& globals) {
  Options(app)
      .Group(std::string(kGlobalHeading))
      .Text("--root", "DIR", globals.root, "where pods are kept (/var/lib/virtcontainers)")
      .Text("--run", "DIR", globals.run, "where sockets are kept (/run/virtcontainers)")
      .Text("--format", "table|json", globals.format, "for people, or for programs");
}

// The help text of one command.
class HelpFormatter : public CLI::Formatter {
 public:
  explicit HelpFormatter(const CommandEntry& entry) : entry_(entry) {
    column_width(32);
    label("Positionals", "Arguments");
  }

  std::string make_usage(const CLI::App* app, std::string) const override {
    std::string line = fmt::format("usage: virtc {} [OPTIONS]", entry_.name);
    for (const CLI::Option* option :
         app->get_options([](const CLI::Option* candidate) { return candidate->get_positional(); })) {
      const std::string name = option->get_name(true);
      line += option->get_required() ? " " + name : " [" + name + "]";
    }
    if (entry_.words == Words::kRequired) line += " -- COMMAND [ARG...]";
    if (entry_.words == Words::kOptional) line += " [-- COMMAND [ARG...]]";
    return line + "\n";
  }

  std::string make_description(const CLI::App*) const override {
    return fmt::format("virtc {}: {}\n\n", entry_.name, entry_.summary);
  }

  std::string make_footer(const CLI::App*) const override {
    std::string text = "Example:\n";
    std::string_view rest = entry_.example;
    while (!rest.empty()) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      text += fmt::format("  {}\n", rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return text;
  }

 private:
  const CommandEntry& entry_;
};

std::string MainHelp() {
  std::string text =
      "virtc: pods of containers, each pod a virtual machine\n\n"
      "usage: virtc [--root DIR] [--run DIR] [--format table|json] COMMAND ...\n\nCommands:\n";
  for (const CommandEntry& entry : Commands())
    text += fmt::format("  {:<17} {}\n", entry.name, entry.summary);
  text += fmt::format(
      "\nEvery command has a --help with an example. The first things to type:\n"
      "  virtc doctor\n"
      "  virtc run --rootfs ./rootfs --rm -- uname -r\n\n"
      "Exit status: that of the command which was run; 125 if virtc failed, 126 if the command cannot be\n"
      "executed, 127 if it is not there.\n\n{}",
      kEnvironment);
  return text;
}

// "pod": the commands that begin with it.
std::string GroupHelp(std::string_view group) {
  std::string text = fmt::format("usage: virtc {} COMMAND ...\n\nCommands:\n", group);
  for (const CommandEntry& entry : Commands()) {
    if (entry.name.starts_with(fmt::format("{} ", group)))
      text += fmt::format("  {:<17} {}\n", entry.name, entry.summary);
  }
  return text + fmt::format("\nEvery command has a --help with an example: virtc {} list --help\n", group);
}

bool IsGroup(std::string_view word) { return word == "pod" || word == "container"; }

UsageError Wrong(std::string message, std::string_view command = {}) {
  return {Error(Code::kInvalidArgument, std::move(message)),
          command.empty() ? "virtc --help" : fmt::format("virtc {} --help", command)};
}

std::string DidYouMean(std::string_view word, std::string_view prefix = {}) {
  return word.empty() ? "" : fmt::format(": did you mean '{}{}'?", prefix, word);
}

// The words that other tools use for what is called otherwise here.
std::string_view Synonym(std::string_view word) {
  for (const auto& [theirs, ours] : {std::pair<std::string_view, std::string_view>{"exec", "enter"},
                                     {"rm", "delete"},
                                     {"remove", "delete"},
                                     {"ls", "list"},
                                     {"ps", "list"},
                                     {"top", "ps"},
                                     {"copy", "cp"},
                                     {"unpause", "resume"},
                                     {"freeze", "pause"},
                                     {"signal", "kill"},
                                     {"inspect", "status"},
                                     {"info", "status"},
                                     {"show", "status"},
                                     {"kill", "stop"},
                                     {"log", "logs"},
                                     {"add", "create"}}) {
    if (word == theirs) return ours;
  }
  return {};
}

UsageError UnknownCommand(const std::string& group, const std::string& typed) {
  std::vector<std::string_view> words;
  const std::string prefix = group.empty() ? "" : group + " ";
  for (const CommandEntry& entry : Commands()) {
    if (entry.name.starts_with(prefix)) {
      const std::string_view rest = entry.name.substr(prefix.size());
      words.push_back(rest.substr(0, rest.find(' ')));
    }
  }
  std::string_view meant = Synonym(typed);
  if (std::find(words.begin(), words.end(), meant) == words.end()) meant = Nearest(typed, words);
  // "virtc list", "virtc exec": the group was left out.
  if (meant.empty() && group.empty()) {
    const std::string verb(Synonym(typed).empty() ? std::string_view(typed) : Synonym(typed));
    for (const CommandEntry& entry : Commands()) {
      if (entry.name == "pod " + verb || entry.name == "container " + verb) {
        meant = entry.name;
        break;
      }
    }
  }
  return Wrong(fmt::format("unknown command '{}{}'{}", prefix, typed, DidYouMean(meant, prefix)), group);
}

// What CLI11 could not place.
UsageError Unexpected(const CLI::App& app, const CommandEntry& entry, const std::string& extra) {
  if (extra.size() > 1 && extra.front() == '-') {
    const std::string typed = extra.substr(0, extra.find('='));
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
    const std::vector<std::string_view> views(names.begin(), names.end());
    return Wrong(fmt::format("unknown option '{}'{}", typed, DidYouMean(Nearest(typed, views))), entry.name);
  }
  if (entry.words != Words::kNone) {
    return Wrong(fmt::format("unexpected argument '{}': a command to run comes after '--'", extra),
                 entry.name);
  }
  return Wrong(fmt::format("unexpected argument '{}'", extra), entry.name);
}

// Lets CLI11 read `arguments`; its exceptions end here.
tl::expected<void, UsageError> Read(CLI::App& app, std::string_view command,
                                    std::vector<std::string> arguments) {
  std::reverse(arguments.begin(), arguments.end());  // it takes them from the back
  try {
    app.parse(std::move(arguments));
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
  return {};
}

const CommandEntry* FindCommand(std::string_view name) {
  for (const CommandEntry& entry : Commands()) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

// CLI11 parts its groups by more lines than one.
std::string Help(const CLI::App& app) {
  std::string text = app.help();
  for (size_t at; (at = text.find("\n\n\n")) != std::string::npos;) text.erase(at, 1);
  return text;
}

void AddHelpFlag(CLI::App& app, bool& help) {
  // CLI11's own help flag throws in the middle of parsing.
  app.set_help_flag();
  app.add_flag("-h,--help", help, "this text");
}

}  // namespace

Options& Options::Group(std::string heading) {
  group_ = std::move(heading);
  return *this;
}

Options& Options::Text(const std::string& names, const std::string& placeholder, std::string& value,
                       const std::string& help) {
  CLI::Option* option = app_.add_option(names, value, help)->option_text(placeholder)->take_last();
  if (!group_.empty()) option->group(group_);
  return *this;
}

Options& Options::List(const std::string& names, const std::string& placeholder,
                       std::vector<std::string>& values, const std::string& help) {
  CLI::Option* option =
      app_.add_option(names, values, help)->option_text(placeholder)->take_all()->allow_extra_args(false);
  if (!group_.empty()) option->group(group_);
  return *this;
}

Options& Options::Flag(const std::string& names, bool& value, const std::string& help) {
  CLI::Option* option = app_.add_flag(names, value, help);
  if (!group_.empty()) option->group(group_);
  return *this;
}

Options& Options::Argument(const std::string& name, std::string& value, const std::string& help) {
  app_.add_option(name, value, help)->option_text(" ")->required();
  return *this;
}

Options& Options::OptionalArgument(const std::string& name, std::string& value, const std::string& help) {
  app_.add_option(name, value, help)->option_text(" ");
  return *this;
}

tl::expected<Invocation, UsageError> ParseArguments(const std::vector<std::string>& arguments) {
  Invocation invocation;
  const auto fail = [&](UsageError error) {
    error.format = invocation.format;
    return tl::make_unexpected(std::move(error));
  };

  // Everything after the first "--" is the command to run, whatever it looks like: CLI11 never sees it.
  const auto separator = std::find(arguments.begin(), arguments.end(), "--");
  CommandWords words;
  if (separator != arguments.end()) words.emplace(separator + 1, arguments.end());

  CLI::App top;
  bool help = false;
  bool version = false;
  top.prefix_command();
  AddHelpFlag(top, help);
  top.add_flag("--version", version);
  DeclareGlobals(top, invocation.globals);
  if (auto read = Read(top, "", {arguments.begin(), separator}); !read) return fail(std::move(read.error()));
  std::vector<std::string> rest = top.remaining();

  const auto read_format = [&]() -> virtcontainers::Status {
    VC_ASSIGN_OR_RETURN(const size_t choice,
                        ParseChoice("--format", invocation.globals.format, {"table", "json"}));
    invocation.format = choice == 1 ? Format::kJson : Format::kTable;
    return {};
  };
  if (auto status = read_format(); !status) return fail({std::move(status.error()), "virtc --help"});

  if (version) rest = {"version"};
  // "virtc help pod create" is "virtc pod create --help".
  if (!rest.empty() && rest.front() == "help") {
    rest.erase(rest.begin());
    help = true;
  }
  if (rest.empty()) {
    if (!help) return fail(Wrong("no command given"));
    invocation.help = MainHelp();
    return invocation;
  }
  if (rest.front().starts_with('-')) {
    CLI::App known;
    GlobalOptions unused;
    DeclareGlobals(known, unused);
    UsageError error = Unexpected(known, {"", "", "", Words::kNone, nullptr}, rest.front());
    error.help = "virtc --help";
    return fail(std::move(error));
  }

  std::string name = rest.front();
  rest.erase(rest.begin());
  if (IsGroup(name)) {
    if (rest.empty() || rest.front().starts_with('-') || rest.front() == "help") {
      const bool asked =
          help ||
          (!rest.empty() && (rest.front() == "-h" || rest.front() == "--help" || rest.front() == "help"));
      if (!asked) return fail(Wrong(fmt::format("'virtc {}' needs a command", name), name));
      invocation.help = GroupHelp(name);
      return invocation;
    }
    const std::string verb = rest.front();
    rest.erase(rest.begin());
    if (FindCommand(name + " " + verb) == nullptr) return fail(UnknownCommand(name, verb));
    name += " " + verb;
  }
  invocation.entry = FindCommand(name);
  if (invocation.entry == nullptr) return fail(UnknownCommand("", name));

  invocation.command = invocation.entry->make();
  CLI::App app;
  app.formatter(std::make_shared<HelpFormatter>(*invocation.entry));
  app.allow_extras();
  Options options(app);
  invocation.command->Declare(options);
  AddHelpFlag(app, help);
  DeclareGlobals(app, invocation.globals);
  // An argument that is missing is no reason to refuse help.
  for (const std::string& word : rest) help = help || word == "--help" || word == "-h";
  if (help) {
    invocation.help = Help(app);
    return invocation;
  }
  if (auto read = Read(app, name, rest); !read) return fail(std::move(read.error()));
  if (auto status = read_format(); !status) return fail({std::move(status.error()), "virtc --help"});
  if (const auto extras = app.remaining(); !extras.empty())
    return fail(Unexpected(app, *invocation.entry, extras.front()));

  if (words && invocation.entry->words == Words::kNone)
    return fail(
        Wrong(fmt::format("'virtc {}' runs no command: leave out '--' and what follows", name), name));
  if (words && (words->empty() || words->front().empty()))
    return fail(Wrong("the command after '--' is empty", name));
  if (!words && invocation.entry->words == Words::kRequired)
    return fail(Wrong("no command to run: write it after '--'", name));
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
