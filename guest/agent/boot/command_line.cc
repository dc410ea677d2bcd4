#include "guest/agent/boot/command_line.h"

namespace virtcontainers::guest {

namespace {

// False if the value means nothing.
bool Set(std::string_view key, std::string_view value, CommandLine* line) {
  if (key == "virtcontainers.transport") {
    if (value == "virtio-serial") return line->transport = CommandLine::Transport::kVirtioSerial, true;
    if (value == "vsock") return line->transport = CommandLine::Transport::kVsock, true;
    return false;
  }
  if (key == "virtcontainers.poweroff") {
    if (value == "acpi") return line->power_off = CommandLine::PowerOff::kAcpi, true;
    if (value == "reset") return line->power_off = CommandLine::PowerOff::kReset, true;
    return false;
  }
  if (key == "agent.log") {
    // Other agents have one more at each end.
    if (value == "error" || value == "critical") return line->log_level = LogLevel::kError, true;
    if (value == "warn") return line->log_level = LogLevel::kWarn, true;
    if (value == "info") return line->log_level = LogLevel::kInfo, true;
    if (value == "debug" || value == "trace") return line->log_level = LogLevel::kDebug, true;
    return false;
  }
  return true;
}

}  // namespace

CommandLine ParseCommandLine(std::string_view text) {
  CommandLine line;
  constexpr std::string_view kSpace = " \t\n";
  while (true) {
    const size_t begin = text.find_first_not_of(kSpace);
    if (begin == std::string_view::npos) return line;
    text.remove_prefix(begin);
    // A quoted value of the kernel's may hold spaces.
    size_t end = 0;
    for (bool quoted = false; end < text.size(); ++end) {
      if (text[end] == '"') quoted = !quoted;
      if (!quoted && kSpace.find(text[end]) != std::string_view::npos) break;
    }
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end);
    const size_t equals = word.find('=');
    if (equals == std::string_view::npos) continue;
    std::string_view value = word.substr(equals + 1);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    if (!Set(word.substr(0, equals), value, &line)) line.mistakes.emplace_back(word);
  }
}

}  // namespace virtcontainers::guest
