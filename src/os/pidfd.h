// The pidfd system calls, and signals to a process that cannot be a reused pid. Host only.

#ifndef VIRTCONTAINERS_SRC_OS_PIDFD_H_
#define VIRTCONTAINERS_SRC_OS_PIDFD_H_

#include <sys/types.h>

namespace virtcontainers {

// A close-on-exec pidfd, or -1 with errno. (pidfd_open(2); glibc 2.36's <sys/pidfd.h> has C++ linkage by
// mistake)
int OpenPidfd(pid_t pid);

// 0, or -1 with errno. (pidfd_send_signal(2))
int SendPidfdSignal(int pidfd, int signal);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_PIDFD_H_
