#include "hypervisor/qemu/qemu_hypervisor.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "base/unique_fd.h"
#include "hypervisor/host_probe.h"
#include "hypervisor/qemu/command_line.h"
#include "hypervisor/qemu/exit_reason.h"
#include "hypervisor/qemu/qemu_descriptors.h"
#include "hypervisor/qemu/qemu_devices.h"
#include "hypervisor/qemu/qemu_requirements.h"
#include "hypervisor/qemu/qemu_sandbox.h"
#include "hypervisor/qemu/qmp_client.h"
#include "hypervisor/qemu/tsc.h"
#include "hypervisor/vm_process.h"
#include "os/descriptor_limit.h"
#include "os/file.h"
#include "os/oom_kills.h"
#include "os/process_identity.h"
#include "os/subprocess.h"
#include "ttrpc/unix_socket.h"

namespace virtcontainers {
namespace {

constexpr char kDefaultFirmware[] = "qboot.rom";  // QEMU finds it in its own data directory
constexpr int kReportFd = 9;                      // of the sandbox; QEMU does not have it
constexpr char kPowerOffByReset[] = "virtcontainers.poweroff=reset";
// What QEMU opens for itself, its devices and their queues, and as many again. With fewer it may go on
// without a queue's event, and the guest waits for its files for ever.
constexpr uint64_t kMinDescriptors = 64;
constexpr size_t kMaxLog = 4 << 10;
constexpr size_t kMaxConsoleTail = 16 << 10;
constexpr auto kPolitely = std::chrono::seconds(1);

AgentAddress AgentAddressOf(const VmConfig& config) {
  if (config.transport == AgentTransport::kVsock) return VsockAddress{config.vsock_cid};
  return SerialSocket{QemuAgentSocket(config.run_dir)};
}

bool PowersOffByReset(const std::vector<std::string>& kernel_parameters) {
  return std::find(kernel_parameters.begin(), kernel_parameters.end(), kPowerOffByReset) !=
         kernel_parameters.end();
}

}  // namespace

class QemuHypervisor::Impl {
 public:
  explicit Impl(std::string confiner) : confiner_(std::move(confiner)) {}
  ~Impl() {
    // The watcher first: it asks the client for the last events.
    process_.reset();
    client_.reset();
  }

  Result<VmInfo> Start(const VmConfig& config, Deadline deadline);
  Result<VmInfo> Attach(const VmConfig& config, const VmInfo& running, Deadline deadline);
  void Detach();
  VmState state() const;
  Status ChangeState(VmState from, VmState to, const char* command, Deadline deadline);
  Result<GuestAddress> AddDevice(const Device& device, Deadline deadline);
  Status RemoveDevice(const std::string& id, Deadline deadline);
  Result<std::vector<PluggedDevice>> ListDevices(Deadline deadline);
  Status Stop(Deadline deadline);
  Result<VmExit> WaitExit(Deadline deadline);

 private:
  Result<VmInfo> Launch(const VmConfig& config, Deadline deadline);
  // Starts the process that is, or becomes, QEMU. What it cannot do before that is an error of `ready`.
  Status Spawn(std::vector<std::string> command, const QemuSandbox& sandbox,
               const QemuDescriptors& descriptors, UniqueFd& ready);
  Status Boot(UniqueFd monitor, Deadline deadline);
  // Ends what a failed start has left; answers with the words of a QEMU that ended by itself.
  Error FailStart(Error error);
  Status TakeOver(const VmConfig& config, Deadline deadline);
  // The monitor of a VM that lives. Errors: FailedPrecondition.
  Result<std::shared_ptr<QmpClient>> LiveClient() const;
  // The error of a command to a VM that has ended meanwhile says so.
  Error Restated(Error error) const;
  VmExit Explain(const std::optional<ProcessExit>& exit);
  void HandleEvent(const QmpEvent& event);

  const std::string confiner_;
  std::mutex operation_mutex_;  // one Pause, Resume, AddDevice or RemoveDevice at a time
  mutable std::mutex mutex_;
  bool start_called_ = false;
  bool stop_called_ = false;
  bool stopped_ = false;            // it was running when Stop was called
  VmState state_ = VmState::kNone;  // kExited is the process's to say
  std::string shutdown_reason_;
  std::string stale_port_;  // the agent's socket, if QEMU may have missed its last hang-up
  std::shared_ptr<VmProcess> process_;
  std::shared_ptr<QmpClient> client_;
  std::unique_ptr<QemuListeners> listeners_;  // while there is a process
  std::unique_ptr<QemuDevices> devices_;      // set before there is a client

