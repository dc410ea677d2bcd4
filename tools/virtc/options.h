// What a command accepts: one table from which command lines are parsed and help, completions and manual
// pages are made.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_OPTIONS_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_OPTIONS_H_

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace virtc {

// The command to run in a pod or container; none if the command line names none.
using CommandWords = std::optional<std::vector<std::string>>;

// An option or an argument as it was declared.
struct OptionSpec {
  enum class Kind { kFlag, kText, kList, kArgument, kOptionalArgument, kArguments };

  bool is_argument() const {
    return kind == Kind::kArgument || kind == Kind::kOptionalArgument || kind == Kind::kArguments;
  }
  bool takes_value() const { return kind == Kind::kText || kind == Kind::kList; }
  bool has_name(std::string_view name) const;

  Kind kind;
  std::vector<std::string> names;  // "-e" and "--env"; "POD" of an argument
  std::string placeholder;         // of the value; empty for flags and arguments
  std::string help;
  std::string group;  // the heading of the help text; empty: the command's own
  std::variant<bool*, std::string*, std::vector<std::string>*> value;  // receives what is typed
  std::string instead;  // "--name": the option that may be given instead of an optional argument
};

// Declares names such as "-i,--interactive", each bound to the variable that receives the value. If an option
// is given twice, the last value is used; a list takes all values.
class Options {
 public:
  // Puts the options that follow under this heading of the help text.
  Options& Group(std::string heading);
  Options& Text(const std::string& names, const std::string& placeholder, std::string& value,
                const std::string& help);
  Options& List(const std::string& names, const std::string& placeholder, std::vector<std::string>& values,
                const std::string& help);
  Options& Flag(const std::string& names, bool& value, const std::string& help);
  Options& Argument(const std::string& name, std::string& value, const std::string& help);
  // An argument that may be left out. When the option `instead` stands before it, it is not expected at all.
  Options& OptionalArgument(const std::string& name, std::string& value, const std::string& help,
                            const std::string& instead = {});

  // One argument or more, and the last of the command's.
  Options& Arguments(const std::string& name, std::vector<std::string>& values, const std::string& help);

  const std::vector<OptionSpec>& specs() const { return specs_; }

 private:
  std::string group_;
  std::vector<OptionSpec> specs_;
};

// A command line in two parts.
struct SplitLine {
  std::vector<std::string> own;        // virtc's options and arguments
  std::vector<std::string> arguments;  // those of `own` that are arguments
  CommandWords command;

  // What the next word would be taken for, if it is not an option: an option's value or an argument. At most
  // one is set, and neither in a command to run.
  const OptionSpec* awaited_value = nullptr;
  const OptionSpec* awaited_argument = nullptr;
};

// Splits `words` (as a shell passes them) where the command begins: after the first "--", or at the first
// word that is neither an option nor its value nor one of the declared arguments. With `takes_command` unset
// only "--" begins one.
//
// Where POD is followed by an argument CONTAINER or NAME, "POD/CONTAINER" is taken for both. The result
// points into `specs`.
SplitLine SplitCommandLine(const std::vector<OptionSpec>& specs, const std::vector<std::string>& words,
                           bool takes_command);

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_OPTIONS_H_
