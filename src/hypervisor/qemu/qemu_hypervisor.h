// A VM run by QEMU. Host only.

#ifndef VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_QEMU_HYPERVISOR_H_
#define VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_QEMU_HYPERVISOR_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "virtcontainers/hypervisor.h"

namespace virtcontainers {

// Thread-safe. Needs only `hypervisor.kernel` and `hypervisor.initrd` of the defaults that VmConfig asks for:
// the program and the firmware are found, the accelerator is chosen.
//
// QEMU is a child of this process and outlives it. What a successor needs to take it over:
//   <run_dir>/qmp.sock      a second QMP monitor, which this object leaves alone
//   <run_dir>/agent.sock    the host's end of the agent's port: one client at a time
//   <run_dir>/qemu.log      what QEMU said on standard error
// The sockets go when the VM has ended. It takes the place of what an earlier VM left at these paths; it
// refuses with AlreadyExists to take that of one that lives.
class QemuHypervisor final : public Hypervisor {
 public:
  // With a `confiner`, the program of ConfineCommand (os/confine.h), QEMU is confined where that can be done:
  // VmInfo::sandbox says to what. Without one it runs as this process does.
  explicit QemuHypervisor(std::string confiner = "");
  ~QemuHypervisor() override;

  std::string_view name() const override { return "qemu"; }
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

#endif  // VIRTCONTAINERS_SRC_HYPERVISOR_QEMU_QEMU_HYPERVISOR_H_
