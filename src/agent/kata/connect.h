// Reaching the agent's port from the host. Host only.

#ifndef VIRTCONTAINERS_SRC_AGENT_KATA_CONNECT_H_
#define VIRTCONTAINERS_SRC_AGENT_KATA_CONNECT_H_

#include <functional>
#include <memory>

#include "os/stream.h"
#include "virtcontainers/agent.h"
#include "virtcontainers/deadline.h"

namespace virtcontainers {

// A stream to the agent, once the guest answers. Blocks until then, until `deadline`, or until `cancelled`
// says so, which is asked some times a second. Errors: DeadlineExceeded, Cancelled; NotFound for a socket
// that is not there.
Result<std::unique_ptr<Stream>> ConnectAgent(const AgentAddress& address,
                                             const std::function<bool()>& cancelled, Deadline deadline);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_AGENT_KATA_CONNECT_H_
