#include "agent/kata/guest_extension.h"

namespace virtcontainers {

std::string Extend(const ContainerConfig& config, wire::ExtendedCreateRequest* request) {
  std::string beyond;
  const auto note = [&](const char* what) { beyond += std::string(beyond.empty() ? "" : ", ") + what; };
  if (config.process.user.umask) {
    request->mutable_process()->set_umask(*config.process.user.umask);
    note("a process's umask");
  }
  if (!config.resources.unified.empty()) {
    for (const auto& [file, value] : config.resources.unified) (*request->mutable_unified())[file] = value;
    note("unified resources");
  }
  if (config.namespaces.ipc == NamespaceOwner::kContainer) {
    request->set_own_ipc(true);
    note("an ipc namespace of the container's own");
  }
  if (config.namespaces.uts == NamespaceOwner::kContainer) {
    request->set_own_uts(true);
    note("a uts namespace of the container's own");
  }
  if (config.seccomp && config.seccomp->default_errno_return) {
    request->set_seccomp_default_errno(*config.seccomp->default_errno_return);
    note("seccomp's default errno");
  }
  return beyond;
}

}  // namespace virtcontainers
