#include "completion.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/capability_names.h"
#include "option_parser.h"
#include "signal_names.h"

namespace virtc {

using virtcontainers::ContainerStateName;
using virtcontainers::ContainerStatus;
using virtcontainers::PodStateName;
using virtcontainers::PodStatus;

namespace {

// Completes one word by what it stands for.
class WordCompleter {
 public:
  WordCompleter(const GlobalOptions& globals, const PodLister& list_pods)
      : globals_(globals), list_pods_(list_pods) {}

  // The first words of commands, or those after "pod " or "container ".
  void AddCommands(std::string_view prefix) {
    for (const CommandEntry& entry : Commands()) {
      if (entry.hidden) continue;
      AddCommand(entry.name, prefix, entry.summary);
      for (const std::string_view alias : entry.aliases) AddCommand(alias, prefix, entry.summary);
    }
    if (prefix.empty()) Add("help", "show the help text of a command");
  }

  void AddOptionNames(const std::vector<OptionSpec>& specs) {
    for (const OptionSpec& spec : specs) {
      if (spec.is_argument()) continue;
      for (const std::string& name : spec.names) {
        if (name.starts_with("--")) Add(name, spec.help);
      }
    }
  }

  void AddPods() {
    for (const PodStatus& pod : list_pods_(globals_)) Add(pod.id, std::string(PodStateName(pod.state)));
  }

  // The containers of `pod`.
  void AddContainers(std::string_view pod) {
    for (const PodStatus& known : list_pods_(globals_)) {
      if (known.id != pod) continue;
      for (const ContainerStatus& container : known.containers)
        Add(container.id, std::string(ContainerStateName(container.state)));
    }
  }

  // Pods with one container, and POD/CONTAINER of the others.
  void AddTargets(bool all_containers) {
    for (const PodStatus& pod : list_pods_(globals_)) {
      if (pod.containers.size() == 1 && !all_containers) {
        Add(pod.id, std::string(ContainerStateName(pod.containers.front().state)));
        continue;
      }
      for (const ContainerStatus& container : pod.containers)
        Add(pod.id + "/" + container.id, std::string(ContainerStateName(container.state)));
    }
  }

  void AddArgument(const OptionSpec& argument, const std::vector<std::string>& before,
                   std::string_view typed) {
    const bool slash = typed.find('/') != std::string_view::npos;
    if (argument.has_name("POD")) {
      if (slash) {
        AddTargets(true);
      } else {
        AddPods();
      }
    } else if (argument.has_name("POD[/CONTAINER]")) {
      AddTargets(slash);
    } else if (argument.has_name("CONTAINER")) {
      if (!before.empty()) AddContainers(before.front());
    } else if (argument.has_name("SOURCE")) {
      completions_.paths = CandidatePaths::kFiles;
    } else if (argument.has_name("SHELL")) {
      for (const char* shell : {"bash", "fish", "zsh"}) Add(shell, "");
    }
  }

  // A value of `option`; `prefix` is "--option=" where it stands in the same word.
  void AddValue(const OptionSpec& option, const std::string& prefix, std::string_view typed) {
    const std::string& placeholder = option.placeholder;
    if (placeholder == "DIR") {
      completions_.paths = CandidatePaths::kDirectories;
    } else if (placeholder == "FILE" || (placeholder.starts_with("HOST:") && typed.find(':') == typed.npos)) {
      completions_.paths = CandidatePaths::kFiles;
    } else if (placeholder == "POD") {
      AddPods();
    } else if (placeholder == "SIGNAL") {
      for (const std::string_view name : SignalNames()) Add(std::string(name), "");
    } else if (placeholder == "CAPABILITY") {
      for (const std::string_view name : virtcontainers::kCapabilityNames)
        Add(std::string(name.substr(4)), "");
      Add("ALL", "");
    } else {
      AddChoices(placeholder);
    }
    for (Candidate& candidate : completions_.candidates) candidate.value.insert(0, prefix);
  }

  Completions Take() { return std::move(completions_); }

 private:
  void Add(std::string value, std::string help) {
    completions_.candidates.push_back({std::move(value), std::move(help)});
  }

