#include "exit_status.h"

#include "command.h"

namespace virtc {

using virtcontainers::Code;

int ExitStatusOf(const virtcontainers::Error& error, const std::vector<std::string>& programs) {
  if (error.code() != Code::kNotFound && error.code() != Code::kPermissionDenied) return kExitFailed;
  // Errors carry no field that says what was not found; the message quotes it.
  for (const std::string& program : programs) {
    if (program.empty()) continue;
    const std::string& message = error.message();
    if (message.find("'" + program + "'") != std::string::npos ||
        message.find("/" + program + "'") != std::string::npos)
      return error.code() == Code::kNotFound ? kExitNotFound : kExitCannotExecute;
  }
  return kExitFailed;
}

}  // namespace virtc