  // Written by Start before there is a process.
  std::string console_, log_;
  bool powers_off_by_reset_ = false;
  HypervisorConfig hypervisor_;
  ResourceConfig resources_;
  OomKills oom_kills_;
};

Result<VmInfo> QemuHypervisor::Impl::Start(const VmConfig& config, Deadline deadline) {
  {
    const std::lock_guard lock(mutex_);
    if (start_called_) {
      return Fail(Code::kFailedPrecondition, "the vm was started before: make another Hypervisor");
    }
    start_called_ = true;
  }
  hypervisor_ = config.hypervisor;
  resources_ = config.resources;
  Result<VmInfo> info = Launch(config, deadline);
  if (!info) {
    const std::string& program = config.hypervisor.path;
    return Fail(FailStart(std::move(info.error()))
                    .AddContext("start " + (program.empty() ? std::string("qemu") : Quoted(program))));
  }
  return info;
}

Result<VmInfo> QemuHypervisor::Impl::Launch(const VmConfig& config, Deadline deadline) {
  QemuFacts facts;
  VC_ASSIGN_OR_RETURN(facts.binary, FindQemu(config.hypervisor.path));
  VC_RETURN_IF_ERROR(CheckFiles(config.hypervisor));
  VC_ASSIGN_OR_RETURN(const uint64_t descriptors_allowed, DescriptorLimit());
  VC_RETURN_IF_ERROR(
      CheckDescriptorLimit(descriptors_allowed, kMinDescriptors + config.resources.vcpus, "a VM"));
  for (const Device& device : config.devices) VC_RETURN_IF_ERROR(CheckDeviceOf(config.resources, device));
  if (!std::holds_alternative<ColdBoot>(config.start)) {
    return Fail(Code::kUnimplemented, "qemu starts a vm by booting it, and not from a saved one yet");
  }
  VC_ASSIGN_OR_RETURN(const AcceleratorChoice choice, ChooseAccelerator(config.hypervisor.accelerator));
  facts.accelerator = choice.accelerator;
  facts.firmware = config.hypervisor.firmware.empty() ? kDefaultFirmware : config.hypervisor.firmware;
  if (facts.accelerator == Accelerator::kTcg) facts.tsc_khz = HostTscKhz();
  VC_ASSIGN_OR_RETURN(std::vector<std::string> arguments, QemuArguments(config, facts));

  console_ = config.console;
  powers_off_by_reset_ = PowersOffByReset(config.hypervisor.kernel_parameters);
  VC_ASSIGN_OR_RETURN(QemuSandbox sandbox, ChooseSandbox(confiner_, config, facts));
  log_ = QemuLog(config.run_dir);
  VC_ASSIGN_OR_RETURN(QemuDescriptors descriptors, QemuDescriptors::Open(config));
  {
    VC_ASSIGN_OR_RETURN(std::unique_ptr<QemuListeners> listeners, QemuListeners::Listen(config));
    const std::lock_guard lock(mutex_);
    listeners_ = std::move(listeners);
    devices_ = std::make_unique<QemuDevices>(SlotsOf(config.hypervisor));
  }

  UniqueFd ready;
  VC_RETURN_IF_ERROR(Spawn(std::move(arguments), sandbox, descriptors, ready));
  UniqueFd monitor = std::move(descriptors.qmp);
  descriptors = {};
  if (ready) VC_RETURN_IF_ERROR(AwaitConfined(ready.get(), deadline));
  VC_RETURN_IF_ERROR(Boot(std::move(monitor), deadline));

  VmInfo info;
  info.process = process_->identity();
  info.version = client_->version();
  info.machine = config.hypervisor.machine;
  info.accelerator = choice.accelerator;
  info.accelerator_reason = choice.reason;
  info.sandbox = std::move(sandbox.description);
  info.agent = AgentAddressOf(config);
  return info;
}

Status QemuHypervisor::Impl::Spawn(std::vector<std::string> command, const QemuSandbox& sandbox,
                                   const QemuDescriptors& descriptors, UniqueFd& ready) {
  Subprocess::Options options{.env = ConfinedEnvironment(), .fds = descriptors.ForQemu(*listeners_)};
  UniqueFd report;
  if (sandbox.confinement) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return FailErrno("make a pipe");
    ready.reset(ends[0]);
    report.reset(ends[1]);
    options.fds.emplace_back(report.get(), kReportFd);
    command = ConfineCommand(confiner_, *sandbox.confinement, kReportFd, command);
  }
  options.argv = std::move(command);
  VC_ASSIGN_OR_RETURN(Subprocess child, Subprocess::Spawn(options));
  Result<ProcessIdentity> identity = IdentifyProcess(child.pid());
  if (!identity) {
    (void)child.Kill(SIGKILL);
    (void)child.Wait(Deadline::Infinite());
    return Fail(std::move(identity.error()));
  }
  VC_ASSIGN_OR_RETURN(
      std::shared_ptr<VmProcess> process,
      VmProcess::Keep(std::move(child), *identity, [this](const auto& exit) { return Explain(exit); }));
  const std::lock_guard lock(mutex_);
  process_ = std::move(process);
  return {};
}

