// The option "tmpcopyup" of a tmpfs: it begins with what it covers.

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONTAINER_COPY_UP_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONTAINER_COPY_UP_H_

#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// Copies what is in directory `from` to the empty directory `to`, which nobody else can change: files,
// directories, links, hard links among them, devices, FIFOs and sockets, each with owner, mode, times and
// extended attributes. What is mounted below `from` is left out: its mount point is copied, and empty. Links
// are not followed.
//
// A file is copied as long as it was when it was opened. Errors: RESOURCE_EXHAUSTED for more than 65536
// files, or 64 levels; those of the kernel, such as a tmpfs that is full, with the path. What was copied
// stays.
Status CopyUp(int from, int to);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONTAINER_COPY_UP_H_
