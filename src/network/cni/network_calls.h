// Calls of plugins that concern a whole network: STATUS and GC. Host only.
//
// (CNI specification 1.1.0)

#ifndef VIRTCONTAINERS_SRC_NETWORK_CNI_NETWORK_CALLS_H_
#define VIRTCONTAINERS_SRC_NETWORK_CNI_NETWORK_CALLS_H_

#include <string>
#include <vector>

#include "network/cni/list.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers::cni {

struct AttachmentId {
  std::string container;
  std::string interface;

  friend bool operator==(const AttachmentId&, const AttachmentId&) = default;
};

// Asks the plugins whether they can serve ADD. False if none could be asked: the list has not version 1.1.0,
// or no plugin supports it. Errors: that of the first plugin that is not ready, Unavailable; as CallPlugin.
Result<bool> CheckReady(const List& list, Deadline deadline);

// Has the plugins release what belongs to none of the attachments of `valid`: all that there are of this
// network on the host, by whatever program. No other call for the network may run at the same time. It is no
// substitute for Del. False if no plugin could be asked: as CheckReady, or the list disables it. Goes on
// after a plugin that fails. Errors: of each plugin that failed, in one message, with the code of the first.
Result<bool> CollectGarbage(const List& list, const std::vector<AttachmentId>& valid, Deadline deadline);

}  // namespace virtcontainers::cni

#endif  // VIRTCONTAINERS_SRC_NETWORK_CNI_NETWORK_CALLS_H_