Status QemuHypervisor::Impl::Boot(UniqueFd monitor, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(
      std::unique_ptr<QmpClient> opened,
      QmpClient::Open(
          std::move(monitor), [this](const QmpEvent& event) { HandleEvent(event); }, deadline));
  std::shared_ptr<QmpClient> client = std::move(opened);
  {
    const std::lock_guard lock(mutex_);
    client_ = client;
  }
  VC_RETURN_IF_ERROR(client->Execute("cont", deadline));
  const std::lock_guard lock(mutex_);
  if (stop_called_) return Fail(Code::kAborted, "stopped while it started");
  state_ = VmState::kRunning;
  return {};
}

Error QemuHypervisor::Impl::FailStart(Error error) {
  std::shared_ptr<VmProcess> process;
  bool stop_called = false;
  {
    const std::lock_guard lock(mutex_);
    process = process_;
    stop_called = stop_called_;
  }
  if (process) {
    // A connection that broke is QEMU ending: what it has to say it has said by then.
    const bool ended =
        error.code() == Code::kUnavailable && process->Wait(Deadline::After(kPolitely)).has_value();
    (void)process->Kill(SIGKILL);
    const Result<VmExit> exit = process->Wait(Deadline::Infinite());
    if (stop_called) {
      error = Error(Code::kAborted, "stopped while it started");
    } else if (ended && exit) {
      error = Error(Code::kAborted, exit->reason);
    }
  }
  if (!log_.empty()) ::unlink(log_.c_str());
  const std::lock_guard lock(mutex_);
  listeners_.reset();
  state_ = VmState::kNone;
  process_.reset();
  return error;
}

Result<VmInfo> QemuHypervisor::Impl::Attach(const VmConfig& config, const VmInfo& running,
                                            Deadline deadline) {
  {
    const std::lock_guard lock(mutex_);
    if (start_called_) {
      return Fail(Code::kFailedPrecondition, "the vm was started before: make another Hypervisor");
    }
    start_called_ = true;
  }
  hypervisor_ = config.hypervisor;
  resources_ = config.resources;
  console_ = config.console;
  log_ = QemuLog(config.run_dir);
  devices_ = std::make_unique<QemuDevices>(SlotsOf(config.hypervisor));
  powers_off_by_reset_ = PowersOffByReset(config.hypervisor.kernel_parameters);
  oom_kills_ = OomKills(running.process.pid);
  VC_ASSIGN_OR_RETURN(const std::shared_ptr<VmProcess> process,
                      VmProcess::Adopt(running.process, [this](const auto& exit) { return Explain(exit); }));
  {
    const std::lock_guard lock(mutex_);
    process_ = process;
  }
  if (Status taken = TakeOver(config, deadline); !taken) {
    process->Detach();
    const std::lock_guard lock(mutex_);
    state_ = VmState::kNone;
    process_.reset();
    return Fail(std::move(taken.error()).AddContext("take over the vm"));
  }
  VmInfo info = running;
  info.agent = AgentAddressOf(config);
  return info;
}

Status QemuHypervisor::Impl::TakeOver(const VmConfig& config, Deadline deadline) {
  VC_ASSIGN_OR_RETURN(UniqueFd socket,
                      ttrpc::ConnectUnix(config.run_dir + "/" + std::string(kQmpSocketName), deadline));
  VC_ASSIGN_OR_RETURN(
      std::unique_ptr<QmpClient> opened,
      QmpClient::Open(
          std::move(socket), [this](const QmpEvent& event) { HandleEvent(event); }, deadline));
  const std::shared_ptr<QmpClient> client = std::move(opened);
  {
    const std::lock_guard lock(mutex_);
    client_ = client;
  }
  VC_ASSIGN_OR_RETURN(const Json status, client->Execute("query-status", deadline));
  const auto runs = status.find("running");
  if (runs == status.end() || !runs->is_boolean()) {
    return Fail(Code::kInternal, "query-status did not say whether it runs");
  }
  const std::lock_guard lock(mutex_);
  state_ = runs->get<bool>() ? VmState::kRunning : VmState::kPaused;
  if (state_ == VmState::kPaused && config.transport == AgentTransport::kVirtioSerial)
    stale_port_ = QemuAgentSocket(config.run_dir);
  return {};
}

