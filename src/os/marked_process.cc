#include "os/marked_process.h"

#include <algorithm>
#include <cstdlib>

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

}  // namespace

Result<std::vector<ProcessIdentity>> FindMarkedProcesses(const std::string& value) {
  const std::string mark = std::string(kPodMark) + "=" + value + '\0';
  VC_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory("/proc"));
  std::vector<ProcessIdentity> found;
  for (const std::string& name : names) {
    if (!IsNumber(name)) continue;
    // The identity first: the process whose environment is read is then that one, or none.
    Result<ProcessIdentity> process = IdentifyProcess(static_cast<pid_t>(std::atoi(name.c_str())));
    if (!process) continue;
    const Result<std::string> environment = ReadFile("/proc/" + name + "/environ", kMaxEnvironment);
    if (!environment) continue;
    const size_t at = environment->find(mark);
    if (at == std::string::npos || (at > 0 && (*environment)[at - 1] != '\0')) continue;
    if (IsAlive(*process)) found.push_back(std::move(*process));
  }
  return found;
}

}  // namespace virtcontainers
