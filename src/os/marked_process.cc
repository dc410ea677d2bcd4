#include "os/marked_process.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "base/errors.h"
#include "os/file.h"
#include "os/process_identity.h"

namespace virtcontainers {
namespace {

// Larger than any environment that the kernel starts a program with by default.
constexpr size_t kMaxEnvironment = 8 << 20;

bool IsNumber(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// How long a program may take to get its environment, and how often that is asked.
constexpr int kAttempts = 200;
constexpr std::chrono::milliseconds kPause{1};

// A process in the middle of execve(2) has a new memory, and nothing in it yet; its parent may go on, or be
// killed, before it has. (proc(5), stat: env_end, field 51; 0 without a memory, and before it is filled)
bool IsBeingExecuted(const std::string& process) {
  const std::string stat = ReadFile(process + "/stat", 4096).value_or("");
  size_t at = stat.rfind(')');
  if (at == std::string::npos) return false;
  constexpr int kName = 2, kEnvEnd = 51;
  for (int field = kName; field < kEnvEnd; ++field) {
    at = stat.find(' ', at + 1);
    if (at == std::string::npos) return false;
  }
  // Threads of the kernel, and zombies, have no program.
  char program;
  return stat.compare(at, 2, " 0") == 0 && ::readlink((process + "/exe").c_str(), &program, 1) == 1;
}

// The value of the mark in an environment.
std::optional<std::string> MarkIn(const std::string& environment) {
  const std::string name = std::string(kPodMark) + "=";
  for (size_t at = 0; at < environment.size();) {
    const size_t end = std::min(environment.find('\0', at), environment.size());
    if (environment.compare(at, name.size(), name) == 0) {
      return environment.substr(at + name.size(), end - at - name.size());
    }
    at = end + 1;
  }
  return {};
}

// The mark of a process that runs; nothing of one that has ended, that has none, or that this process may not
// look at. What could not be looked at for want of something is an error: it may be marked.
Result<std::optional<std::string>> ReadMark(pid_t pid) {
  const Result<std::string> environment = ReadEnvironment(pid);
  if (environment) return MarkIn(*environment);
  if (environment.error().code() == Code::kResourceExhausted) return Fail(environment.error());
  return std::optional<std::string>();
}

}  // namespace

Result<std::string> ReadEnvironment(pid_t pid) {
  const std::string process = "/proc/" + std::to_string(pid);
  bool was_idle = false;
  for (int attempt = 1;; ++attempt) {
    Result<std::string> environment = ReadFile(process + "/environ", kMaxEnvironment);
    if (!environment || !environment->empty() || attempt == kAttempts) return environment;
    if (IsBeingExecuted(process)) {
      was_idle = false;
      std::this_thread::sleep_for(kPause);
    } else if (std::exchange(was_idle, true)) {
      // Empty twice. Once, it may have been read just before the program had one.
      return environment;
    }
  }
}

std::vector<std::string> WithMark(std::vector<std::string> environment, const std::string& value) {
  const std::string name = std::string(kPodMark) + "=";
  std::erase_if(environment, [&](const std::string& variable) { return variable.starts_with(name); });
  environment.push_back(name + value);
  return environment;
}

std::vector<std::string> MarkedEnvironment(const std::string& value) {
  std::vector<std::string> environment;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    environment.emplace_back(*variable);
  }
  return WithMark(std::move(environment), value);
}

std::string OwnMark() {
  const char* mark = ::getenv(kPodMark);
  return mark != nullptr ? mark : "";
}

Result<std::vector<MarkedProcess>> FindMarkedProcesses(const MarkFilter& wanted) {
  VC_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory("/proc"));
  std::vector<MarkedProcess> found;
  for (const std::string& name : names) {
    if (!IsNumber(name)) continue;
    const auto pid = static_cast<pid_t>(std::atoi(name.c_str()));
    if (pid == ::getpid()) continue;
    // The mark first, which few have. It is that of the process identified next if the same number is still
    // marked so then.
    VC_ASSIGN_OR_RETURN(const std::optional<std::string> seen, ReadMark(pid));
    if (!seen || !wanted(*seen)) continue;
    Result<ProcessIdentity> process = IdentifyProcess(pid);
    if (!process && process.error().code() == Code::kNotFound) continue;
    VC_RETURN_IF_ERROR(process);
    VC_ASSIGN_OR_RETURN(const bool marked, IsMarked(*process, wanted));
    if (marked) found.push_back({std::move(*process), *seen});
  }
  return found;
}

Result<bool> IsMarked(const ProcessIdentity& process, const MarkFilter& wanted) {
  VC_ASSIGN_OR_RETURN(const bool before, CheckAlive(process));
  if (!before) return false;
  VC_ASSIGN_OR_RETURN(const std::optional<std::string> mark, ReadMark(process.pid));
  if (!mark || !wanted(*mark)) return false;
  // Still alive, it was what has been read.
  return CheckAlive(process);
}

Status KillMarkedProcesses(const MarkFilter& wanted, Deadline deadline) {
  while (true) {
    VC_ASSIGN_OR_RETURN(const std::vector<MarkedProcess> left, FindMarkedProcesses(wanted));
    if (left.empty()) return {};
    std::vector<ProcessIdentity> processes;
    for (const MarkedProcess& marked : left) processes.push_back(marked.process);
    VC_RETURN_IF_ERROR(KillAllAndWait(processes, deadline));
  }
}

}  // namespace virtcontainers
