// A hypervisor of somebody else's: its VM is a process that sleeps. Written against the public headers alone,
// as an example of the smallest Hypervisor, and to prove that they suffice (docs/extending.md).

#ifndef VIRTCONTAINERS_TEST_SECOND_MONITOR_PROCESS_HYPERVISOR_H_
#define VIRTCONTAINERS_TEST_SECOND_MONITOR_PROCESS_HYPERVISOR_H_

#include <sys/types.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>

#include "virtcontainers/hypervisor.h"

namespace second_monitor {

namespace vc = virtcontainers;

// Plugs no devices, and its VMs end with their monitor: the defaults of Hypervisor answer for the rest.
// Thread-safe.
class ProcessHypervisor final : public vc::Hypervisor {
 public:
  ProcessHypervisor() = default;
  ~ProcessHypervisor() override;

  std::string_view name() const override { return "process"; }
  vc::Result<vc::HypervisorFeatures> features(const vc::HypervisorConfig& config,
                                              const vc::ResourceConfig& resources) const override;
  vc::Result<vc::VmInfo> Start(const vc::VmConfig& config, vc::Deadline deadline) override;
  vc::VmState state() const override;
  vc::Status Pause(vc::Deadline deadline) override;
  vc::Status Resume(vc::Deadline deadline) override;
  vc::Status Stop(vc::Deadline deadline) override;
  vc::Result<vc::VmExit> WaitExit(vc::Deadline deadline) override;

 private:
  vc::Status ChangeState(vc::VmState from, vc::VmState to, int signal);
  void AwaitEnd();

  mutable std::mutex mutex_;
  std::condition_variable ended_;
  bool start_called_ = false;
  bool stop_called_ = false;
  vc::VmState state_ = vc::VmState::kNone;
  pid_t pid_ = 0;
  std::optional<vc::VmExit> exit_;
  std::thread waiter_;
};

}  // namespace second_monitor

#endif  // VIRTCONTAINERS_TEST_SECOND_MONITOR_PROCESS_HYPERVISOR_H_
