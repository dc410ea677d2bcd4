#include "os/process_identity.h"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <utility>

#include "base/errors.h"
#include "base/unique_fd.h"
#include "os/file.h"
#include "os/pidfd.h"
#include "os/poll.h"

namespace virtcontainers {
namespace {

struct ProcStat {
  char state = '?';
  uint64_t start_time = 0;
};

// proc(5): the second field, the command's name, may hold spaces and parentheses; nothing after the last ')'
// does.
Result<ProcStat> ReadProcStat(pid_t pid) {
  VC_ASSIGN_OR_RETURN(const std::string text, ReadFile("/proc/" + std::to_string(pid) + "/stat", 4096));
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return Fail(Code::kInternal, "a stat of process " + std::to_string(pid));
  ProcStat stat;
  size_t at = name_end + 2;
  if (at < text.size()) stat.state = text[at];
  constexpr int kState = 3, kStartTime = 22;
  for (int field = kState; field < kStartTime; ++field) {
    at = text.find(' ', at);
    if (at == std::string::npos) return Fail(Code::kInternal, "a stat of process " + std::to_string(pid));
    ++at;
  }
  std::from_chars(text.data() + at, text.data() + text.size(), stat.start_time);
  return stat;
}

}  // namespace

Result<std::string> BootId() {
  VC_ASSIGN_OR_RETURN(std::string text, ReadFile("/proc/sys/kernel/random/boot_id", 64));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

Result<ProcessIdentity> IdentifyProcess(pid_t pid) {
  VC_ASSIGN_OR_RETURN(const ProcStat stat, ReadProcStat(pid));
  VC_ASSIGN_OR_RETURN(std::string boot_id, BootId());
  return ProcessIdentity{pid, stat.start_time, std::move(boot_id)};
}

Result<bool> CheckAlive(const ProcessIdentity& identity) {
  if (identity.pid <= 0) return false;
  VC_ASSIGN_OR_RETURN(const std::string boot_id, BootId());
  if (identity.boot_id != boot_id) return false;
  const Result<ProcStat> stat = ReadProcStat(identity.pid);
  if (!stat && stat.error().code() == Code::kNotFound) return false;
  VC_RETURN_IF_ERROR(stat);
  return stat->start_time == identity.start_time && stat->state != 'Z' && stat->state != 'X';
}

bool IsAlive(const ProcessIdentity& identity) { return CheckAlive(identity).value_or(false); }

namespace {

std::string Describe(const ProcessIdentity& identity) { return "process " + std::to_string(identity.pid); }

// Kills the process; its pidfd, readable once it is gone, or nothing of one that is gone already.
Result<UniqueFd> Kill(const ProcessIdentity& identity) {
  if (identity.pid <= 0) return UniqueFd();
  // The pidfd first, the check after: from then on it cannot become another process.
  UniqueFd pidfd(OpenPidfd(identity.pid));
  if (!pidfd) {
    const int saved = errno;
    if (saved == ESRCH) return UniqueFd();
    // Also when the number has become a thread's: there is no pidfd of one.
    VC_ASSIGN_OR_RETURN(const bool alive, CheckAlive(identity));
    if (!alive) return UniqueFd();
    return FailErrno("pidfd_open " + std::to_string(identity.pid), saved);
  }
  VC_ASSIGN_OR_RETURN(const bool alive, CheckAlive(identity));
  if (!alive) return UniqueFd();
  if (SendPidfdSignal(pidfd.get(), SIGKILL) != 0 && errno != ESRCH)
    return FailErrno("kill " + Describe(identity));
  return pidfd;
}

}  // namespace

Status KillAllAndWait(const std::vector<ProcessIdentity>& processes, Deadline deadline) {
  // All before the first is waited for, so that none reacts to another's end; as many at a time as there are
  // descriptors for.
  constexpr size_t kAtOnce = 64;
  for (size_t from = 0; from < processes.size(); from += kAtOnce) {
    std::vector<std::pair<const ProcessIdentity*, UniqueFd>> killed;
    for (size_t i = from; i < std::min(from + kAtOnce, processes.size()); ++i) {
      VC_ASSIGN_OR_RETURN(UniqueFd pidfd, Kill(processes[i]));
      if (pidfd) killed.emplace_back(&processes[i], std::move(pidfd));
    }
    for (const auto& [process, pidfd] : killed) {
      VC_ASSIGN_OR_RETURN(const bool gone, WaitReadable(pidfd.get(), deadline));
      if (!gone) return Fail(Code::kDeadlineExceeded, Describe(*process) + " does not die");
    }
  }
  return {};
}

Status KillAndWait(const ProcessIdentity& identity, Deadline deadline) {
  return KillAllAndWait({identity}, deadline);
}

}  // namespace virtcontainers
