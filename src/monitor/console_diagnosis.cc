#include "monitor/console_diagnosis.h"

#include <string>
#include <vector>

namespace virtcontainers {
namespace {

struct Symptom {
  std::string_view says;
  std::string_view cause;
};

// The first that is found is the answer, so what causes comes before what follows from it.
constexpr Symptom kSymptoms[] = {
    {"virtcontainers-agent: fatal:", "the guest's agent gave up"},
    {"Initramfs unpacking failed",
     "the guest kernel cannot unpack the initramfs: give the VM more memory, or rebuild the guest image"},
    {"System is deadlocked on memory", "the guest has too little memory: give the VM more"},
    {"Out of memory and no killable processes", "the guest has too little memory: give the VM more"},
    {"Out of memory: Killed process 1 ", "the guest has too little memory: give the VM more"},
    {"No working init found", "the guest kernel found no init in the initramfs: rebuild the guest image"},
    {"Unable to mount root fs",
     "the guest kernel found no initramfs, or no init in it: rebuild the guest image, or name another "
     "initrd"},
    {"Requested init", "the guest kernel cannot run the init it was told to"},
    {"Attempted to kill init", "the guest's agent died"},
    {"Kernel panic - not syncing", "the guest kernel panicked"},
    {"BUG: unable to handle", "the guest kernel crashed"},
};

std::string Clean(std::string_view line) {
  constexpr size_t kWidth = 160;
  std::string clean;
  for (size_t i = 0; i < line.size() && clean.size() < kWidth; ++i) {
    const auto c = static_cast<unsigned char>(line[i]);
    if (c == 0x1b) {  // an escape sequence: up to its letter
      while (i + 1 < line.size() &&
             !((line[i] >= 'A' && line[i] <= 'Z') || (line[i] >= 'a' && line[i] <= 'z')))
        ++i;
      continue;
    }
    // Of other bytes some terminals take orders as well.
    if (c >= 0x20 && c < 0x7f) clean += static_cast<char>(c);
    if (c >= 0x80) clean += '?';
  }
  return clean;
}

std::string_view LineAt(std::string_view text, size_t at) {
  const size_t begin = text.rfind('\n', at);
  const size_t from = begin == std::string_view::npos ? 0 : begin + 1;
  return text.substr(from, text.find('\n', at) - from);
}

}  // namespace

std::string DiagnoseConsole(std::string_view console) {
  for (const Symptom& symptom : kSymptoms) {
    const size_t at = console.find(symptom.says);
    if (at == std::string_view::npos) continue;
    return std::string(symptom.cause) + " (\"" + Clean(LineAt(console, at)) + "\")";
  }
  return {};
}

std::string LastLines(std::string_view console, size_t count) {
  std::vector<std::string> lines;
  while (!console.empty() && lines.size() < count) {
    const size_t start = console.rfind('\n');
    std::string line = Clean(console.substr(start == std::string_view::npos ? 0 : start + 1));
    if (!line.empty()) lines.push_back(std::move(line));
    console = start == std::string_view::npos ? std::string_view() : console.substr(0, start);
  }
  std::string text;
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    if (!text.empty()) text += '\n';
    text += *line;
  }
  return text;
}

}  // namespace virtcontainers
