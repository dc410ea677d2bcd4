#include "os/marked_process.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <thread>

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

Result<std::string> ReadEnvironment(const std::string& process) {
  for (int attempt = 1;; ++attempt) {
    Result<std::string> environment = ReadFile(process + "/environ", kMaxEnvironment);
    if (!environment || !environment->empty() || attempt == kAttempts) return environment;
    if (!IsBeingExecuted(process)) return environment;
    std::this_thread::sleep_for(kPause);
  }
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

}  // namespace

std::vector<std::string> MarkedEnvironment(const std::string& value) {
  const std::string name = std::string(kPodMark) + "=";
  std::vector<std::string> environment;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    if (!std::string_view(*variable).starts_with(name)) environment.emplace_back(*variable);
  }
  environment.push_back(name + value);
  return environment;
}

Result<std::vector<MarkedProcess>> FindProcessesMarkedLike(const std::string& prefix) {
  VC_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory("/proc"));
  std::vector<MarkedProcess> found;
  for (const std::string& name : names) {
    if (!IsNumber(name)) continue;
    const auto pid = static_cast<pid_t>(std::atoi(name.c_str()));
    if (pid == ::getpid()) continue;
    // The identity first: the process whose environment is read is then that one, or none.
    Result<ProcessIdentity> process = IdentifyProcess(pid);
    // What could not be looked at may be one. (Others' processes are not to be looked at.)
    if (!process && process.error().code() == Code::kResourceExhausted) return Fail(process.error());
    if (!process) continue;
    const Result<std::string> environment = ReadEnvironment("/proc/" + name);
    if (!environment && environment.error().code() == Code::kResourceExhausted) {
      return Fail(environment.error());
    }
    if (!environment) continue;
    std::optional<std::string> mark = MarkIn(*environment);
    if (!mark || !mark->starts_with(prefix)) continue;
    VC_ASSIGN_OR_RETURN(const bool alive, CheckAlive(*process));
    if (alive) found.push_back({std::move(*process), std::move(*mark)});
  }
  return found;
}

Result<std::vector<ProcessIdentity>> FindMarkedProcesses(const std::string& value) {
  VC_ASSIGN_OR_RETURN(std::vector<MarkedProcess> like, FindProcessesMarkedLike(value));
  std::vector<ProcessIdentity> found;
  for (MarkedProcess& process : like) {
    if (process.mark == value) found.push_back(std::move(process.process));
  }
  return found;
}

}  // namespace virtcontainers
