// Attaches a network namespace to a CNI network, checks that, and takes it back. Host only.
//
// Plugins run in the calling thread's namespaces, which are the host's side of the network. All of it needs
// the rights that the plugins need: root. Calls for one attachment, which is a container's id and an
// interface's name, must not overlap; those of different ones may. Thread-compatible.

#ifndef VIRTCONTAINERS_SRC_NETWORK_CNI_ATTACHMENT_H_
#define VIRTCONTAINERS_SRC_NETWORK_CNI_ATTACHMENT_H_

#include <functional>
#include <string>

#include "network/cni/list.h"
#include "network/cni/record.h"
#include "network/cni/request.h"
#include "network/cni/result.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers::cni {

// Is told the result after each plugin, the last included.
using ResultObserver = std::function<Status(const std::string& result)>;

// Executes the plugins in their order. A Record without a result must have been written durably before, so
// that Del can be called whatever becomes of this process. With `observer` that record can have the results
// so far: some plugins undo more then. An error of the observer makes the call fail.
//
// When it fails, Del has been executed for all plugins that were begun, with a time of its own (10 s), also
// where the caller cancelled the call. What that could not do is named after the error. Calling Del again
// does no harm.
//
// Errors: InvalidArgument for a request that plugins cannot be called with; NotFound for a plugin that is not
// there, or for a namespace that is not; those of CallPlugin; InvalidArgument for a result that cannot be
// read.
Result<CniResult> Add(const List& list, const Request& request, Deadline deadline,
                      const ResultObserver& observer = {});

// Executes the plugins in reverse order, and all of them also when some fail. Plugins of the same attachment
// that still run, because the process that called them was killed, get up to two seconds to end, and are
// killed. The namespace may be gone. May be called any number of times, and by any process.
//
// Each plugin may use its share of the time that is left. Errors: of each plugin that failed, in one message,
// with the code of the first; as Add otherwise.
Status Del(const Record& record, Deadline deadline);

// Asks the plugins whether what ADD made is still there. False if there was nothing to ask: the list disables
// it, its version is below 0.4.0, or the record has no result. Errors: that of the first plugin that misses
// something.
Result<bool> Check(const Record& record, Deadline deadline);

}  // namespace virtcontainers::cni

#endif  // VIRTCONTAINERS_SRC_NETWORK_CNI_ATTACHMENT_H_
