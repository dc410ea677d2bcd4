// The guest's network, as the host sees and sets it.

#ifndef VIRTCONTAINERS_GUEST_AGENT_NETWORK_NETWORK_H_
#define VIRTCONTAINERS_GUEST_AGENT_NETWORK_NETWORK_H_

#include "agent.pb.h"
#include "types.pb.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

Result<grpc::Interfaces> ListInterfaces();

// Gives the interface with that hardware address the name, mtu and addresses of the request, and brings it
// up. Without one of that address, the interface of that name gets it (a clone of a template has another's).
// NOT_FOUND without either. Blocks; does not wait for a device that is on its way.
Status UpdateInterface(const types::Interface& wanted);

// The routes of the main table, except those the kernel makes itself.
Result<grpc::Routes> ListRoutes();

// Replaces them all.
Status UpdateRoutes(const grpc::Routes& wanted);

Status AddNeighbors(const grpc::ARPNeighbors& neighbors);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_NETWORK_NETWORK_H_
