// Whether a network stack at the other end of a stream answers. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_STREAM_PROBE_H_
#define VIRTCONTAINERS_SRC_NETWORK_STREAM_PROBE_H_

#include <string>

#include "network/usernet_options.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// Asks by ARP for the gateway's hardware address, in the guest's name, and blocks until it is told. Reads
// whole frames only, and drops those that come before the answer: a VM can go on with the stream. Errors:
// Unavailable when the other end is closed; DeadlineExceeded; InvalidArgument for what is no frame.
Status AwaitGateway(int stream, const std::string& mac, const UsernetSubnet& ipv4, Deadline deadline);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_STREAM_PROBE_H_