  void AddCommand(std::string_view name, std::string_view prefix, std::string_view summary) {
    if (!name.starts_with(prefix)) return;
    name.remove_prefix(prefix.size());
    const size_t space = name.find(' ');
    if (space == std::string_view::npos) return Add(std::string(name), std::string(summary));
    const std::string group(name.substr(0, space));
    const auto known = std::find_if(completions_.candidates.begin(), completions_.candidates.end(),
                                    [&](const Candidate& candidate) { return candidate.value == group; });
    if (known == completions_.candidates.end()) Add(group, fmt::format("commands about {}s", group));
  }

  // The words of "table|json"; what is in capitals stands for something else.
  void AddChoices(std::string_view placeholder) {
    if (placeholder.find('|') == std::string_view::npos) return;
    while (!placeholder.empty()) {
      const size_t end = std::min(placeholder.find('|'), placeholder.size());
      const std::string_view word = placeholder.substr(0, end);
      if (word.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string_view::npos)
        Add(std::string(word), "");
      placeholder.remove_prefix(std::min(end + 1, placeholder.size()));
    }
  }

  const GlobalOptions& globals_;
  const PodLister& list_pods_;
  Completions completions_;
};

// Completes `word`, which follows the words that `line` was split from.
void CompleteWord(const Options& options, const SplitLine& line, const std::string& word,
                  WordCompleter& completer) {
  if (line.awaited_value != nullptr) return completer.AddValue(*line.awaited_value, "", word);
  if (!word.starts_with('-')) {
    if (line.awaited_argument != nullptr) completer.AddArgument(*line.awaited_argument, line.arguments, word);
    return;
  }
  const size_t equals = word.find('=');
  if (equals == std::string::npos) return completer.AddOptionNames(options.specs());
  for (const OptionSpec& spec : options.specs()) {
    if (spec.takes_value() && spec.has_name(word.substr(0, equals)))
      completer.AddValue(spec, word.substr(0, equals + 1), word.substr(equals + 1));
  }
}

}  // namespace

Completions Complete(const std::vector<std::string>& words, const PodLister& list_pods) {
  if (words.empty()) return {};
  const std::string& word = words.back();
  GlobalOptions globals;
  WordCompleter completer(globals, list_pods);

  // In front of the command's name.
  bool help = false, version = false;
  Options front;
  DeclareFront(front, globals, help, version);
  SplitLine line = SplitCommandLine(front.specs(), {words.begin(), words.end() - 1}, true);
  (void)ReadOptions(front, line.own);
  if (!line.command || line.command->empty()) {
    CompleteWord(front, line, word, completer);
    if (line.awaited_value == nullptr && !word.starts_with('-')) completer.AddCommands("");
    return completer.Take();
  }

  // The command's name.
  std::vector<std::string> rest = *line.command;
  std::string name = rest.front();
  rest.erase(rest.begin());
  const bool after_help = name == "help";
  if (after_help) {
    if (rest.empty()) {
      completer.AddCommands("");
      return completer.Take();
    }
    name = rest.front();
    rest.erase(rest.begin());
  }
  if (IsGroup(name)) {
    if (rest.empty()) {
      completer.AddCommands(name + " ");
      return completer.Take();
    }
    name += " " + rest.front();
    rest.erase(rest.begin());
  }
  const CommandEntry* const entry = FindCommand(name);
  if (entry == nullptr || entry->hidden || after_help) return completer.Take();

  // The command's own options and arguments.
  const std::unique_ptr<Command> made = entry->make();
  Options options;
  DeclareOptions(*made, options, globals, help);
  line = SplitCommandLine(options.specs(), rest, entry->words != Words::kNone);
  (void)ReadOptions(options, line.own);
  if (!line.command) CompleteWord(options, line, word, completer);
  return completer.Take();
}

std::string CompletionLines(const Completions& completions) {
  std::string lines;
  for (const Candidate& candidate : completions.candidates)
    lines += fmt::format("{}\t{}\n", candidate.value, candidate.help);
  if (completions.paths == CandidatePaths::kFiles) lines += ":files\n";
  if (completions.paths == CandidatePaths::kDirectories) lines += ":directories\n";
  return lines;
}

}  // namespace virtc
