#include "help.h"

#include <algorithm>
#include <fmt/format.h>

namespace virtc {

namespace {

constexpr size_t kHelpColumn = 32;
constexpr size_t kWidth = 100;

// `text` in lines of at most kWidth columns, of which all but the first begin at column `indent`.
std::string Wrap(std::string_view text, size_t indent) {
  std::string wrapped;
  size_t column = indent;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    if (column > indent && column + 1 + end > kWidth) {
      wrapped += fmt::format("\n{:{}}", "", indent);
      column = indent;
    } else if (column > indent) {
      wrapped += ' ';
      ++column;
    }
    wrapped += text.substr(0, end);
    column += end;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return wrapped;
}

// A line of two columns; the second one begins on a line of its own where the first is too wide.
std::string Row(std::string_view left, std::string_view right) {
  const std::string indented = fmt::format("  {}", left);
  const std::string help = Wrap(right, kHelpColumn);
  if (indented.size() + 1 < kHelpColumn) return fmt::format("{:<{}}{}\n", indented, kHelpColumn, help);
  return fmt::format("{}\n{:<{}}{}\n", indented, "", kHelpColumn, help);
}

std::string CommandRow(const CommandEntry& entry) {
  std::string text = fmt::format("  {:<17} {}", entry.name, entry.summary);
  if (!entry.aliases.empty()) text += fmt::format(" ({})", fmt::join(entry.aliases, ", "));
  return text + "\n";
}

std::string Indented(std::string_view lines) {
  std::string text;
  while (!lines.empty()) {
    const size_t end = std::min(lines.find('\n'), lines.size());
    text += fmt::format("  {}\n", lines.substr(0, end));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return text;
}

}  // namespace

std::string UsageLine(const CommandEntry& entry, const std::vector<OptionSpec>& specs) {
  std::string line = fmt::format("virtc {} [OPTIONS]", entry.name);
  for (const OptionSpec& spec : specs) {
    if (spec.kind == OptionSpec::Kind::kArgument) line += " " + spec.names.front();
    if (spec.kind == OptionSpec::Kind::kArguments) line += fmt::format(" {0} [{0}...]", spec.names.front());
    if (spec.kind == OptionSpec::Kind::kOptionalArgument) line += " [" + spec.names.front() + "]";
  }
  if (entry.words == Words::kRequired) line += " COMMAND [ARG...]";
  if (entry.words == Words::kOptional) line += " [COMMAND [ARG...]]";
  return line;
}

std::string OptionNames(const OptionSpec& spec) {
  std::string text = fmt::format("{}", fmt::join(spec.names, ","));
  if (!spec.placeholder.empty()) text += " " + spec.placeholder;
  return text;
}

std::vector<OptionGroup> OptionGroups(const std::vector<OptionSpec>& specs) {
  std::vector<OptionGroup> groups;
  for (const OptionSpec& spec : specs) {
    if (spec.is_argument()) continue;
    const std::string heading = spec.group.empty() ? "Options" : spec.group;
    auto group = std::find_if(groups.begin(), groups.end(),
                              [&](const OptionGroup& known) { return known.heading == heading; });
    if (group == groups.end()) group = groups.insert(groups.end(), {heading, {}});
    group->options.push_back(&spec);
  }
  // What is a command's own comes first, what every command has last.
  std::stable_sort(groups.begin(), groups.end(), [](const OptionGroup& a, const OptionGroup& b) {
    const auto rank = [](const OptionGroup& group) {
      return group.heading == "Options" ? 0 : group.heading == kGlobalHeading ? 2 : 1;
    };
    return rank(a) < rank(b);
  });
  return groups;
}

const std::vector<ExitStatusMeaning>& ExitStatuses() {
  static const std::vector<ExitStatusMeaning> statuses = {
      {"0", "virtc has done what it was told, and ran no command"},
      {"125", "virtc itself failed, or was not used correctly"},
      {"126", "the command to run could not be executed"},
      {"127", "the command to run does not exist"},
      {"otherwise",
       "the exit status of the command that was run; 128 and the signal's number if a signal ended it"},
  };
  return statuses;
}

const std::vector<EnvironmentVariable>& Environment() {
  static const std::vector<EnvironmentVariable> variables = {
      {"VIRTCONTAINERS_ROOT", "the default of --root"},
      {"VIRTCONTAINERS_RUN", "the default of --run"},
      {"VIRTCONTAINERS_GUEST", "the directory of the guest image (vmlinux, initramfs.cpio)"},
      {"VIRTCONTAINERS_MONITOR", "the monitor program"},
  };
  return variables;
}

std::string MainHelp() {
  std::string text =
      "virtc: pods of containers, each pod a virtual machine\n\n"
      "usage: virtc [--root DIR] [--run DIR] [--format table|json] COMMAND ...\n\n"
      "Commands (and other names for them):\n";
  for (const CommandEntry& entry : Commands()) {
    if (!entry.hidden) text += CommandRow(entry);
  }
  text +=
      "\nEvery command has a --help with an example. The first things to type:\n"
      "  virtc doctor\n"
      "  virtc run --rootfs ./rootfs --rm uname -r\n\n"
      "Exit status:\n";
  for (const ExitStatusMeaning& status : ExitStatuses())
    text += fmt::format("  {:<10} {}\n", status.status, status.meaning);
  text += "\nEnvironment:\n";
  for (const EnvironmentVariable& variable : Environment())
    text += fmt::format("  {:<23} {}\n", variable.name, variable.meaning);
  return text;
}

std::string GroupHelp(std::string_view group) {
  std::string text =
      fmt::format("usage: virtc {} COMMAND ...\n\nCommands (and other names for them):\n", group);
  for (const CommandEntry& entry : Commands()) {
    if (entry.name.starts_with(fmt::format("{} ", group))) text += CommandRow(entry);
  }
  return text + fmt::format("\nEvery command has a --help with an example: virtc {} list --help\n", group);
}

std::string CommandHelp(const CommandEntry& entry, const std::vector<OptionSpec>& specs) {
  std::string text =
      fmt::format("virtc {}: {}\n\nusage: {}\n", entry.name, entry.summary, UsageLine(entry, specs));
  if (!entry.aliases.empty()) text += fmt::format("also:  virtc {}\n", fmt::join(entry.aliases, ", virtc "));
  if (!entry.details.empty()) text += fmt::format("\n{}\n", Wrap(entry.details, 0));
  const bool has_arguments =
      std::any_of(specs.begin(), specs.end(), [](const OptionSpec& spec) { return spec.is_argument(); });
  if (has_arguments || entry.words != Words::kNone) text += "\nArguments:\n";
  for (const OptionSpec& spec : specs) {
    if (spec.is_argument()) text += Row(spec.names.front(), spec.help);
  }
  if (entry.words != Words::kNone) {
    text += Row("COMMAND [ARG...]", kCommandHelp);
  }
  for (const OptionGroup& group : OptionGroups(specs)) {
    text += fmt::format("\n{}:\n", group.heading);
    for (const OptionSpec* option : group.options) text += Row(OptionNames(*option), option->help);
  }
  return text + "\nExample:\n" + Indented(entry.example);
}

}  // namespace virtc
