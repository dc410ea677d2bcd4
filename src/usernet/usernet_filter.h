// The system calls of virtcontainers-usernet while a guest sends it packets. Host only.

#ifndef VIRTCONTAINERS_SRC_USERNET_USERNET_FILTER_H_
#define VIRTCONTAINERS_SRC_USERNET_USERNET_FILTER_H_

#include "virtcontainers/error.h"

namespace virtcontainers {

// Allows this process what libslirp does for a guest, and refuses all else with EPERM: it can make sockets of
// TCP, UDP and ping, connect and accept, but not bind and not listen; no processes, no threads, no signals to
// others, and of files only reading. Needs no_new_privs.
Status InstallUsernetFilter();

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_USERNET_USERNET_FILTER_H_
