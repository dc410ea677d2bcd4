#include "os/pidfd.h"

#include <sys/syscall.h>
#include <unistd.h>

namespace virtcontainers {

int OpenPidfd(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

int SendPidfdSignal(int pidfd, int signal) {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}

}  // namespace virtcontainers
