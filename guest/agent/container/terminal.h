// The terminal of a process.

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONTAINER_TERMINAL_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONTAINER_TERMINAL_H_

#include <cstdint>

#include "base/unique_fd.h"
#include "oci.pb.h"
#include "os/rooted_path.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

struct Terminal {
  UniqueFd master;
  UniqueFd slave;
};

// A pair from the devpts of `root` (at /dev/pts), or from the guest's own where it has none. `size` in
// characters; zero leaves it unset.
Result<Terminal> OpenTerminal(const RootedPath& root, const grpc::Box& size);

Status SetTerminalSize(int fd, uint32_t rows, uint32_t columns);

// Makes the slave what /dev/console of `root` is.
Status BindConsole(const RootedPath& root, int slave);

// Makes the slave the controlling terminal of the caller, who leads a session without one.
Status TakeTerminal(int slave);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONTAINER_TERMINAL_H_
