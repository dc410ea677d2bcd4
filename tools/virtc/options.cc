#include "options.h"

#include <algorithm>

namespace virtc {

namespace {

std::vector<std::string> SplitNames(std::string_view names) {
  std::vector<std::string> list;
  while (true) {
    const size_t comma = names.find(',');
    list.emplace_back(names.substr(0, comma));
    if (comma == std::string_view::npos) return list;
    names.remove_prefix(comma + 1);
  }
}

// Reads a command line as far as its arguments have to be counted.
class LineReader {
 public:
  explicit LineReader(const std::vector<OptionSpec>& specs) {
    for (const OptionSpec& spec : specs) (spec.is_argument() ? arguments_ : options_).push_back(&spec);
  }

  // Notes the options in `word`, and returns the one whose value is the next word, if there is one.
  const OptionSpec* ReadOption(std::string_view word) {
    if (word.starts_with("--")) {
      const OptionSpec* const option = Seen(word.substr(0, word.find('=')));
      const bool complete = word.find('=') != std::string_view::npos;
      return option != nullptr && option->takes_value() && !complete ? option : nullptr;
    }
    // "-it" is two flags, "-eA=1" an option with its value.
    for (size_t i = 1; i < word.size(); ++i) {
      const OptionSpec* const option = Seen(std::string("-") + word[i]);
      if (option != nullptr && option->takes_value()) return i + 1 == word.size() ? option : nullptr;
    }
    return nullptr;
  }

  // The argument that the next word is taken for; null if there is none left.
  const OptionSpec* TakeArgument() {
    while (next_ < arguments_.size()) {
      const OptionSpec* const argument = arguments_[next_];
      if (argument->kind == OptionSpec::Kind::kArguments) return argument;
      ++next_;
      const bool replaced = std::any_of(seen_.begin(), seen_.end(), [&](const OptionSpec* option) {
        return !argument->instead.empty() && option->has_name(argument->instead);
      });
      if (!replaced) return argument;
    }
    return nullptr;
  }

  bool NextIsContainer() const {
    return next_ < arguments_.size() &&
           (arguments_[next_]->has_name("CONTAINER") || arguments_[next_]->has_name("NAME"));
  }

 private:
  const OptionSpec* Seen(std::string_view name) {
    const auto found = std::find_if(options_.begin(), options_.end(),
                                    [&](const OptionSpec* option) { return option->has_name(name); });
    if (found == options_.end()) return nullptr;
    seen_.push_back(*found);
    return *found;
  }

  std::vector<const OptionSpec*> options_, arguments_, seen_;
  size_t next_ = 0;
};

}  // namespace

bool OptionSpec::has_name(std::string_view name) const {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Options& Options::Group(std::string heading) {
  group_ = std::move(heading);
  return *this;
}

Options& Options::Text(const std::string& names, const std::string& placeholder, std::string& value,
                       const std::string& help) {
  specs_.push_back({OptionSpec::Kind::kText, SplitNames(names), placeholder, help, group_, &value, {}});
  return *this;
}

Options& Options::List(const std::string& names, const std::string& placeholder,
                       std::vector<std::string>& values, const std::string& help) {
  specs_.push_back({OptionSpec::Kind::kList, SplitNames(names), placeholder, help, group_, &values, {}});
  return *this;
}

Options& Options::Flag(const std::string& names, bool& value, const std::string& help) {
  specs_.push_back({OptionSpec::Kind::kFlag, SplitNames(names), {}, help, group_, &value, {}});
  return *this;
}

Options& Options::Argument(const std::string& name, std::string& value, const std::string& help) {
  specs_.push_back({OptionSpec::Kind::kArgument, {name}, {}, help, {}, &value, {}});
  return *this;
}

Options& Options::OptionalArgument(const std::string& name, std::string& value, const std::string& help,
                                   const std::string& instead) {
  specs_.push_back({OptionSpec::Kind::kOptionalArgument, {name}, {}, help, {}, &value, instead});
  return *this;
}

Options& Options::Arguments(const std::string& name, std::vector<std::string>& values,
                            const std::string& help) {
  specs_.push_back({OptionSpec::Kind::kArguments, {name}, {}, help, {}, &values, {}});
  return *this;
}

SplitLine SplitCommandLine(const std::vector<OptionSpec>& specs, const std::vector<std::string>& words,
                           bool takes_command) {
  SplitLine line;
  LineReader reader(specs);
  for (auto word = words.begin(); word != words.end(); ++word) {
    if (line.awaited_value != nullptr) {
      line.awaited_value = nullptr;
    } else if (*word == "--") {
      line.command.emplace(word + 1, words.end());
      return line;
    } else if (word->size() > 1 && word->front() == '-') {
      line.awaited_value = reader.ReadOption(*word);
    } else {
      const OptionSpec* const argument = reader.TakeArgument();
      if (argument == nullptr && takes_command) {
        line.command.emplace(word, words.end());
        return line;
      }
      const size_t slash = word->find('/');
      if (argument != nullptr && argument->has_name("POD") && reader.NextIsContainer() &&
          slash != std::string::npos) {
        (void)reader.TakeArgument();
        for (const std::string& id : {word->substr(0, slash), word->substr(slash + 1)}) {
          line.own.push_back(id);
          line.arguments.push_back(id);
        }
        continue;
      }
      line.arguments.push_back(*word);
    }
    line.own.push_back(*word);
  }
  if (line.awaited_value == nullptr) line.awaited_argument = reader.TakeArgument();
  return line;
}

}  // namespace virtc
