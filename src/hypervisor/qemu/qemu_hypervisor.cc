#include "hypervisor/qemu/qemu_hypervisor.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "base/unique_fd.h"
#include "hypervisor/host_probe.h"
#include "hypervisor/qemu/command_line.h"
#include "hypervisor/qemu/exit_reason.h"
#include "hypervisor/qemu/qemu_sandbox.h"
#include "hypervisor/qemu/qmp_client.h"
#include "hypervisor/qemu/tsc.h"
#include "hypervisor/vm_process.h"
#include "os/descriptor_limit.h"
#include "os/file.h"
#include "os/oom_kills.h"
#include "os/own_file.h"
#include "os/process_identity.h"
#include "os/subprocess.h"
#include "ttrpc/unix_socket.h"

namespace virtcontainers {
namespace {

constexpr char kDefaultProgram[] = "qemu-system-x86_64";
constexpr char kDefaultFirmware[] = "qboot.rom";  // QEMU finds it in its own data directory
constexpr char kVhostVsock[] = "/dev/vhost-vsock";
constexpr int kReportFd = 9;  // of the sandbox; QEMU does not have it
constexpr char kPowerOffByReset[] = "virtcontainers.poweroff=reset";
// What QEMU opens for itself, its devices and their queues, and as many again. With fewer it may go on
// without a queue's event, and the guest waits for its files for ever.
constexpr uint64_t kMinDescriptors = 64;
constexpr size_t kMaxLog = 4 << 10;
constexpr size_t kMaxConsoleTail = 16 << 10;
constexpr auto kPolitely = std::chrono::seconds(1);

Result<std::string> FindQemu(const std::string& configured) {
  const std::string name = configured.empty() ? kDefaultProgram : configured;
  const std::string path = FindProgram(name);
  std::error_code error;
  // Without links: what is shown to it is the directory that it is in.
  if (!path.empty()) {
    const std::filesystem::path real = std::filesystem::canonical(path, error);
    return error ? path : real.string();
  }
  if (configured.empty()) {
    return Fail(Code::kNotFound,
                Quoted(name) + " is not in $PATH: install it ('apt-get install qemu-system-x86')");
  }
  return Fail(Code::kNotFound, "hypervisor program " + Quoted(name) + " is not there, or not executable");
}

Status RequireFile(const char* what, const std::string& path) {
  if (::access(path.c_str(), R_OK) == 0) return {};
  return Fail(ErrnoError(std::string(what) + " " + Quoted(path)));
}

Status CheckFiles(const HypervisorConfig& config) {
  VC_RETURN_IF_ERROR(RequireFile("kernel", config.kernel));
  if (!config.initrd.empty()) VC_RETURN_IF_ERROR(RequireFile("initrd", config.initrd));
  // A name without a slash is QEMU's to find.
  if (config.firmware.find('/') != std::string::npos) {
    VC_RETURN_IF_ERROR(RequireFile("firmware", config.firmware));
  }
  return {};
}

Result<UniqueFd> NewFile(const std::string& path) {
  return OpenOrReplaceOwnFile(path, O_WRONLY | O_TRUNC | O_APPEND);
}

bool PowersOffByReset(const std::vector<std::string>& kernel_parameters) {
  return std::find(kernel_parameters.begin(), kernel_parameters.end(), kPowerOffByReset) !=
         kernel_parameters.end();
}

// Sockets of a VM's that others find by path. QEMU listens at them; this process keeps them only to take the
// paths away and to refuse whoever is in the queue when QEMU has ended.
struct Listeners {
  std::optional<ttrpc::UnixListener> qmp, agent;
};

// Descriptors that QEMU is given, and our end of its monitor. They are QEMU's alone once it runs: its death
// must be the connections' end.
struct Descriptors {
  UniqueFd qmp, qemu_qmp, share, log, console, vhost_vsock;

  std::vector<std::pair<int, int>> ForQemu(const Listeners& listeners) const {
    std::vector<std::pair<int, int>> fds = {{log.get(), STDOUT_FILENO}, {log.get(), STDERR_FILENO}};
    fds.emplace_back(qemu_qmp.get(), kQmpFd);
    fds.emplace_back(listeners.qmp->fd(), kQmpListenerFd);
    if (listeners.agent) fds.emplace_back(listeners.agent->fd(), kAgentListenerFd);
    if (share) fds.emplace_back(share.get(), kShareFd);
    fds.emplace_back(console.get(), kConsoleFd);
    if (vhost_vsock) fds.emplace_back(vhost_vsock.get(), kVhostVsockFd);
    return fds;
  }
};

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
  Status Stop(Deadline deadline);
  Result<VmExit> WaitExit(Deadline deadline);

