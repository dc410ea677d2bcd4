// The texts of --help, made from the table of commands and the options that each declares.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_HELP_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_HELP_H_

#include <string>
#include <string_view>
#include <vector>

#include "command.h"
#include "options.h"

namespace virtc {

// The heading of the options that every command has.
inline constexpr const char* kGlobalHeading = "Options of every command";

// "virtc pod create [OPTIONS] [POD] [COMMAND [ARG...]]"
std::string UsageLine(const CommandEntry& entry, const std::vector<OptionSpec>& specs);

// "-e,--env NAME[=VALUE]"
std::string OptionNames(const OptionSpec& spec);

// The options under their headings, in the order in which they are shown.
struct OptionGroup {
  std::string heading;
  std::vector<const OptionSpec*> options;
};
std::vector<OptionGroup> OptionGroups(const std::vector<OptionSpec>& specs);

// The argument COMMAND of commands that run one.
inline constexpr const char* kCommandHelp =
    "the command to run: all words that follow; '--' in front of it ends virtc's own options";

// What holds for all commands.
struct ExitStatusMeaning {
  std::string_view status;
  std::string_view meaning;
};
const std::vector<ExitStatusMeaning>& ExitStatuses();
struct EnvironmentVariable {
  std::string_view name;
  std::string_view meaning;
};
const std::vector<EnvironmentVariable>& Environment();

std::string MainHelp();
std::string GroupHelp(std::string_view group);  // "pod": the commands that begin with this word
std::string CommandHelp(const CommandEntry& entry, const std::vector<OptionSpec>& specs);

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_HELP_H_
