#include "man_page.h"

#include <algorithm>
#include <fmt/format.h>

#include "command.h"
#include "help.h"

namespace virtc {

namespace {

// "pod create": "virtc-pod-create".
std::string PageName(std::string_view command) {
  std::string name = fmt::format("virtc-{}", command);
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

// A reference to a page, never hyphenated.
std::string Reference(std::string_view page) { return fmt::format("\\fB\\%{}\\fR(1)", RoffEscape(page)); }

std::string Upper(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return upper;
}

// "run a command": "Run a command."
std::string Sentence(std::string_view summary) {
  std::string text(summary);
  text[0] = Upper(text.substr(0, 1))[0];
  return text + ".";
}

std::string Head(std::string_view page, std::string_view names, std::string_view summary) {
  return fmt::format(
      ".\\\" Made by virtc of its table of commands.\n"
      ".TH {} 1 \"\" \"virtc {}\" \"virtcontainers\"\n"
      ".SH NAME\n{} \\- {}\n",
      RoffEscape(Upper(page)), RoffEscape(VIRTC_VERSION), RoffEscape(names), RoffEscape(summary));
}

// An entry of a list: what stands on the left, already in roff, and its explanation.
std::string Entry(std::string_view left, std::string_view help) {
  return fmt::format(".TP\n{}\n{}\n", left, RoffEscape(help));
}

// "\fB\-w\fR, \fB\-\-cwd\fR \fIPATH\fR"
std::string OptionInRoff(const OptionSpec& option) {
  std::string text;
  for (const std::string& name : option.names)
    text += fmt::format("{}\\fB{}\\fR", text.empty() ? "" : ", ", RoffEscape(name));
  if (!option.placeholder.empty()) text += fmt::format(" \\fI{}\\fR", RoffEscape(option.placeholder));
  return text;
}

std::string OptionsInRoff(const std::vector<OptionSpec>& specs) {
  std::string text = ".SH OPTIONS\n";
  for (const OptionGroup& group : OptionGroups(specs)) {
    if (group.heading != "Options") text += fmt::format(".SS {}\n", RoffEscape(group.heading));
    for (const OptionSpec* option : group.options) text += Entry(OptionInRoff(*option), option->help);
  }
  return text;
}

std::string Synopsis(const CommandEntry& entry, const std::vector<OptionSpec>& specs) {
  std::string text = fmt::format(".SH SYNOPSIS\n\\fBvirtc {}\\fR [\\fIOPTIONS\\fR]", RoffEscape(entry.name));
  for (const OptionSpec& spec : specs) {
    if (!spec.is_argument()) continue;
    const std::string name = fmt::format("\\fI{}\\fR", RoffEscape(spec.names.front()));
    if (spec.kind == OptionSpec::Kind::kArguments) {
      text += fmt::format(" {0} [{0}...]", name);
    } else {
      text += spec.kind == OptionSpec::Kind::kOptionalArgument ? fmt::format(" [{}]", name) : " " + name;
    }
  }
  if (entry.words == Words::kRequired) text += " \\fICOMMAND\\fR [\\fIARG\\fR...]";
  if (entry.words == Words::kOptional) text += " [\\fICOMMAND\\fR [\\fIARG\\fR...]]";
  return text + "\n";
}

std::string ExitStatusSection() {
  std::string text = ".SH EXIT STATUS\n";
  for (const ExitStatusMeaning& status : ExitStatuses())
    text += Entry(fmt::format("\\fB{}\\fR", RoffEscape(status.status)), status.meaning);
  return text;
}

std::string EnvironmentAndFiles() {
  std::string text = ".SH ENVIRONMENT\n";
  for (const EnvironmentVariable& variable : Environment())
    text += Entry(fmt::format("\\fB{}\\fR", RoffEscape(variable.name)), variable.meaning);
  return text + ".SH FILES\n" +
         Entry("\\fI/var/lib/virtcontainers\\fR",
               "the pods: their configurations, states, journals and logs") +
         Entry("\\fI/run/virtcontainers\\fR", "the sockets of pods that run");
}

std::string Examples(std::string_view lines) {
  return fmt::format(".SH EXAMPLES\n.EX\n{}\n.EE\n", RoffEscape(lines));
}

std::string MainPage() {
  GlobalOptions globals;
  bool help = false, version = false;
  Options options;
  DeclareFront(options, globals, help, version);
  std::string text = Head("virtc", "virtc", "pods of containers, each pod a virtual machine");
  text +=
      ".SH SYNOPSIS\n\\fBvirtc\\fR [\\fIOPTIONS\\fR] \\fICOMMAND\\fR ...\n"
      ".SH DESCRIPTION\n"
      "A pod is a virtual machine in which containers run. Each pod has a monitor, a process that keeps its "
      "VM; "
      "there is no daemon.\n"
      ".PP\n"
      "A container's root file system is a directory of the host, or an OCI bundle. virtc has no images.\n"
      ".PP\n"
      "In commands that run a program, the first word after the options and arguments begins the program and "
      "its "
      "arguments. The word \\fB\\-\\-\\fR ends the options in front of it.\n"
      ".SH COMMANDS\n";
  for (const CommandEntry& entry : Commands()) {
    if (entry.hidden) continue;
    std::string names = fmt::format("\\fB{}\\fR", RoffEscape(entry.name));
    for (const std::string_view alias : entry.aliases)
      names += fmt::format(", \\fB{}\\fR", RoffEscape(alias));
    text += Entry(names, Sentence(entry.summary));
    text += fmt::format("See {}.\n", Reference(PageName(entry.name)));
  }
  return text + OptionsInRoff(options.specs()) + ExitStatusSection() + EnvironmentAndFiles() +
         Examples(
             "virtc doctor\nvirtc run --rootfs ./rootfs --rm uname -r\nvirtc run --rootfs ./rootfs --rm -it "
             "sh");
}

std::string CommandPage(const CommandEntry& entry) {
  const std::unique_ptr<Command> command = entry.make();
  GlobalOptions globals;
  bool help = false;
  Options options;
  DeclareOptions(*command, options, globals, help);
  const std::vector<OptionSpec>& specs = options.specs();

  std::string names = PageName(entry.name);
  for (const std::string_view alias : entry.aliases) names += ", " + PageName(alias);
  std::string text = Head(PageName(entry.name), names, entry.summary) + Synopsis(entry, specs);
  text += fmt::format(".SH DESCRIPTION\n{}\n", RoffEscape(Sentence(entry.summary)));
  if (!entry.details.empty()) text += fmt::format(".PP\n{}\n", RoffEscape(entry.details));
  if (!entry.aliases.empty()) {
    std::string aliases;
    for (const std::string_view alias : entry.aliases)
      aliases += fmt::format("{}\\fBvirtc {}\\fR", aliases.empty() ? "" : ", ", RoffEscape(alias));
    text += fmt::format(".PP\nThe same command by other names: {}.\n", aliases);
  }
  std::string arguments;
  for (const OptionSpec& spec : specs) {
    if (spec.is_argument())
      arguments += Entry(fmt::format("\\fI{}\\fR", RoffEscape(spec.names.front())), spec.help);
  }
  if (entry.words != Words::kNone) arguments += Entry("\\fICOMMAND\\fR [\\fIARG\\fR...]", kCommandHelp);
  if (!arguments.empty()) text += ".SH ARGUMENTS\n" + arguments;
  return text + OptionsInRoff(specs) + ExitStatusSection() + Examples(entry.example) +
         fmt::format(".SH SEE ALSO\n{}\n", Reference("virtc"));
}

}  // namespace

std::string RoffEscape(std::string_view text) {
  std::string escaped;
  bool line_begins = true;
  for (const char c : text) {
    // A line that begins with one of these would be a request.
    if (line_begins && (c == '.' || c == '\'')) escaped += "\\&";
    line_begins = c == '\n';
    if (c == '\\') {
      escaped += "\\e";
    } else if (c == '-') {
      escaped += "\\-";
    } else if (c == '\'') {
      escaped += "\\(aq";
    } else if (c == '^') {
      escaped += "\\(ha";
    } else if (c == '~') {
      escaped += "\\(ti";
    } else if (c == '`') {
      escaped += "\\(ga";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::vector<ManPage> ManPages() {
  std::vector<ManPage> pages = {{"virtc.1", MainPage()}};
  for (const CommandEntry& entry : Commands()) {
    if (entry.hidden) continue;
    const std::string name = PageName(entry.name);
    pages.push_back({name + ".1", CommandPage(entry)});
    for (const std::string_view alias : entry.aliases)
      pages.push_back({PageName(alias) + ".1", fmt::format(".so man1/{}.1\n", name)});
  }
  return pages;
}

}  // namespace virtc
