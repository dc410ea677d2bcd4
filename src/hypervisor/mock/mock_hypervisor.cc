#include "hypervisor/mock/mock_hypervisor.h"

#include <fcntl.h>

#include <algorithm>
#include <csignal>
#include <mutex>
#include <string>
#include <utility>

#include "base/errors.h"
#include "base/unique_fd.h"
#include "hypervisor/mock/mock_devices.h"
#include "hypervisor/vm_process.h"
#include "os/file.h"
#include "os/own_file.h"
#include "os/process_identity.h"
#include "os/subprocess.h"

namespace virtcontainers {

namespace {

// By a signal. (proc(5), stat field 3)
bool IsStopped(pid_t pid) {
  const std::string stat = ReadFile("/proc/" + std::to_string(pid) + "/stat", 4096).value_or("");
  const size_t name_end = stat.rfind(')');
  return name_end != std::string::npos && stat.substr(name_end, 3) == ") T";
}

constexpr std::string_view kPluggingMachine = "q35";
// A Linux with this parameter does not hear that it is to let go of a device.
constexpr std::string_view kKeepsDevices = "acpiphp.disable=1";

Error NotPluggedByMock(std::string_view kind, const std::string& id) {
  return Error(
      Code::kFailedPrecondition,
      std::string(kind) + " " + Quoted(id) +
          ": this machine has the devices that it was started with, and no others: use machine 'q35'");
}

}  // namespace

class MockHypervisor::Impl {
 public:
  Result<VmInfo> Start(const VmConfig& config);
  Result<VmInfo> Attach(const VmConfig& config, const VmInfo& running);
  void Detach();
  VmState state() const;
  Status ChangeState(VmState from, VmState to, int signal);
  Result<GuestAddress> AddDevice(const Device& device);
  Status RemoveDevice(const std::string& id, Deadline deadline);
  Result<std::vector<PluggedDevice>> ListDevices() const;
  Status Stop(Deadline deadline);
  Result<VmExit> WaitExit(Deadline deadline);

 private:
  VmExit Explain(const std::optional<ProcessExit>& exit);
  // Under mutex_. Errors: FailedPrecondition for a VM that does not run.
  Status CheckRuns() const;
  void Configure(const VmConfig& config);

