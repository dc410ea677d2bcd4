#include "exit_status.h"

#include "command.h"

namespace virtc {

using virtcontainers::Reason;

int ExitStatusOf(const virtcontainers::Error& error) {
  if (error.reason() == Reason::kCommandNotFound) return kExitNotFound;
  if (error.reason() == Reason::kCommandNotExecutable) return kExitCannotExecute;
  return kExitFailed;
}

}  // namespace virtc
