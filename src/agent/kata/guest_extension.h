// What a container or a process asks for that Kata's protocol has no field for. Pure.

#ifndef VIRTCONTAINERS_SRC_AGENT_KATA_GUEST_EXTENSION_H_
#define VIRTCONTAINERS_SRC_AGENT_KATA_GUEST_EXTENSION_H_

#include <string>

#include "guest.pb.h"
#include "virtcontainers/config.h"

namespace virtcontainers {

// Each adds it to `request`. Answers what there was, for a person; empty if Kata's own call says all.
std::string Extend(const ContainerConfig& config, wire::ExtendedCreateRequest* request);
std::string Extend(const ProcessConfig& config, wire::ExtendedExecRequest* request);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_AGENT_KATA_GUEST_EXTENSION_H_
