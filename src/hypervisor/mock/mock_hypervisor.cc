#include "hypervisor/mock/mock_hypervisor.h"

#include <fcntl.h>

#include <csignal>
#include <mutex>
#include <string>
#include <utility>

#include "base/errors.h"
#include "base/unique_fd.h"
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

}  // namespace

class MockHypervisor::Impl {
 public:
  Result<VmInfo> Start(const VmConfig& config);
  Result<VmInfo> Attach(const VmInfo& running);
  void Detach();
  VmState state() const;
  Status ChangeState(VmState from, VmState to, int signal);
  Status Stop(Deadline deadline);
  Result<VmExit> WaitExit(Deadline deadline);

 private:
  VmExit Explain(const std::optional<ProcessExit>& exit);

  mutable std::mutex mutex_;
  bool start_called_ = false;
  bool stopped_ = false;
  VmState state_ = VmState::kNone;  // kExited is the process's to say
  std::shared_ptr<VmProcess> process_;
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
  info.accelerator_reason = "mock: a process that does nothing";
  info.sandbox = "none: mock";
  return info;
}

Result<VmInfo> MockHypervisor::Impl::Attach(const VmInfo& running) {
  const std::lock_guard lock(mutex_);
  if (start_called_) {
    return Fail(Code::kFailedPrecondition, "the vm was started before: make another Hypervisor");
  }
  start_called_ = true;
  VC_ASSIGN_OR_RETURN(process_,
                      VmProcess::Adopt(running.process, [this](const auto& exit) { return Explain(exit); }));
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

Status MockHypervisor::Impl::ChangeState(VmState from, VmState to, int signal) {
  const std::lock_guard lock(mutex_);
  if (!process_) return Fail(Code::kFailedPrecondition, "the vm does not run: start it first");
  if (process_->HasEnded()) return Fail(Code::kFailedPrecondition, "the vm has ended: start another");
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
Result<VmInfo> MockHypervisor::Attach(const VmConfig&, const VmInfo& running, Deadline) {
  return impl_->Attach(running);
}
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
