// A filter of system calls for programs that are given all they need as descriptors. Host only.

#ifndef VIRTCONTAINERS_SRC_OS_CONFINE_FILTER_H_
#define VIRTCONTAINERS_SRC_OS_CONFINE_FILTER_H_

#include <linux/filter.h>

#include <vector>

#include "virtcontainers/error.h"

namespace virtcontainers {

// Refuses, with EPERM, what neither user nor namespaces close: sockets that are not of this machine's file
// system (those of vsock know no namespaces and lead to other pods' guests), io_uring, which opens sockets
// without asking, and calls into parts of the kernel that no VMM needs: keys, bpf, tracing, mounts,
// namespaces, handles of files. Calls by any other ABI than the native one are refused as a whole. Programs'
// own filters come on top of it. With `internet`, sockets of IPv4 and IPv6 are allowed, too. (seccomp(2))
std::vector<sock_filter> ConfineFilter(bool internet = false);

// Puts it on the calling thread and all that it starts; needs no_new_privs.
Status InstallFilter(const std::vector<sock_filter>& filter);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_CONFINE_FILTER_H_
