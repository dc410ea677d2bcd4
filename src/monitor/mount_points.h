// The places where a container's mounts are attached, in a root file system that the guest cannot change.
// Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_MOUNT_POINTS_H_
#define VIRTCONTAINERS_SRC_MONITOR_MOUNT_POINTS_H_

#include <vector>

#include "virtcontainers/config.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// Makes in the rootfs of `container`, on the host, what is missing of its mounts' destinations and of its
// working directory: directories, and empty files for the bind mounts of files. A destination below another
// one is in what is mounted there, and the guest makes it. Symbolic links of the rootfs lead nowhere else.
//
// A container with a read-only rootfs needs this before the share shows the rootfs, in which the guest can
// make nothing then. Other runtimes make them, too, before they make the rootfs read-only. What is made stays
// there.
//
// Of the mounts in `optional`, one for which no place can be made is taken out of the container, and that is
// logged. Errors: FailedPrecondition, naming the place, for any other.
Status MakeMountPoints(ContainerConfig& container, const std::vector<Mount>& optional);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_MOUNT_POINTS_H_
