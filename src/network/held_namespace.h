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
  // Goes on with a holder that has been started before. One that has ended is no error: the namespace is out
  // of reach then.
  Status Rejoin(const ProcessIdentity& holder);
  // The namespace, which exists at least until Stop; null before Start, and where Rejoin has found it gone.
  const NetworkNamespace* space() const { return space_ ? &*space_ : nullptr; }
  Status Bind(const ProcessIdentity& vm, Deadline deadline);
  // Idempotent.
  Status Stop(Deadline deadline);
  void Leave();

  // For plugins; empty when no holder runs.
  std::string path() const { return holder_ ? holder_->path() : ""; }
  ProcessIdentity process() const { return holder_ ? holder_->process() : ProcessIdentity(); }

 private:
  Status Open();

  std::optional<NamespaceHolder> holder_;
  std::optional<NetworkNamespace> space_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_HELD_NAMESPACE_H_
