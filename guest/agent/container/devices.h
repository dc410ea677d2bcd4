// The device nodes every container has, and those its spec adds.

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONTAINER_DEVICES_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONTAINER_DEVICES_H_

#include "oci.pb.h"
#include "os/rooted_path.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// Makes /dev/null, zero, full, random, urandom and tty with mode 0666, and the links fd, stdin, stdout,
// stderr, core and ptmx. What is there already stays. Sets the umask to 0.
Status MakeDefaultDevices(const RootedPath& root);

// Makes one node of the spec. The same device that is there already gets the mode and owner; errors:
// FAILED_PRECONDITION for another file in its place.
Status MakeDevice(const RootedPath& root, const grpc::LinuxDevice& device);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONTAINER_DEVICES_H_
