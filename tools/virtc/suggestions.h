// What virtc answers to a word that it does not know.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_SUGGESTIONS_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_SUGGESTIONS_H_

#include <string>
#include <string_view>
#include <vector>

#include "command.h"

namespace virtc {

// `typed` is no command; `group` is "pod", "container" or empty. The message names the command that was
// probably meant, or what virtc has in place of a word of another tool.
std::string UnknownCommand(std::string_view group, std::string_view typed);

// The option `typed` is none of `specs`.
std::string UnknownOption(const std::vector<OptionSpec>& specs, std::string_view typed);

// A command that has the option `typed`, which stands in front of a command's name; null if there is none.
const CommandEntry* CommandWithOption(std::string_view typed);

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_SUGGESTIONS_H_
