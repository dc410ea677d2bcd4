#include "monitor/host_hooks.h"

#include <chrono>
#include <cstdio>

#include "base/errors.h"
#include "monitor/hooks.h"

namespace virtcontainers {
namespace {

// How long all hooks after a container's end may take: nobody may be waiting who could say it.
constexpr auto kStopHooks = std::chrono::seconds(10);

}  // namespace

void HostHooks::Keep(const ContainerConfig& container) {
  if (!container.hooks.empty()) due_.insert_or_assign(container.id, container);
}

Status HostHooks::RunCreate(const ContainerConfig& container, pid_t vm, Deadline deadline) {
  if (container.hooks.empty()) return {};
  Keep(container);
  const std::string state = HookState(container, "created", vm);
  VC_RETURN_IF_ERROR(effects_.Announce(EffectKind::kProcess, kHooksEffect));
  VC_RETURN_IF_ERROR(RunHooks("prestart", container.hooks.prestart, state, deadline));
  return RunHooks("createRuntime", container.hooks.create_runtime, state, deadline);
}

void HostHooks::RunStart(const ContainerConfig& container, pid_t vm, Deadline deadline) {
  RunLate("poststart", container.hooks.poststart, HookState(container, "running", vm), deadline);
}

void HostHooks::RunStop(const ContainerConfig& container, Deadline deadline) {
  RunLate("poststop", container.hooks.poststop, HookState(container, "stopped", 0), deadline);
}

void HostHooks::RunLate(const char* turn, const std::vector<Hook>& hooks, const std::string& state,
                        Deadline deadline) {
  if (hooks.empty()) return;
  // They run whether or not that can be written down; they have the pod's mark in any case.
  if (const Status begun = effects_.Announce(EffectKind::kProcess, kHooksEffect); !begun) {
    std::fprintf(stderr, "%s\n", begun.error().ToString().c_str());
  }
  RunLateHooks(turn, hooks, state, deadline);
}

Status HostHooks::Hide(const std::string& container) {
  if (const auto gone = due_.extract(container)) RunStop(gone.mapped(), Deadline::After(kStopHooks));
  return {};
}

Status HostHooks::Release(Deadline) {
  std::map<std::string, ContainerConfig> gone;
  gone.swap(due_);
  const Deadline patience = Deadline::After(kStopHooks);
  for (const auto& [id, container] : gone) RunStop(container, patience);
  return {};
}

}  // namespace virtcontainers
