#include "suggestions.h"

#include <algorithm>
#include <fmt/format.h>

#include "parse.h"

namespace virtc {

namespace {

struct Phrase {
  std::string_view word;
  std::string_view text;
};

std::string_view Find(const std::vector<Phrase>& phrases, std::string_view word) {
  const auto found =
      std::find_if(phrases.begin(), phrases.end(), [&](const Phrase& phrase) { return phrase.word == word; });
  return found == phrases.end() ? std::string_view() : found->text;
}

// Words of other tools for commands that virtc has under another name. Those that are unambiguous and often
// typed are aliases in the table of commands instead.
std::string_view Synonym(std::string_view word) {
  static const std::vector<Phrase> synonyms = {
      {"exec", "enter"},  {"enter", "exec"}, {"remove", "rm"},    {"freeze", "pause"},  {"copy", "cp"},
      {"signal", "kill"}, {"kill", "stop"},  {"show", "inspect"}, {"state", "inspect"}, {"info", "inspect"},
      {"log", "logs"},    {"add", "create"}, {"top", "stats"},    {"ps", "list"},
  };
  return Find(synonyms, word);
}

// Words of other tools for what virtc does not have.
std::string_view Absent(std::string_view word) {
  constexpr std::string_view kImages =
      "virtc has no images: --rootfs DIR names a directory that is a container's root file system, and "
      "--bundle "
      "DIR an OCI bundle";
  constexpr std::string_view kVolumes =
      "virtc manages no volumes: --volume HOST:CONTAINER shows a file or directory of the host in a "
      "container";
  constexpr std::string_view kPrune =
      "'virtc pod delete' deletes a pod, and 'virtc gc' removes what crashed processes left behind";
  constexpr std::string_view kRestart = "use 'virtc stop', then 'virtc start'";
  static const std::vector<Phrase> absent = {
      {"image", kImages},    {"images", kImages}, {"pull", kImages},   {"push", kImages},
      {"build", kImages},    {"rmi", kImages},    {"tag", kImages},    {"commit", kImages},
      {"save", kImages},     {"load", kImages},   {"import", kImages}, {"export", kImages},
      {"login", kImages},    {"logout", kImages}, {"search", kImages}, {"volume", kVolumes},
      {"volumes", kVolumes}, {"prune", kPrune},   {"system", kPrune},  {"restart", kRestart},
  };
  return Find(absent, word);
}

// Options of other tools for what virtc does not have.
std::string_view AbsentOption(std::string_view option) {
  constexpr std::string_view kImages = "virtc has no images: the command and its arguments come last";
  static const std::vector<Phrase> absent = {
      {"--entrypoint", kImages},
      {"--pull", kImages},
      {"--platform", kImages},
      {"--mount", "use --volume HOST:CONTAINER"},
  };
  return Find(absent, option);
}

std::string DidYouMean(std::string_view word, std::string_view prefix = {}) {
  return word.empty() ? "" : fmt::format(": did you mean '{}{}'?", prefix, word);
}

// The words that may follow `prefix`, as "pod " or nothing.
std::vector<std::string_view> WordsAfter(std::string_view prefix) {
  std::vector<std::string_view> words;
  const auto add = [&](std::string_view name) {
    if (!name.starts_with(prefix)) return;
    name.remove_prefix(prefix.size());
    words.push_back(name.substr(0, name.find(' ')));
  };
  for (const CommandEntry& entry : Commands()) {
    if (entry.hidden) continue;
    add(entry.name);
    for (const std::string_view alias : entry.aliases) add(alias);
  }
  return words;
}

}  // namespace

std::string UnknownCommand(std::string_view group, std::string_view typed) {
  const std::string prefix = group.empty() ? "" : fmt::format("{} ", group);
  const std::string unknown = fmt::format("unknown command '{}{}'", prefix, typed);
  const std::vector<std::string_view> words = WordsAfter(prefix);
  std::string_view meant = Synonym(typed);
  if (std::find(words.begin(), words.end(), meant) == words.end()) meant = {};
  if (meant.empty()) {
    if (const std::string_view instead = Absent(typed); !instead.empty())
      return fmt::format("{}: {}", unknown, instead);
  }
  // "virtc list": the group was left out.
  for (const CommandEntry& entry : Commands()) {
    if (meant.empty() && group.empty() &&
        (entry.name == fmt::format("pod {}", typed) || entry.name == fmt::format("container {}", typed)))
      meant = entry.name;
  }
  // "virtc pod logs": the group is one too many.
  if (meant.empty() && !group.empty() && FindCommand(typed) != nullptr) return unknown + DidYouMean(typed);
  if (meant.empty()) meant = Nearest(typed, words);
  return unknown + DidYouMean(meant, prefix);
}

const CommandEntry* CommandWithOption(std::string_view typed) {
  for (const CommandEntry& entry : Commands()) {
    if (entry.hidden) continue;
    const std::unique_ptr<Command> command = entry.make();
    Options options;
    command->Declare(options);
    for (const OptionSpec& spec : options.specs()) {
      if (!spec.is_argument() && spec.has_name(typed)) return &entry;
    }
  }
  return nullptr;
}

std::string UnknownOption(const std::vector<OptionSpec>& specs, std::string_view typed) {
  const std::string unknown = fmt::format("unknown option '{}'", typed);
  const bool makes_container = std::any_of(specs.begin(), specs.end(),
                                           [](const OptionSpec& spec) { return spec.has_name("--rootfs"); });
  if (const std::string_view instead = AbsentOption(typed); makes_container && !instead.empty())
    return fmt::format("{}: {}", unknown, instead);
  std::vector<std::string_view> names;
  for (const OptionSpec& spec : specs) {
    if (spec.is_argument()) continue;
    for (const std::string& name : spec.names) {
      if (name.starts_with("--")) names.emplace_back(name);
    }
  }
  return unknown + DidYouMean(Nearest(typed, names));
}

}  // namespace virtc
