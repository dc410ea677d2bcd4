// What a network has made on the host, for whoever goes on with it or undoes it. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_NETWORK_TRACES_H_
#define VIRTCONTAINERS_SRC_NETWORK_NETWORK_TRACES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"
#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

// A network's file, <pod>/networks/<name>.json. It is written before each effect that does not end with the
// pod's processes, and removed when none is left. It is no part of the pod's record: it must be there also
// when the record was never written.
struct NetworkTraces {
  // An interface that was joined to a tap in a namespace of somebody else.
  struct Link {
    std::string namespace_path;
    uint64_t device = 0, inode = 0;  // of the namespace then
    std::string interface;

    friend bool operator==(const Link&, const Link&) = default;
  };
  std::string owner;  // HostNetwork::Context::key
  std::vector<Link> links;
  std::string tap;           // a tap of the host that was given filters
  std::string port;          // the key of a port of a bridge (BridgePort)
  std::string cni;           // the attachment's record (network/cni), JSON
  ProcessIdentity holder;    // of a namespace of the pod's own; pid 0 if there is none
  ProcessIdentity user_net;  // the user-mode network; pid 0 if there is none

  friend bool operator==(const NetworkTraces&, const NetworkTraces&) = default;
};

std::string FormatTraces(const NetworkTraces& traces);
// Errors: InvalidArgument, naming the field.
Result<NetworkTraces> ParseTraces(std::string_view text);

// Errors: those of reading; DataLoss, naming the path, for a file that is none.
Result<NetworkTraces> LoadTraces(const std::string& path);

// The names of the networks that have a file in the directory. One that is not there has none. Errors: those
// of reading.
Result<std::vector<std::string>> ListNetworkFiles(const std::string& directory);

// Undoes what is left of a network that no VM has, beside its processes. An interface whose tap exists is
// another's. Idempotent. Errors: what could not be undone, with the way out; the call may be repeated.
Status UndoNetwork(const NetworkTraces& traces, Deadline deadline);

// Undoes one link, for a caller that knows that it has made it. Errors: as UndoNetwork.
Status UndoLink(const NetworkTraces::Link& link);

// UndoNetwork for a network's file, which is removed then. One that is not there is no error, and of one that
// has another owner nothing else is undone.
Status UndoNetworkFile(const std::string& path, const std::string& owner, Deadline deadline);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_NETWORK_TRACES_H_
