// Releasing what CNI plugins have made for a pod, also when the namespace that they made it for has gone.
// Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_CNI_RELEASE_H_
#define VIRTCONTAINERS_SRC_NETWORK_CNI_RELEASE_H_

#include "network/cni/record.h"
#include "network/network_namespace.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// DEL for an attachment. `space` is its namespace, or null if that has gone; the path in the record is not
// used, as another process may have the pid in it by now.
//
// The plugins bridge and ptp look the addresses up in the namespace to find their masquerading rules. In the
// place of a namespace that has gone they are given another one, which has an interface with the same name
// and addresses. Errors: as cni::Del.
Status ReleaseCni(cni::Record record, const NetworkNamespace* space, Deadline deadline);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_CNI_RELEASE_H_
