// The hooks of a container that run in the guest. (OCI runtime-spec, config.md, "POSIX-platform Hooks")

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONTAINER_HOOKS_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONTAINER_HOOKS_H_

#include <sys/types.h>

#include <functional>
#include <string>

#include "oci.pb.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

using HookList = google::protobuf::RepeatedPtrField<grpc::Hook>;

// Whether the hooks of both turns that are the guest's can be run: absolute paths, and bounded numbers, sizes
// and times. For the agent, before it makes the child.
Status CheckHooks(const grpc::Hooks& hooks);

// What a hook reads on standard input. (OCI runtime-spec, runtime.md, "State")
std::string HookState(const std::string& container_id, pid_t pid, const std::string& bundle,
                      const google::protobuf::Map<std::string, std::string>& annotations);

// Runs one after the other, each with `state` on standard input, its own arguments and nothing but its own
// environment. `prepare` runs in each child before its program. Stops at the first that fails or exceeds its
// time (60 s where it has none): the error names `turn`, the path, how it ended, and the last line it wrote
// to standard error. Blocks, so it is for the container's first process while it is still the agent's image.
Status RunHooks(const HookList& hooks, const char* turn, const std::string& state,
                const std::function<Status()>& prepare);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONTAINER_HOOKS_H_
