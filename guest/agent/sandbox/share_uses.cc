#include "guest/agent/sandbox/share_uses.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>

#include "base/unique_fd.h"
#include "guest/agent/os/mount.h"

namespace virtcontainers::guest {

namespace {

// The kernel believes a name of the share for a second without asking. The host takes it away when it has
// heard that the container is gone.
constexpr std::chrono::milliseconds kForgetAfter{1500};

}  // namespace

void ShareUses::TakePath(const std::string& container, const std::string& path) {
  if (path.compare(0, directory_.size() + 1, directory_ + "/") != 0) return;
  users_[path].insert(container);
  // O_PATH alone stops before a mount that is to be made. Files are none.
  const UniqueFd mounted(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

void ShareUses::Take(const std::string& container, const grpc::Spec& spec) {
  TakePath(container, spec.root().path());
  for (const grpc::Mount& mount : spec.mounts()) TakePath(container, mount.source());
}

void ShareUses::Release(const std::string& container) {
  for (auto use = users_.begin(); use != users_.end();) {
    if (use->second.erase(container) == 0 || !use->second.empty()) {
      ++use;
      continue;
    }
    DetachMount(use->first);
    // To look for a name that is no longer there is what makes the kernel forget it.
    loop_.After(kForgetAfter, [path = use->first] { (void)::access(path.c_str(), F_OK); });
    use = users_.erase(use);
  }
}

}  // namespace virtcontainers::guest
