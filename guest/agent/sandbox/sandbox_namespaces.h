// The namespaces that the containers of a sandbox share.

#ifndef VIRTCONTAINERS_GUEST_AGENT_SANDBOX_SANDBOX_NAMESPACES_H_
#define VIRTCONTAINERS_GUEST_AGENT_SANDBOX_SANDBOX_NAMESPACES_H_

#include <string>

#include "base/unique_fd.h"
#include "guest/agent/os/reaper.h"
#include "guest/agent/os/spawn.h"
#include "virtcontainers/error.h"

namespace virtcontainers::guest {

class SandboxNamespaces {
 public:
  SandboxNamespaces() = default;
  ~SandboxNamespaces();
  SandboxNamespaces(const SandboxNamespaces&) = delete;
  SandboxNamespaces& operator=(const SandboxNamespaces&) = delete;

  // Makes the uts namespace, with the hostname in it unless that is empty, and the ipc namespace.
  Status Make(const std::string& hostname);

  // A pid namespace whose first process does nothing but collect the orphans of the others; made when first
  // asked for.
  Result<int> SharedPid();

  int uts() const { return uts_.get(); }
  int ipc() const { return ipc_.get(); }

 private:
  UniqueFd uts_;
  UniqueFd ipc_;
  Child pause_;
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_SANDBOX_SANDBOX_NAMESPACES_H_
