#include "network/cni/plugin_processes.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/errors.h"
#include "base/unique_fd.h"
#include "os/file.h"
#include "os/marked_process.h"
#include "os/pidfd.h"
#include "os/poll.h"
#include "os/process_identity.h"

namespace virtcontainers::cni {
namespace {

// The number of a process's session; 0 if it has ended. (proc(5), stat: field 6)
pid_t SessionOf(pid_t pid) {
  const std::string stat = ReadFile("/proc/" + std::to_string(pid) + "/stat", 4096).value_or("");
  size_t at = stat.rfind(')');
  constexpr int kCommand = 2, kSession = 6;
  for (int field = kCommand; field < kSession && at != std::string::npos; ++field)
    at = stat.find(' ', at + 1);
  pid_t session = 0;
  if (at != std::string::npos) std::from_chars(stat.data() + at + 1, stat.data() + stat.size(), session);
  return session;
}

bool HasVariable(const std::string& environment, const std::string& variable) {
  for (size_t at = 0; at < environment.size();) {
    const size_t end = std::min(environment.find('\0', at), environment.size());
    if (environment.compare(at, end - at, variable) == 0) return true;
    at = end + 1;
  }
  return false;
}

Result<bool> IsPluginProcess(pid_t pid, const std::string& variable, pid_t session) {
  if (session != 0 && SessionOf(pid) == session) return true;
  const Result<std::string> environment = ReadEnvironment(pid);
  if (environment) return HasVariable(*environment, variable);
  if (environment.error().code() == Code::kResourceExhausted) return Fail(environment.error());
  return false;
}

}  // namespace

std::string AttachmentMark(const std::string& network, const std::string& container,
                           const std::string& interface) {
  return network + "/" + container + "/" + interface;
}

Result<std::vector<ProcessIdentity>> FindPluginProcesses(const std::string& mark, pid_t session) {
  const std::string variable = std::string(kCallVariable) + "=" + mark;
  VC_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory("/proc"));
  std::vector<ProcessIdentity> found;
  for (const std::string& name : names) {
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || end != name.data() + name.size()) continue;
    VC_ASSIGN_OR_RETURN(const bool before, IsPluginProcess(pid, variable, session));
    if (!before) continue;
    Result<ProcessIdentity> process = IdentifyProcess(pid);
    if (!process && process.error().code() == Code::kNotFound) continue;
    VC_RETURN_IF_ERROR(process);
    // Asked again, the number is still that process's.
    VC_ASSIGN_OR_RETURN(const bool after, IsPluginProcess(pid, variable, session));
    VC_ASSIGN_OR_RETURN(const bool alive, CheckAlive(*process));
    if (after && alive) found.push_back(std::move(*process));
  }
  return found;
}

Status KillPluginProcesses(const std::string& mark, pid_t session, Deadline deadline) {
  while (true) {
    VC_ASSIGN_OR_RETURN(const std::vector<ProcessIdentity> left, FindPluginProcesses(mark, session));
    if (left.empty()) return {};
    VC_RETURN_IF_ERROR(KillAllAndWait(left, deadline));
  }
}

Status EndPluginProcesses(const std::string& mark, std::chrono::milliseconds grace, Deadline deadline) {
  const Deadline patience = Min(Deadline::After(grace), deadline);
  while (!patience.passed()) {
    VC_ASSIGN_OR_RETURN(const std::vector<ProcessIdentity> left, FindPluginProcesses(mark, 0));
    if (left.empty()) return {};
    for (const ProcessIdentity& process : left) {
      const UniqueFd pidfd(OpenPidfd(process.pid));
      if (!pidfd || !IsAlive(process)) continue;
      VC_RETURN_IF_ERROR(WaitReadable(pidfd.get(), patience));
    }
  }
  return KillPluginProcesses(mark, 0, deadline);
}

}  // namespace virtcontainers::cni
