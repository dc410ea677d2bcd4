// The first process of a container, from the clone to the exec.

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONTAINER_INIT_PROCESS_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONTAINER_INIT_PROCESS_H_

#include <string>

#include "guest/agent/container/process_setup.h"
#include "oci.pb.h"

namespace virtcontainers::guest {

struct InitPlan {
  ProcessPlan process;
  const grpc::Spec* spec = nullptr;
  std::string container_id;
  std::string bundle;      // what hooks are told, and where they begin
  std::string rootfs;      // a mount point in the agent's root
  std::string hostname;    // to be set in a uts namespace of its own; empty: what it is
  std::string domainname;  // the same
  int uts_namespace = -1;  // the sandbox's, to join; -1 stays where the clone put it
  int ipc_namespace = -1;
  bool own_network = false;  // the clone put it in a new one
};

// The body of the child, which is in new pid and mount namespaces. Makes the container round itself, reports
// ready, waits for one message on the report channel, and becomes the program. Never returns.
[[noreturn]] void RunInitProcess(const InitPlan& plan);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONTAINER_INIT_PROCESS_H_
