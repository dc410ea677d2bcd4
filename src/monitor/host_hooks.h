// The hooks on the host of a pod's containers, as an attachment: the poststop hooks of a container run in any
// case once its create hooks have begun. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_HOST_HOOKS_H_
#define VIRTCONTAINERS_SRC_MONITOR_HOST_HOOKS_H_

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "monitor/attachment.h"
#include "pod/effects.h"
#include "virtcontainers/config.h"

namespace virtcontainers {

// The first hook announces the effect kHooksEffect (hooks.h), which lasts until the pod has stopped: a hook
// may leave processes.
class HostHooks final : public Attachment {
 public:
  explicit HostHooks(Effects& effects) : effects_(effects) {}

  // The hooks prestart and create_runtime of a container that has been made in the guest. After this, failed
  // or not, the poststop hooks are due: Hide runs them, or Release at last. Errors: as RunHooks.
  Status RunCreate(const ContainerConfig& container, pid_t vm, Deadline deadline);
  // The poststart hooks of a container whose program runs. Failures are logged.
  void RunStart(const ContainerConfig& container, pid_t vm, Deadline deadline);
  // The poststop hooks of a container that another process made are due.
  void Keep(const ContainerConfig& container);

  std::string_view name() const override { return "hooks"; }
  Status Prepare(Deadline) override { return {}; }
  Status Adopt(const AttachmentRecord*, Deadline) override { return {}; }
  // Runs the poststop hooks of a container that is gone from the guest.
  Status Hide(const std::string& container) override;
  // Runs the poststop hooks of all containers that are left.
  Status Release(Deadline deadline) override;

 private:
  void RunLate(const char* turn, const std::vector<Hook>& hooks, const std::string& state, Deadline deadline);
  void RunStop(const ContainerConfig& container, Deadline deadline);

  Effects& effects_;
  std::map<std::string, ContainerConfig> due_;  // containers whose poststop hooks have to run
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_HOST_HOOKS_H_
