#include "help.h"

#include <algorithm>
#include <fmt/format.h>

namespace virtc {

namespace {

constexpr size_t kHelpColumn = 32;

// A line of two columns; the second one begins on a line of its own where the first is too wide.
std::string Row(std::string_view left, std::string_view right) {
  const std::string indented = fmt::format("  {}", left);
  if (indented.size() + 1 < kHelpColumn) return fmt::format("{:<{}}{}\n", indented, kHelpColumn, right);
  return fmt::format("{}\n{:<{}}{}\n", indented, "", kHelpColumn, right);
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
      "Exit status: that of the command that was run; 125 if virtc failed, 126 if the command cannot be\n"
      "executed, 127 if the command does not exist.\n\n"
      "Environment:\n";
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
  const bool has_arguments =
      std::any_of(specs.begin(), specs.end(), [](const OptionSpec& spec) { return spec.is_argument(); });
  if (has_arguments || entry.words != Words::kNone) text += "\nArguments:\n";
  for (const OptionSpec& spec : specs) {
    if (spec.is_argument()) text += Row(spec.names.front(), spec.help);
  }
  if (entry.words != Words::kNone) {
    text += Row("COMMAND [ARG...]",
                "the command to run: all words that follow; '--' in front of it ends virtc's own options");
  }
  for (const OptionGroup& group : OptionGroups(specs)) {
    text += fmt::format("\n{}:\n", group.heading);
    for (const OptionSpec* option : group.options) text += Row(OptionNames(*option), option->help);
  }
  return text + "\nExample:\n" + Indented(entry.example);
}

}  // namespace virtc
