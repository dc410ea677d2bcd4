// A VM that is a process which does nothing: for tests of everything above a VM. Host only.

#ifndef VIRTCONTAINERS_SRC_HYPERVISOR_MOCK_MOCK_HYPERVISOR_H_
#define VIRTCONTAINERS_SRC_HYPERVISOR_MOCK_MOCK_HYPERVISOR_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

// Thread-safe. The process is `sleep infinity`: it can be killed as a VM can, and the contract's states and
// reasons are those of a VM. Nothing listens on the agent's socket: for the "noop" agent. Needs no kernel and
// no run_dir. Devices are names in a file of run_dir (mock_devices.h). Machine "q35" plugs every kind; with
// the kernel parameter "acpiphp.disable=1", by which Linux ignores the requests, the guest lets go of none.
class MockHypervisor final : public Hypervisor {
 public:
  MockHypervisor();
  ~MockHypervisor() override;

  std::string_view name() const override { return "mock"; }
  Result<HypervisorFeatures> features(const HypervisorConfig& config,
                                      const ResourceConfig& resources) const override;
  Result<VmInfo> Start(const VmConfig& config, Deadline deadline) override;
  Result<VmInfo> Attach(const VmConfig& config, const VmInfo& running, Deadline deadline) override;
  void Detach() override;
  VmState state() const override;
  Status Pause(Deadline deadline) override;
  Status Resume(Deadline deadline) override;
  Result<GuestAddress> AddDevice(const Device& device, Deadline deadline) override;
  Status RemoveDevice(const std::string& id, Deadline deadline) override;
  Result<std::vector<PluggedDevice>> ListDevices(Deadline deadline) override;
  Status Stop(Deadline deadline) override;
  Result<VmExit> WaitExit(Deadline deadline) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_HYPERVISOR_MOCK_MOCK_HYPERVISOR_H_
