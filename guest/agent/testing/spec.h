// Requests for containers, as the tests of the agent make them.

#ifndef VIRTCONTAINERS_GUEST_AGENT_TESTING_SPEC_H_
#define VIRTCONTAINERS_GUEST_AGENT_TESTING_SPEC_H_

#include <string>
#include <vector>

#include "agent.pb.h"

namespace virtcontainers::guest {

// What `crun spec` and `runc spec` write as config.json: mounts, capabilities, masked paths, a read-only
// root.
grpc::CreateContainerRequest DefaultContainer(const std::string& id, const std::string& rootfs,
                                              const std::vector<std::string>& arguments);

void AddMount(grpc::Spec& spec, const std::string& destination, const std::string& type,
              const std::string& source, const std::vector<std::string>& options);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_TESTING_SPEC_H_
