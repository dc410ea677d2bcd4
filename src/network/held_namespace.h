// A network namespace of a pod's own, with its holder, for the kinds of networks that need one. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_HELD_NAMESPACE_H_
#define VIRTCONTAINERS_SRC_NETWORK_HELD_NAMESPACE_H_

#include <optional>
#include <string>

#include "network/namespace_holder.h"
#include "network/network_namespace.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"
#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

// Not thread-safe.
class HeldNamespace {
 public:
  // Starts the holder. Errors: as NamespaceHolder::Start.
  Status Start(Deadline deadline);
  // Goes on with a holder that has been started before. One that has ended is no error: the namespace lasts
  // as long as the VM has its taps, and nothing but its path is missing.
  Status Rejoin(const ProcessIdentity& holder);
  // Legal after Start. Errors: as NetworkNamespace::Open.
  Result<NetworkNamespace> Open() const;
  Status Bind(const ProcessIdentity& vm, Deadline deadline);
  // Idempotent.
  Status Stop(Deadline deadline);
  void Leave();

  bool held() const { return holder_.has_value(); }
  // For plugins; empty when no holder runs.
  std::string path() const { return holder_ ? holder_->path() : ""; }
  ProcessIdentity process() const { return holder_ ? holder_->process() : ProcessIdentity(); }

 private:
  std::optional<NamespaceHolder> holder_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_HELD_NAMESPACE_H_