void QemuHypervisor::Impl::Detach() {
  const std::lock_guard lock(mutex_);
  if (process_) process_->Detach();
  if (!listeners_) return;
  if (listeners_->qmp) listeners_->qmp->Leave();
  if (listeners_->agent) listeners_->agent->Leave();
}

VmState QemuHypervisor::Impl::state() const {
  const std::lock_guard lock(mutex_);
  if (!process_) return VmState::kNone;
  return process_->HasEnded() ? VmState::kExited : state_;
}

Status QemuHypervisor::Impl::ChangeState(VmState from, VmState to, const char* command, Deadline deadline) {
  const std::lock_guard operation(operation_mutex_);
  std::shared_ptr<QmpClient> client;
  std::shared_ptr<VmProcess> process;
  {
    const std::lock_guard lock(mutex_);
    client = client_;
    process = process_;
    if (!process || state_ == VmState::kNone) {
      return Fail(Code::kFailedPrecondition, "the vm does not run: start it first");
    }
    if (!process->HasEnded() && state_ != from) {
      return Fail(Code::kFailedPrecondition, from == VmState::kRunning ? "the vm is paused: resume it first"
                                                                       : "the vm is running: pause it first");
    }
  }
  Status changed;
  if (!process->HasEnded()) changed = client->Execute(command, deadline).map([](const Json&) {});
  if (process->HasEnded()) return Fail(Code::kFailedPrecondition, "the vm has ended: start another");
  if (!changed) return changed;
  std::string port;
  {
    const std::lock_guard lock(mutex_);
    state_ = to;
    port.swap(stale_port_);
  }
  // QEMU takes the port's handlers away while a VM stands still: a client that left then is one it never saw
  // leave. If that one was not reading, the port goes on waiting for it, and says nothing to whoever comes
  // next. So one comes and leaves now, while QEMU listens.
  if (!port.empty()) VC_RETURN_IF_ERROR(ttrpc::ConnectUnix(port, deadline));
  return {};
}

Result<std::shared_ptr<QmpClient>> QemuHypervisor::Impl::LiveClient() const {
  const std::lock_guard lock(mutex_);
  if (!process_ || state_ == VmState::kNone) {
    return Fail(Code::kFailedPrecondition, "the vm does not run: start it first");
  }
  if (process_->HasEnded()) return Fail(Code::kFailedPrecondition, "the vm has ended: start another");
  return client_;
}

Error QemuHypervisor::Impl::Restated(Error error) const {
  if (error.code() != Code::kUnavailable && state() != VmState::kExited) return error;
  return Error(Code::kUnavailable, Reason::kVmDied, "the vm has ended meanwhile");
}

Result<GuestAddress> QemuHypervisor::Impl::AddDevice(const Device& device, Deadline deadline) {
  const std::lock_guard operation(operation_mutex_);
  VC_ASSIGN_OR_RETURN(const std::shared_ptr<QmpClient> client, LiveClient());
  if (SlotsOf(hypervisor_) == 0) return Fail(NotPlugged(KindOf(device), IdOf(device)));
  VC_RETURN_IF_ERROR(CheckDeviceOf(resources_, device));
  Result<GuestAddress> added = devices_->Add(*client, device, deadline);
  if (!added) return Fail(Restated(std::move(added.error())));
  return added;
}

Status QemuHypervisor::Impl::RemoveDevice(const std::string& id, Deadline deadline) {
  const std::lock_guard operation(operation_mutex_);
  VC_ASSIGN_OR_RETURN(const std::shared_ptr<QmpClient> client, LiveClient());
  if (SlotsOf(hypervisor_) == 0) return Fail(NotPlugged("device", id));
  if (state() == VmState::kPaused) {
    return Fail(Code::kFailedPrecondition,
                "the guest of a paused vm cannot let go of " + Quoted(id) + ": resume the vm first");
  }
  Status removed = devices_->Remove(*client, id, deadline);
  if (!removed) return Fail(Restated(std::move(removed.error())));
  return removed;
}

