#include "signal_names.h"

#include <signal.h>

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <iterator>
#include <string>

#include "base/errors.h"

namespace virtc {

using virtcontainers::Code;
using virtcontainers::Fail;
using virtcontainers::Result;

namespace {

struct SignalName {
  std::string_view name;
  int number;
};

constexpr SignalName kSignals[] = {
    {"HUP", SIGHUP},   {"INT", SIGINT},       {"QUIT", SIGQUIT}, {"ILL", SIGILL},     {"TRAP", SIGTRAP},
    {"ABRT", SIGABRT}, {"IOT", SIGABRT},      {"BUS", SIGBUS},   {"FPE", SIGFPE},     {"KILL", SIGKILL},
    {"USR1", SIGUSR1}, {"SEGV", SIGSEGV},     {"USR2", SIGUSR2}, {"PIPE", SIGPIPE},   {"ALRM", SIGALRM},
    {"TERM", SIGTERM}, {"STKFLT", SIGSTKFLT}, {"CHLD", SIGCHLD}, {"CONT", SIGCONT},   {"STOP", SIGSTOP},
    {"TSTP", SIGTSTP}, {"TTIN", SIGTTIN},     {"TTOU", SIGTTOU}, {"URG", SIGURG},     {"XCPU", SIGXCPU},
    {"XFSZ", SIGXFSZ}, {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF}, {"WINCH", SIGWINCH}, {"IO", SIGIO},
    {"POLL", SIGIO},   {"PWR", SIGPWR},       {"SYS", SIGSYS}};

constexpr int kRealTimeMin = 34, kRealTimeMax = 64;  // as C libraries count them
constexpr int kLastSignal = 64;

bool ParseNumber(std::string_view text, int& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

// "RTMIN+3": `base` is what `name` stands for, `sign` what may come behind it. 0 if it is something else.
int RealTime(std::string_view text, std::string_view name, int base, char sign) {
  if (!text.starts_with(name)) return 0;
  text.remove_prefix(name.size());
  if (text.empty()) return base;
  int offset = 0;
  if (text.front() != sign || !ParseNumber(text.substr(1), offset)) return 0;
  if (offset < 0 || offset > kRealTimeMax - kRealTimeMin) return 0;
  return sign == '+' ? base + offset : base - offset;
}

}  // namespace

std::vector<std::string_view> SignalNames() {
  std::vector<std::string_view> names;
  for (const SignalName& signal : kSignals) names.push_back(signal.name);
  return names;
}

Result<int> ParseSignal(std::string_view option, std::string_view text) {
  int number = 0;
  if (ParseNumber(text, number)) {
    if (number >= 0 && number <= kLastSignal) return number;
    return Fail(Code::kInvalidArgument, fmt::format("{} '{}' is no signal's number: they go from 0 to {}",
                                                    option, text, kLastSignal));
  }
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  std::string_view name = upper;
  if (name.starts_with("SIG")) name.remove_prefix(3);
  const auto* const found = std::find_if(std::begin(kSignals), std::end(kSignals),
                                         [&](const SignalName& signal) { return signal.name == name; });
  if (found != std::end(kSignals)) return found->number;
  if (const int signal = RealTime(name, "RTMIN", kRealTimeMin, '+'); signal != 0) return signal;
  if (const int signal = RealTime(name, "RTMAX", kRealTimeMax, '-'); signal != 0) return signal;
  return Fail(
      Code::kInvalidArgument,
      fmt::format("{} '{}' is no signal: use a name such as TERM, KILL, INT, HUP or USR1, or a number",
                  option, text));
}

}  // namespace virtc