 private:
  Result<VmInfo> Launch(const VmConfig& config, Deadline deadline);
  Result<Descriptors> OpenDescriptors(const VmConfig& config, Deadline deadline);
  // Starts the process that is, or becomes, QEMU. What it cannot do before that is an error of `ready`.
  Status Spawn(std::vector<std::string> command, const QemuSandbox& sandbox, const Descriptors& descriptors,
               UniqueFd& ready);
  Status Boot(UniqueFd monitor, Deadline deadline);
  // Ends what a failed start has left; answers with the words of a QEMU that ended by itself.
  Error FailStart(Error error);
  Status TakeOver(const VmConfig& config, Deadline deadline);
  VmExit Explain(const std::optional<ProcessExit>& exit);
  void HandleEvent(const QmpEvent& event);

  const std::string confiner_;
  std::mutex operation_mutex_;  // one Pause or Resume at a time
  mutable std::mutex mutex_;
  bool start_called_ = false;
  bool stop_called_ = false;
  bool stopped_ = false;            // it was running when Stop was called
  VmState state_ = VmState::kNone;  // kExited is the process's to say
  std::string shutdown_reason_;
  std::string stale_port_;  // the agent's socket, if QEMU may have missed its last hang-up
  std::shared_ptr<VmProcess> process_;
  std::shared_ptr<QmpClient> client_;
  std::unique_ptr<Listeners> listeners_;  // while there is a process

  // Written by Start before there is a process.
  std::string console_, log_;
  bool powers_off_by_reset_ = false;
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
  VC_ASSIGN_OR_RETURN(const AcceleratorChoice choice, ChooseAccelerator(config.hypervisor.accelerator));
  facts.accelerator = choice.accelerator;
  facts.firmware = config.hypervisor.firmware.empty() ? kDefaultFirmware : config.hypervisor.firmware;
  if (facts.accelerator == Accelerator::kTcg) facts.tsc_khz = HostTscKhz();
  VC_ASSIGN_OR_RETURN(std::vector<std::string> arguments, QemuArguments(config, facts));

  console_ = config.console;
  powers_off_by_reset_ = PowersOffByReset(config.hypervisor.kernel_parameters);
  VC_ASSIGN_OR_RETURN(QemuSandbox sandbox, ChooseSandbox(confiner_, config, facts));
  VC_ASSIGN_OR_RETURN(Descriptors descriptors, OpenDescriptors(config, deadline));

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
  if (config.transport == AgentTransport::kVirtioSerial) info.agent_socket = config.run_dir + "/agent.sock";
  return info;
}

Status QemuHypervisor::Impl::Spawn(std::vector<std::string> command, const QemuSandbox& sandbox,
                                   const Descriptors& descriptors, UniqueFd& ready) {
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

Result<Descriptors> QemuHypervisor::Impl::OpenDescriptors(const VmConfig& config, Deadline deadline) {
  Descriptors descriptors;
  VC_ASSIGN_OR_RETURN(descriptors.console, NewFile(config.console));
  log_ = config.run_dir + "/qemu.log";
  VC_ASSIGN_OR_RETURN(descriptors.log, NewFile(log_));

  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return FailErrno("make a socket pair");
  descriptors.qmp.reset(ends[0]);
  descriptors.qemu_qmp.reset(ends[1]);

  auto listeners = std::make_unique<Listeners>();
  VC_ASSIGN_OR_RETURN(ttrpc::UnixListener qmp,
                      ttrpc::ListenUnix(config.run_dir + "/" + std::string(kQmpSocketName)));
  listeners->qmp.emplace(std::move(qmp));
  if (config.transport == AgentTransport::kVirtioSerial) {
    VC_ASSIGN_OR_RETURN(ttrpc::UnixListener agent, ttrpc::ListenUnix(config.run_dir + "/agent.sock"));
    listeners->agent.emplace(std::move(agent));
  } else {
    descriptors.vhost_vsock.reset(::open(kVhostVsock, O_RDWR | O_CLOEXEC));
    if (!descriptors.vhost_vsock) return FailErrno("open " + Quoted(kVhostVsock));
  }
  if (config.share) {
    VC_ASSIGN_OR_RETURN(descriptors.share, ttrpc::ConnectUnix(config.share->socket, deadline));
  }
  const std::lock_guard lock(mutex_);
  listeners_ = std::move(listeners);
  return descriptors;
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
  console_ = config.console;
  log_ = config.run_dir + "/qemu.log";
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
  if (config.transport == AgentTransport::kVirtioSerial) info.agent_socket = config.run_dir + "/agent.sock";
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
    stale_port_ = config.run_dir + "/agent.sock";
  return {};
}

void QemuHypervisor::Impl::Detach() {
  const std::lock_guard lock(mutex_);
  if (process_) process_->Detach();
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
Status QemuHypervisor::Stop(Deadline deadline) { return impl_->Stop(deadline); }
Result<VmExit> QemuHypervisor::WaitExit(Deadline deadline) { return impl_->WaitExit(deadline); }

}  // namespace virtcontainers