  mutable std::mutex mutex_;
  bool start_called_ = false;
  bool stopped_ = false;
  VmState state_ = VmState::kNone;  // kExited is the process's to say
  std::shared_ptr<VmProcess> process_;
  HypervisorConfig hypervisor_;
  std::unique_ptr<MockDevices> devices_;
};

Result<VmInfo> MockHypervisor::Impl::Start(const VmConfig& config) {
  const std::lock_guard lock(mutex_);
  if (start_called_) {
    return Fail(Code::kFailedPrecondition, "the vm was started before: make another Hypervisor");
  }
  start_called_ = true;
  if (config.hypervisor.accelerator == Accelerator::kKvm) {
    return Fail(Code::kFailedPrecondition, "a mock vm uses no kvm: let the pod use 'auto'");
  }
  if (!std::holds_alternative<ColdBoot>(config.start)) {
    return Fail(Code::kUnimplemented, "a mock vm cannot start from a saved one");
  }
  for (const Device& device : config.devices) VC_RETURN_IF_ERROR(CheckDevice(device));
  Configure(config);
  devices_->Clear();
  for (const Device& device : config.devices) VC_RETURN_IF_ERROR(devices_->Add(device));
  if (!config.console.empty()) {
    VC_RETURN_IF_ERROR(OpenOrReplaceOwnFile(config.console, O_WRONLY | O_TRUNC));
  }
  VC_ASSIGN_OR_RETURN(Subprocess child, Subprocess::Spawn({.argv = {"sleep", "infinity"}}));
  Result<ProcessIdentity> identity = IdentifyProcess(child.pid());
  if (!identity) {
    (void)child.Kill(SIGKILL);
    (void)child.Wait(Deadline::Infinite());
    return Fail(std::move(identity.error()));
  }
  VC_ASSIGN_OR_RETURN(process_, VmProcess::Keep(std::move(child), *identity,
                                                [this](const auto& exit) { return Explain(exit); }));
  state_ = VmState::kRunning;

  VmInfo info;
  info.process = *identity;
  info.version = "mock";
  info.machine = config.hypervisor.machine;
  info.agent = SerialSocket{config.run_dir + "/agent.sock"};
  info.accelerator_reason = "mock: a process that does nothing";
  info.sandbox = "none: mock";
  return info;
}

Result<VmInfo> MockHypervisor::Impl::Attach(const VmConfig& config, const VmInfo& running) {
  const std::lock_guard lock(mutex_);
  if (start_called_) {
    return Fail(Code::kFailedPrecondition, "the vm was started before: make another Hypervisor");
  }
  start_called_ = true;
  VC_ASSIGN_OR_RETURN(process_,
                      VmProcess::Adopt(running.process, [this](const auto& exit) { return Explain(exit); }));
  Configure(config);
  state_ = IsStopped(running.process.pid) ? VmState::kPaused : VmState::kRunning;
  return running;
}

void MockHypervisor::Impl::Detach() {
  const std::lock_guard lock(mutex_);
  if (process_) process_->Detach();
}

VmState MockHypervisor::Impl::state() const {
  const std::lock_guard lock(mutex_);
  if (!process_) return VmState::kNone;
  return process_->HasEnded() ? VmState::kExited : state_;
}

void MockHypervisor::Impl::Configure(const VmConfig& config) {
  hypervisor_ = config.hypervisor;
  devices_ = std::make_unique<MockDevices>(config.run_dir, config.hypervisor.device_slots);
}

Status MockHypervisor::Impl::CheckRuns() const {
  if (!process_) return Fail(Code::kFailedPrecondition, "the vm does not run: start it first");
  if (process_->HasEnded()) return Fail(Code::kFailedPrecondition, "the vm has ended: start another");
  return {};
}

Result<GuestAddress> MockHypervisor::Impl::AddDevice(const Device& device) {
  const std::lock_guard lock(mutex_);
  VC_RETURN_IF_ERROR(CheckRuns());
  if (hypervisor_.machine != kPluggingMachine) return Fail(NotPluggedByMock(KindOf(device), IdOf(device)));
  VC_RETURN_IF_ERROR(CheckDevice(device));
  return devices_->Add(device);
}

Status MockHypervisor::Impl::RemoveDevice(const std::string& id, Deadline deadline) {
  std::unique_lock lock(mutex_);
  VC_RETURN_IF_ERROR(CheckRuns());
  if (hypervisor_.machine != kPluggingMachine) return Fail(NotPluggedByMock("device", id));
  if (state_ == VmState::kPaused) {
    return Fail(Code::kFailedPrecondition,
                "the guest of a paused vm cannot let go of " + Quoted(id) + ": resume the vm first");
  }
  const std::vector<std::string>& parameters = hypervisor_.kernel_parameters;
  const bool keeps = std::count(parameters.begin(), parameters.end(), kKeepsDevices) != 0;
  if (!keeps || !devices_->Has(id)) return devices_->Remove(id);
  const std::shared_ptr<VmProcess> process = process_;
  lock.unlock();
  if (process->Wait(deadline)) {
    return Fail(Code::kUnavailable, Reason::kVmDied, "the vm has ended meanwhile");
  }
  return Fail(Code::kDeadlineExceeded, "the guest has not let go of " + Quoted(id) + " in time");
}

Result<std::vector<PluggedDevice>> MockHypervisor::Impl::ListDevices() const {
  const std::lock_guard lock(mutex_);
  VC_RETURN_IF_ERROR(CheckRuns());
  return devices_->List();
}

Status MockHypervisor::Impl::ChangeState(VmState from, VmState to, int signal) {
  const std::lock_guard lock(mutex_);
  VC_RETURN_IF_ERROR(CheckRuns());
  if (state_ != from) {
    return Fail(Code::kFailedPrecondition, from == VmState::kRunning ? "the vm is paused: resume it first"
                                                                     : "the vm is running: pause it first");
  }
  VC_RETURN_IF_ERROR(process_->Kill(signal));
  state_ = to;
  return {};
}

Status MockHypervisor::Impl::Stop(Deadline deadline) {
  std::shared_ptr<VmProcess> process;
  {
    const std::lock_guard lock(mutex_);
    if (!process_) return {};
    process = process_;
    if (!process->HasEnded()) stopped_ = true;
  }
  VC_RETURN_IF_ERROR(process->Kill(SIGKILL));
  return process->Wait(deadline).map([](const VmExit&) {});
}

Result<VmExit> MockHypervisor::Impl::WaitExit(Deadline deadline) {
  std::shared_ptr<VmProcess> process;
  {
    const std::lock_guard lock(mutex_);
    process = process_;
  }
  if (!process) return Fail(Code::kFailedPrecondition, "the vm was never started");
  return process->Wait(deadline);
}

VmExit MockHypervisor::Impl::Explain(const std::optional<ProcessExit>& exit) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return {true, "stopped"};
  if (!exit) return {false, "vm exited: killed or failed, its status went to another"};
  if (exit->signaled) return {false, "vm exited: killed by signal " + std::to_string(exit->value)};
  return {false, "vm exited: status " + std::to_string(exit->value)};
}

MockHypervisor::MockHypervisor() : impl_(std::make_unique<Impl>()) {}
MockHypervisor::~MockHypervisor() = default;

Result<VmInfo> MockHypervisor::Start(const VmConfig& config, Deadline) { return impl_->Start(config); }
Result<VmInfo> MockHypervisor::Attach(const VmConfig& config, const VmInfo& running, Deadline) {
  return impl_->Attach(config, running);
}
Result<HypervisorFeatures> MockHypervisor::features(const HypervisorConfig& config,
                                                    const ResourceConfig&) const {
  HypervisorFeatures features;
  features.plugs_block = features.plugs_network = features.plugs_shares = features.plugs_memory =
      config.machine == kPluggingMachine;
  features.takes_over = true;
  features.boots_kernel = false;
  features.transports = {AgentTransport::kVirtioSerial};
  features.vsock_obstacle = "vsock not used: a mock vm has none";
  return features;
}
Result<GuestAddress> MockHypervisor::AddDevice(const Device& device, Deadline) {
  return impl_->AddDevice(device);
}
Status MockHypervisor::RemoveDevice(const std::string& id, Deadline deadline) {
  return impl_->RemoveDevice(id, deadline);
}
Result<std::vector<PluggedDevice>> MockHypervisor::ListDevices(Deadline) { return impl_->ListDevices(); }
void MockHypervisor::Detach() { impl_->Detach(); }
VmState MockHypervisor::state() const { return impl_->state(); }
Status MockHypervisor::Pause(Deadline) {
  return impl_->ChangeState(VmState::kRunning, VmState::kPaused, SIGSTOP);
}
Status MockHypervisor::Resume(Deadline) {
  return impl_->ChangeState(VmState::kPaused, VmState::kRunning, SIGCONT);
}
Status MockHypervisor::Stop(Deadline deadline) { return impl_->Stop(deadline); }
Result<VmExit> MockHypervisor::WaitExit(Deadline deadline) { return impl_->WaitExit(deadline); }

}  // namespace virtcontainers