Result<std::vector<PluggedDevice>> QemuHypervisor::Impl::ListDevices(Deadline deadline) {
  VC_ASSIGN_OR_RETURN(const std::shared_ptr<QmpClient> client, LiveClient());
  Result<std::vector<PluggedDevice>> devices = devices_->List(*client, deadline);
  if (!devices) return Fail(Restated(std::move(devices.error())));
  return devices;
}

Status QemuHypervisor::Impl::Stop(Deadline deadline) {
  std::shared_ptr<VmProcess> process;
  std::shared_ptr<QmpClient> client;
  {
    const std::lock_guard lock(mutex_);
    // A start under way sees it before it is done.
    stop_called_ = start_called_;
    process = process_;
    client = client_;
    if (!process) return {};
    if (!process->HasEnded()) stopped_ = true;
  }
  const Deadline polite = Min(deadline, Deadline::After(kPolitely));
  // The answer may or may not come before the end of the connection.
  if (client) (void)client->Execute("quit", polite);
  if (client && process->Wait(polite)) return {};
  VC_RETURN_IF_ERROR(process->Kill(SIGKILL));
  return process->Wait(deadline).map([](const VmExit&) {});
}

Result<VmExit> QemuHypervisor::Impl::WaitExit(Deadline deadline) {
  std::shared_ptr<VmProcess> process;
  {
    const std::lock_guard lock(mutex_);
    process = process_;
  }
  if (!process) return Fail(Code::kFailedPrecondition, "the vm was never started");
  return process->Wait(deadline);
}

VmExit QemuHypervisor::Impl::Explain(const std::optional<ProcessExit>& exit) {
  std::shared_ptr<QmpClient> client;
  {
    const std::lock_guard lock(mutex_);
    client = client_;
  }
  // The end of the process may be seen before its last event has been read.
  if (client) (void)client->WaitClosed(Deadline::After(kPolitely));
  const std::string log = ReadFileTail(log_, kMaxLog).value_or("");
  const std::string console = ReadFileTail(console_, kMaxConsoleTail).value_or("");
  const std::lock_guard lock(mutex_);
  listeners_.reset();
  return ExplainQemuEnd({.process = exit,
                         .shutdown_reason = shutdown_reason_,
                         .stopped = stopped_,
                         .powers_off_by_reset = powers_off_by_reset_,
                         .lack_of_memory = oom_kills_.Since(),
                         .log = log,
                         .console = console});
}

void QemuHypervisor::Impl::HandleEvent(const QmpEvent& event) {
  devices_->HandleEvent(event);
  if (event.name != "SHUTDOWN") return;
  const auto reason = event.data.find("reason");
  if (reason == event.data.end() || !reason->is_string()) return;
  const std::lock_guard lock(mutex_);
  shutdown_reason_ = reason->get<std::string>();
}

QemuHypervisor::QemuHypervisor(std::string confiner) : impl_(std::make_unique<Impl>(std::move(confiner))) {}
QemuHypervisor::~QemuHypervisor() = default;

Result<VmInfo> QemuHypervisor::Start(const VmConfig& config, Deadline deadline) {
  return impl_->Start(config, deadline);
}
Result<VmInfo> QemuHypervisor::Attach(const VmConfig& config, const VmInfo& running, Deadline deadline) {
  return impl_->Attach(config, running, deadline);
}
void QemuHypervisor::Detach() { impl_->Detach(); }
VmState QemuHypervisor::state() const { return impl_->state(); }
Status QemuHypervisor::Pause(Deadline deadline) {
  return impl_->ChangeState(VmState::kRunning, VmState::kPaused, "stop", deadline);
}
Status QemuHypervisor::Resume(Deadline deadline) {
  return impl_->ChangeState(VmState::kPaused, VmState::kRunning, "cont", deadline);
}
Result<HypervisorFeatures> QemuHypervisor::features(const HypervisorConfig& config,
                                                    const ResourceConfig& resources) const {
  return QemuFeatures(config, resources);
}
Result<GuestAddress> QemuHypervisor::AddDevice(const Device& device, Deadline deadline) {
  return impl_->AddDevice(device, deadline);
}
Status QemuHypervisor::RemoveDevice(const std::string& id, Deadline deadline) {
  return impl_->RemoveDevice(id, deadline);
}
Result<std::vector<PluggedDevice>> QemuHypervisor::ListDevices(Deadline deadline) {
  return impl_->ListDevices(deadline);
}
Status QemuHypervisor::Stop(Deadline deadline) { return impl_->Stop(deadline); }
Result<VmExit> QemuHypervisor::WaitExit(Deadline deadline) { return impl_->WaitExit(deadline); }

}  // namespace virtcontainers
