// Short lines on the guest's console.

#ifndef VIRTCONTAINERS_GUEST_AGENT_OS_LOG_H_
#define VIRTCONTAINERS_GUEST_AGENT_OS_LOG_H_

#include <string_view>

namespace virtcontainers::guest {

enum class LogLevel { kError, kWarn, kInfo, kDebug };

// Lines below `level` are dropped from now on. kInfo until it is called.
void SetLogLevel(LogLevel level);
bool LogEnabled(LogLevel level);

// Standard error is written to unless this names another descriptor (not owned).
void SetLogFd(int fd);

// One line, "virtcontainers-agent: TEXT", in one write so that lines of several processes do not mix.
// Control characters become '?': what is logged may come from a container. Never fails.
void Log(LogLevel level, std::string_view text);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_OS_LOG_H_
