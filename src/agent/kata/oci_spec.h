// A container's configuration as Kata's protocol carries it: a mirror of the OCI runtime-spec. Pure.

#ifndef VIRTCONTAINERS_SRC_AGENT_KATA_OCI_SPEC_H_
#define VIRTCONTAINERS_SRC_AGENT_KATA_OCI_SPEC_H_

#include "oci.pb.h"
#include "virtcontainers/agent.h"
#include "virtcontainers/config.h"

namespace virtcontainers {

grpc::Process ToOciProcess(const ProcessConfig& process);

// What belongs to the host (the network, the path of a namespace, hooks) is not in it.
grpc::Spec ToOciSpec(const GuestContainer& container);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_AGENT_KATA_OCI_SPEC_H_
