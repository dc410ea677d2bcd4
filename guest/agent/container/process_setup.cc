#include "guest/agent/container/process_setup.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <string_view>
#include <unordered_map>

#include "base/errors.h"
#include "guest/agent/container/executable.h"
#include "guest/agent/container/report.h"
#include "guest/agent/container/rlimits.h"
#include "guest/agent/container/scheduling.h"
#include "guest/agent/container/terminal.h"
#include "guest/agent/os/file.h"

namespace virtcontainers::guest {

namespace {

constexpr int kMaxStrings = 65536;
constexpr size_t kMaxStringBytes = 128 << 10;  // MAX_ARG_STRLEN of the kernel

// Of several variables of one name the last one holds, in the place of the first, as setenv(3) has it: most
// programs would find the first, shells the last.
std::vector<std::string> OneOfEach(const google::protobuf::RepeatedPtrField<std::string>& variables) {
  std::vector<std::string> environment;
  std::unordered_map<std::string_view, size_t> places;
  for (const std::string& variable : variables) {
    const std::string_view name = std::string_view(variable).substr(0, variable.find('='));
    const auto [known, is_new] = places.emplace(name, environment.size());
    if (is_new) {
      environment.push_back(variable);
    } else {
      environment[known->second] = variable;
    }
  }
  return environment;
}

bool Has(const std::vector<std::string>& environment, std::string_view name) {
  for (const std::string& variable : environment) {
    if (variable.size() > name.size() && variable[name.size()] == '=' &&
        variable.compare(0, name.size(), name) == 0) {
      return true;
    }
  }
  return false;
}

// With a terminal the three are it already. They become the user's, so that a process that is not root can
// open /dev/stdout, and its terminal by name. The group stays: a terminal's is that of its devpts. Not
// everything has an owner.
Status SetStdio(const ProcessPlan& plan, uid_t uid) {
  for (int fd = 0; fd < 3; ++fd) {
    if (!plan.process->terminal() && ::dup2(plan.stdio[fd], fd) < 0) {
      return FailErrno("set up standard input and output");
    }
    if (uid != 0) ::fchown(fd, uid, static_cast<gid_t>(-1));
  }
  return {};
}

// A path through an open descriptor of the agent's could lead out of the container: then the kernel has no
// name for where we are.
Status CheckInsideRoot(const std::string& directory) {
  std::array<char, 4096> name;
  const long size = ::syscall(SYS_getcwd, name.data(), name.size());
  if (size > 0 && name[0] == '/') return {};
  return Fail(Code::kInvalidArgument,
              "working directory " + Quoted(directory) + " is outside of the container");
}

Status ChangeDirectory(const std::string& directory) {
  if (::chdir(directory.c_str()) < 0) return FailErrno("change to working directory " + Quoted(directory));
  return CheckInsideRoot(directory);
}

Status ChangeUser(const Credentials& credentials) {
  if (::setgroups(credentials.groups.size(), credentials.groups.data()) < 0) return FailErrno("setgroups");
  if (credentials.gid != 0 && ::setresgid(credentials.gid, credentials.gid, credentials.gid) < 0) {
    return FailErrno("change to group " + std::to_string(credentials.gid));
  }
  if (credentials.uid != 0 && ::setresuid(credentials.uid, credentials.uid, credentials.uid) < 0) {
    return FailErrno("change to user " + std::to_string(credentials.uid));
  }
  return {};
}

Status SetOomScore(int64_t score) {
  if (score == 0) return {};
  auto status = WriteFile("/proc/self/oom_score_adj", std::to_string(score));
  // A container without /proc has no say in it.
  if (!status && status.error().code() == Code::kNotFound) return {};
  return status;
}

Status ApplyPrivileges(const ProcessPlan& plan, const Credentials& credentials) {
  const bool no_new_privileges = plan.process->nonewprivileges();
  if (plan.capabilities) VC_RETURN_IF_ERROR(DropBoundingSet(plan.capabilities->bounding));
  const bool keep = plan.capabilities && credentials.uid != 0;
  if (keep && ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) return FailErrno("keep capabilities");
  VC_RETURN_IF_ERROR(ChangeUser(credentials));
  if (keep) VC_RETURN_IF_ERROR(RaisePermittedCapabilities());
  // Without no_new_privs the filter needs a capability that the next step takes away.
  if (plan.seccomp != nullptr && !no_new_privileges) VC_RETURN_IF_ERROR(LoadSeccomp(*plan.seccomp));
  if (plan.capabilities) VC_RETURN_IF_ERROR(SetCapabilities(*plan.capabilities));
  if (no_new_privileges && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return FailErrno("set no_new_privs");
  if (plan.seccomp != nullptr && no_new_privileges) VC_RETURN_IF_ERROR(LoadSeccomp(*plan.seccomp));
  return {};
}

}  // namespace

Status CheckStrings(const google::protobuf::RepeatedPtrField<std::string>& strings, const char* what) {
  if (strings.size() > kMaxStrings) {
    return Fail(Code::kInvalidArgument, "more than " + std::to_string(kMaxStrings) + " " + what);
  }
  for (const std::string& string : strings) {
    if (string.find('\0') != std::string::npos)
      return Fail(Code::kInvalidArgument, std::string(what) + " hold a NUL");
    if (string.size() >= kMaxStringBytes) {
      return Fail(Code::kInvalidArgument, std::string("one of the ") + what + " is longer than 128 KiB");
    }
  }
  return {};
}

Status CheckProcess(const grpc::Process& process) {
  if (process.args_size() == 0 || process.args(0).empty()) {
    return Fail(Code::kInvalidArgument, "the process has no program to run: its args are empty");
  }
  VC_RETURN_IF_ERROR(CheckStrings(process.args(), "arguments"));
  VC_RETURN_IF_ERROR(CheckStrings(process.env(), "environment variables"));
  VC_RETURN_IF_ERROR(CheckRlimits(process.rlimits()));
  if (!process.cwd().empty() && process.cwd()[0] != '/') {
    return Fail(Code::kInvalidArgument,
                "working directory " + Quoted(process.cwd()) + " is not an absolute path");
  }
  if (process.oomscoreadj() < -1000 || process.oomscoreadj() > 1000) {
    return Fail(Code::kInvalidArgument,
                "oomScoreAdj " + std::to_string(process.oomscoreadj()) + " is not between -1000 and 1000");
  }
  if (process.user().additionalgids_size() > 65536) {
    return Fail(Code::kInvalidArgument, "more than 65536 additional groups");
  }
  return {};
}

Status CheckExtension(const wire::ProcessExtension& process) {
  if (process.umask() <= 0777) return CheckScheduling(process);
  return Fail(Code::kInvalidArgument, "umask " + std::to_string(process.umask()) + " is more than 0777");
}

Result<PreparedProcess> PrepareProcess(const ProcessPlan& plan) {
  const grpc::Process& process = *plan.process;
  PreparedProcess prepared;
  prepared.arguments.assign(process.args().begin(), process.args().end());
  prepared.environment = OneOfEach(process.env());
  auto& environment = prepared.environment;
  const bool want_home = !Has(environment, "HOME");
  VC_ASSIGN_OR_RETURN(const RootedPath root, RootedPath::Open("/"));
  VC_ASSIGN_OR_RETURN(prepared.credentials, ResolveUser(root, process.user(), plan.string_user, want_home));
  if (!Has(environment, "PATH")) environment.push_back("PATH=" + std::string(kDefaultPath));
  if (want_home) {
    const std::string& home = prepared.credentials.home;
    environment.push_back("HOME=" + (home.empty() ? "/" : home));
  }
  if (process.terminal() && !Has(environment, "TERM")) environment.push_back("TERM=xterm");
  return prepared;
}

Status EnterProcess(const ProcessPlan& plan, const PreparedProcess& prepared) {
  const grpc::Process& process = *plan.process;
  if (plan.personality && ::personality(*plan.personality) < 0) return FailErrno("set the personality");
  if (plan.cpus != nullptr) VC_RETURN_IF_ERROR(SetCpus(*plan.cpus));
  if (plan.scheduler != nullptr) VC_RETURN_IF_ERROR(SetScheduler(*plan.scheduler));
  if (plan.io_priority != nullptr) VC_RETURN_IF_ERROR(SetIoPriority(*plan.io_priority));
  VC_RETURN_IF_ERROR(SetOomScore(process.oomscoreadj()));
  VC_RETURN_IF_ERROR(SetRlimits(process.rlimits()));
  const std::string directory = process.cwd().empty() ? "/" : process.cwd();
  // Before the change of user, as root may look where the user may not; after it, where only the user may.
  Status changed = ChangeDirectory(directory);
  if (!changed && changed.error().code() != Code::kPermissionDenied) return changed;
  VC_RETURN_IF_ERROR(ApplyPrivileges(plan, prepared.credentials));
  if (!changed) VC_RETURN_IF_ERROR(ChangeDirectory(directory));
  ::umask(plan.umask);
  return {};
}

Error BecomeProcess(const ProcessPlan& plan, const PreparedProcess& prepared) {
  const auto become = [&]() -> Status {
    VC_RETURN_IF_ERROR(SetStdio(plan, prepared.credentials.uid));
    VC_RETURN_IF_ERROR(EnterProcess(plan, prepared));
    ::syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
    return {};
  };
  if (auto status = become(); !status) return SetupError(status.error());
  if (plan.program >= 0) return ExecuteFile(plan.program, prepared.arguments, prepared.environment);
  return Execute(prepared.arguments, prepared.environment);
}

}  // namespace virtcontainers::guest
