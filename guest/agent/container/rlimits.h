// Resource limits of a process.

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONTAINER_RLIMITS_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONTAINER_RLIMITS_H_

#include <string_view>

#include "oci.pb.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// The RLIMIT_* number of "RLIMIT_NOFILE", or -1.
int RlimitNumber(std::string_view name);

// INVALID_ARGUMENT for a name that does not exist or a soft limit above the hard one.
Status CheckRlimits(const google::protobuf::RepeatedPtrField<grpc::POSIXRlimit>& limits);

// Sets them for the caller.
Status SetRlimits(const google::protobuf::RepeatedPtrField<grpc::POSIXRlimit>& limits);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONTAINER_RLIMITS_H_
