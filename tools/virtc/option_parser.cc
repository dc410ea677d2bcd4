#include "option_parser.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>

#include "base/errors.h"
#include "suggestions.h"

namespace virtc {

using virtcontainers::Code;
using virtcontainers::Fail;
using virtcontainers::Status;

namespace {

void Declare(CLI::App& app, const OptionSpec& spec) {
  const std::string names = fmt::format("{}", fmt::join(spec.names, ","));
  switch (spec.kind) {
    case OptionSpec::Kind::kFlag:
      app.add_flag(names, *std::get<bool*>(spec.value));
      break;
    case OptionSpec::Kind::kText:
      app.add_option(names, *std::get<std::string*>(spec.value))->take_last();
      break;
    case OptionSpec::Kind::kList:
      app.add_option(names, *std::get<std::vector<std::string>*>(spec.value))
          ->take_all()
          ->allow_extra_args(false);
      break;
    case OptionSpec::Kind::kArgument:
      app.add_option(names, *std::get<std::string*>(spec.value))->required();
      break;
    case OptionSpec::Kind::kArguments:
      app.add_option(names, *std::get<std::vector<std::string>*>(spec.value))->required();
      break;
    case OptionSpec::Kind::kOptionalArgument:
      app.add_option(names, *std::get<std::string*>(spec.value));
      break;
  }
}

}  // namespace

Status ReadOptions(const Options& options, std::vector<std::string> words) {
  CLI::App app;
  app.set_help_flag();  // its own throws in the middle of parsing
  app.allow_extras();
  for (const OptionSpec& spec : options.specs()) Declare(app, spec);
  std::reverse(words.begin(), words.end());  // it takes them from the back
  try {
    app.parse(std::move(words));
  } catch (const CLI::RequiredError& error) {
    std::string what = error.what();
    const std::string tail = " is required";
    if (what.ends_with(tail)) what.resize(what.size() - tail.size());
    return Fail(Code::kInvalidArgument, fmt::format("{} is missing", what));
  } catch (const CLI::ArgumentMismatch& error) {
    const std::string what = error.what();
    return Fail(Code::kInvalidArgument,
                fmt::format("option '{}' needs a value", what.substr(0, what.find(':'))));
  } catch (const CLI::ParseError& error) {
    return Fail(Code::kInvalidArgument, error.what());
  }
  const std::vector<std::string> extras = app.remaining();
  if (extras.empty()) return {};
  const std::string& extra = extras.front();
  if (extra.size() > 1 && extra.front() == '-')
    return Fail(Code::kInvalidArgument, UnknownOption(options.specs(), extra.substr(0, extra.find('='))));
  return Fail(Code::kInvalidArgument, fmt::format("unexpected argument '{}'", extra));
}

}  // namespace virtc
