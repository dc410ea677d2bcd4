// From an argument vector to a command, and from its outcome to output and an exit status.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_CLI_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_CLI_H_

#include <memory>
#include <string>
#include <vector>

#include "command.h"

namespace virtc {

// What the arguments ask for: a command that is ready to run, or help to print.
struct Invocation {
  std::string help;  // if not empty, print it and nothing else
  const CommandEntry* entry = nullptr;
  std::unique_ptr<Command> command;
  GlobalOptions globals;
  Format format = Format::kTable;
};

// Wrong usage: what is wrong, and the command whose --help says how it is right.
struct UsageError {
  virtcontainers::Error error;
  std::string help;  // "virtc pod create --help"
  Format format = Format::kTable;
};

// `arguments` without the program's name.
tl::expected<Invocation, UsageError> ParseArguments(const std::vector<std::string>& arguments);

// Runs what the arguments ask for and returns the exit status.
int Main(const std::vector<std::string>& arguments);

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_CLI_H_
