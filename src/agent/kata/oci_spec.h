// A container's configuration as Kata's protocol carries it: a mirror of the OCI runtime-spec. Pure.

#ifndef VIRTCONTAINERS_SRC_AGENT_KATA_OCI_SPEC_H_
#define VIRTCONTAINERS_SRC_AGENT_KATA_OCI_SPEC_H_

#include <optional>

#include "agent.pb.h"
#include "oci.pb.h"
#include "virtcontainers/agent.h"
#include "virtcontainers/config.h"

namespace virtcontainers {

// The shared memory of the pod's containers, in the guest. (Kata's contract with its guests)
inline constexpr char kSandboxShm[] = "/run/kata-containers/sandbox/shm";

grpc::Process ToOciProcess(const ProcessConfig& process);

// The user by names, beside the process's numbers; none if there is no name.
std::optional<grpc::StringUser> ToStringUser(const User& user);

grpc::LinuxResources ToOciResources(const ContainerResources& resources);

// What belongs to the host (hooks that run there) is not in it, nor what the protocol has no field for.
grpc::Spec ToOciSpec(const GuestContainer& container);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_AGENT_KATA_OCI_SPEC_H_
