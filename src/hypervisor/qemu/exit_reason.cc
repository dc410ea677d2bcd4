#include "hypervisor/qemu/exit_reason.h"

#include <csignal>

namespace virtcontainers {
namespace {

constexpr size_t kMaxWords = 1024;
constexpr std::string_view kProgram = "qemu-system-";
constexpr std::string_view kPanic = "Kernel panic - not syncing";

// Text of a guest's must not move the cursor of the terminal that it ends up on.
std::string Printable(std::string_view text) {
  std::string printable;
  for (const char c : text.substr(0, kMaxWords)) {
    const auto byte = static_cast<unsigned char>(c);
    printable += byte < 0x20 || byte >= 0x7f ? '?' : c;
  }
  return printable;
}

// The text before the next line end, which is taken off.
std::string_view TakeLine(std::string_view& text) {
  const size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  return line;
}

std::string WithDetail(std::string reason, const std::string& detail) {
  return detail.empty() ? reason : reason + ": " + detail;
}

}  // namespace

std::string QemuWords(std::string_view log) {
  std::string words;
  while (!log.empty()) {
    std::string_view line = TakeLine(log);
    // The CPU model "max" makes QEMU complain of what its emulation lacks.
    if (line.empty() || line.find("warning: TCG doesn't support") != std::string_view::npos) continue;
    if (line.substr(0, kProgram.size()) == kProgram) {
      if (const size_t colon = line.find(": "); colon != std::string_view::npos)
        line.remove_prefix(colon + 2);
    }
    if (!words.empty()) words += "; ";
    words += line;
  }
  // The last words are the ones that count.
  if (words.size() > kMaxWords) words = words.substr(words.size() - kMaxWords);
  return Printable(words);
}

std::string KernelPanic(std::string_view console) {
  const size_t panic = console.rfind(kPanic);
  // "---[ end Kernel panic - not syncing: … ]---" repeats it.
  if (panic == std::string_view::npos) return "";
  std::string_view line = console.substr(panic);
  line = TakeLine(line);
  if (const size_t end = line.find(" ]---"); end != std::string_view::npos) line = line.substr(0, end);
  return Printable(line);
}

VmExit ExplainQemuEnd(const QemuEnd& end) {
  if (end.stopped) return {true, "stopped"};
  if (end.process && end.process->signaled) {
    return {false, WithDetail("vm exited: killed by signal " + std::to_string(end.process->value),
                              end.process->value == SIGKILL ? end.lack_of_memory : "")};
  }
  if (end.shutdown_reason == "guest-shutdown") return {true, "guest powered off"};
  if (end.shutdown_reason == "guest-reset") {
    const std::string panic = KernelPanic(end.console);
    if (panic.empty() && end.powers_off_by_reset) return {true, "guest powered off"};
    return {false, WithDetail("guest reset itself", panic)};
  }
  if (end.shutdown_reason == "guest-panic") {
    return {false, WithDetail("guest panicked", KernelPanic(end.console))};
  }
  if (end.shutdown_reason == "host-signal") return {false, "vm exited: a signal asked it to"};
  if (end.shutdown_reason == "host-qmp-quit")
    return {false, "vm exited: another client of its monitor asked it to"};
  if (!end.process) {
    return {false, WithDetail("vm exited: killed or failed, its status went to another",
                              end.lack_of_memory.empty() ? QemuWords(end.log) : end.lack_of_memory)};
  }
  return {false, WithDetail("vm exited: status " + std::to_string(end.process->value), QemuWords(end.log))};
}

}  // namespace virtcontainers
