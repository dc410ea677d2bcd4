#include "guest/agent/os/log.h"

#include <unistd.h>

#include <string>

namespace virtcontainers::guest {

namespace {

constexpr size_t kMaxLine = 1024;

LogLevel g_level = LogLevel::kInfo;
int g_fd = STDERR_FILENO;

}  // namespace

void SetLogLevel(LogLevel level) { g_level = level; }
bool LogEnabled(LogLevel level) { return level <= g_level; }
void SetLogFd(int fd) { g_fd = fd; }

void Log(LogLevel level, std::string_view text) {
  if (!LogEnabled(level)) return;
  std::string line = "virtcontainers-agent: ";
  if (level == LogLevel::kError) line += "error: ";
  if (level == LogLevel::kWarn) line += "warning: ";
  for (const char c : text.substr(0, kMaxLine)) {
    line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  }
  line += '\n';
  // The console is all there is: if it cannot be written to, there is nobody to tell.
  [[maybe_unused]] const ssize_t ignored = ::write(g_fd, line.data(), line.size());
}

}  // namespace virtcontainers::guest
