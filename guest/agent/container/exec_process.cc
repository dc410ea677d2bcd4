#include "guest/agent/container/exec_process.h"

#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>

#include "base/errors.h"
#include "guest/agent/container/report.h"
#include "guest/agent/container/terminal.h"
#include "os/rooted_path.h"

namespace virtcontainers::guest {

namespace {

Status EnterContainer(int init_pidfd) {
  if (init_pidfd < 0) return {};
  // The root and the working directory become the container's with its mount namespace.
  if (::setns(init_pidfd, CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP) < 0) {
    if (errno == ESRCH) return Fail(Code::kFailedPrecondition, "the container's first process has ended");
    return FailErrno("join the container's namespaces");
  }
  return {};
}

Status SetUpTerminal(const ProcessPlan& plan) {
  if (!plan.process->terminal()) return {};
  VC_ASSIGN_OR_RETURN(const RootedPath root, RootedPath::Open("/"));
  VC_ASSIGN_OR_RETURN(const Terminal terminal, OpenTerminal(root, plan.process->consolesize()));
  VC_RETURN_IF_ERROR(ReportTerminal(plan.report, terminal.master.get()));
  VC_RETURN_IF_ERROR(TakeTerminal(terminal.slave.get()));
  for (int fd = 0; fd < 3; ++fd) {
    if (::dup2(terminal.slave.get(), fd) < 0) return FailErrno("set up the terminal");
  }
  return {};
}

Result<PreparedProcess> Prepare(const ExecPlan& plan) {
  // Other processes of the container could look into this one, which is still the agent's image.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (::setsid() < 0) return FailErrno("setsid");
  VC_RETURN_IF_ERROR(EnterContainer(plan.init_pidfd));
  VC_RETURN_IF_ERROR(SetUpTerminal(plan.process));
  return PrepareProcess(plan.process);
}

}  // namespace

void RunExecProcess(const ExecPlan& plan) {
  const auto prepared = Prepare(plan);
  const Error error = prepared ? BecomeProcess(plan.process, *prepared) : SetupError(prepared.error());
  ReportError(plan.process.report, error);
  ::_exit(error.code() == Code::kNotFound ? 127 : 126);
}

}  // namespace virtcontainers::guest
