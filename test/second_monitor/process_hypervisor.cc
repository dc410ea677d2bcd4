#include "process_hypervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>

namespace second_monitor {
namespace {

tl::unexpected<vc::Error> Fail(vc::Code code, std::string message) {
  return tl::unexpected<vc::Error>(vc::Error(code, std::move(message)));
}

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The identity by which the library finds the process again. (proc(5))
vc::ProcessIdentity Identify(pid_t pid) {
  vc::ProcessIdentity identity;
  identity.pid = pid;
  const std::string stat = Contents("/proc/" + std::to_string(pid) + "/stat");
  // The second field is the program's name in parentheses; the start time is field 22.
  std::istringstream fields(stat.substr(stat.rfind(')') + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  fields >> identity.start_time;
  std::istringstream(Contents("/proc/sys/kernel/random/boot_id")) >> identity.boot_id;
  return identity;
}

// Starts `sleep` with `console` as its output. It inherits the environment, and with it the mark of the pod,
// by which the library finds the process when the monitor has died.
vc::Result<pid_t> Spawn(const std::string& console) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  const std::string output = console.empty() ? "/dev/null" : console;
  ::posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
  ::posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none, all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  const char* const argv[] = {"sleep", "infinity", nullptr};
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, argv[0], &actions, &attributes, const_cast<char**>(argv), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (error == 0) return pid;
  const vc::Code code = error == ENOENT ? vc::Code::kNotFound : vc::Code::kUnavailable;
  return Fail(code, "start sleep with console '" + console + "': " + std::strerror(error));
}

}  // namespace

ProcessHypervisor::~ProcessHypervisor() {
  (void)Stop(vc::Deadline::Infinite());
  if (waiter_.joinable()) waiter_.join();
}

vc::Result<vc::HypervisorFeatures> ProcessHypervisor::features(const vc::HypervisorConfig&,
                                                               const vc::ResourceConfig&) const {
  vc::HypervisorFeatures features;
  features.boots_kernel = false;
  return features;
}

vc::Result<vc::VmInfo> ProcessHypervisor::Start(const vc::VmConfig& config, vc::Deadline) {
  const std::lock_guard lock(mutex_);
  if (std::exchange(start_called_, true)) {
    return Fail(vc::Code::kFailedPrecondition, "the vm was started before: make another Hypervisor");
  }
  if (!config.devices.empty()) {
    return Fail(vc::Code::kInvalidArgument, "a process has no devices: use agent 'noop'");
  }
  const vc::Result<pid_t> pid = Spawn(config.console);
  if (!pid) return tl::unexpected<vc::Error>(pid.error());
  pid_ = *pid;
  state_ = vc::VmState::kRunning;
  waiter_ = std::thread([this] { AwaitEnd(); });

  vc::VmInfo info;
  info.process = Identify(pid_);
  info.version = "1";
  info.machine = config.hypervisor.machine;
  info.accelerator_reason = "process: it executes no guest";
  info.sandbox = "none: it does nothing";
  return info;
}

void ProcessHypervisor::AwaitEnd() {
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) != 0 && errno == EINTR) {
  }
  const std::lock_guard lock(mutex_);
  state_ = vc::VmState::kExited;
  if (stop_called_) {
    exit_ = {true, "stopped"};
  } else if (info.si_code == CLD_EXITED) {
    exit_ = {false, "vm exited: status " + std::to_string(info.si_status)};
  } else {
    exit_ = {false, "vm exited: killed by signal " + std::to_string(info.si_status)};
  }
  ended_.notify_all();
}

vc::VmState ProcessHypervisor::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

vc::Status ProcessHypervisor::ChangeState(vc::VmState from, vc::VmState to, int signal) {
  const std::lock_guard lock(mutex_);
  if (state_ != from) {
    return Fail(vc::Code::kFailedPrecondition,
                state_ == vc::VmState::kExited  ? "the vm has ended: start another"
                : from == vc::VmState::kRunning ? "the vm does not run: start or resume it first"
                                                : "the vm is not paused: pause it first");
  }
  ::kill(pid_, signal);
  state_ = to;
  return {};
}

vc::Status ProcessHypervisor::Pause(vc::Deadline) {
  return ChangeState(vc::VmState::kRunning, vc::VmState::kPaused, SIGSTOP);
}

vc::Status ProcessHypervisor::Resume(vc::Deadline) {
  return ChangeState(vc::VmState::kPaused, vc::VmState::kRunning, SIGCONT);
}

vc::Status ProcessHypervisor::Stop(vc::Deadline deadline) {
  {
    const std::lock_guard lock(mutex_);
    if (state_ == vc::VmState::kNone || state_ == vc::VmState::kExited) return {};
    stop_called_ = true;
    ::kill(pid_, SIGKILL);
  }
  return WaitExit(deadline).map([](const vc::VmExit&) {});
}

vc::Result<vc::VmExit> ProcessHypervisor::WaitExit(vc::Deadline deadline) {
  std::unique_lock lock(mutex_);
  if (state_ == vc::VmState::kNone) return Fail(vc::Code::kFailedPrecondition, "the vm was never started");
  const auto has_ended = [this] { return exit_.has_value(); };
  if (deadline.infinite()) {
    ended_.wait(lock, has_ended);
  } else if (!ended_.wait_until(lock, deadline.time(), has_ended)) {
    return Fail(vc::Code::kDeadlineExceeded, "the vm still runs");
  }
  return *exit_;
}

}  // namespace second_monitor
