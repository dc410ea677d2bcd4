#include "guest/agent/sandbox/sandbox_namespaces.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/errors.h"
#include "guest/agent/os/log.h"

namespace virtcontainers::guest {

namespace {

Result<UniqueFd> OpenNamespace(const char* name) {
  const std::string path = std::string("/proc/self/ns/") + name;
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return FailErrno("open " + Quoted(path));
  return fd;
}

[[noreturn]] void Pause() {
  ::prctl(PR_SET_NAME, "pause", 0, 0, 0);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  ::syscall(SYS_close_range, 0u, ~0u, 0u);
  for (;;) {
    while (::waitpid(-1, nullptr, 0) > 0) continue;
    ::pause();
  }
}

}  // namespace

SandboxNamespaces::~SandboxNamespaces() {
  if (pause_.pidfd) ::syscall(SYS_pidfd_send_signal, pause_.pidfd.get(), SIGKILL, nullptr, 0);
}

Status SandboxNamespaces::Make(const std::string& hostname) {
  VC_ASSIGN_OR_RETURN(const UniqueFd own_uts, OpenNamespace("uts"));
  VC_ASSIGN_OR_RETURN(const UniqueFd own_ipc, OpenNamespace("ipc"));
  // With one thread the agent can be in them for a moment: no process is needed to hold them, a descriptor
  // does.
  if (::unshare(CLONE_NEWUTS | CLONE_NEWIPC) < 0) return FailErrno("make the sandbox's namespaces");
  Status status;
  if (!hostname.empty() && ::sethostname(hostname.data(), hostname.size()) < 0) {
    status = FailErrno("set the hostname " + Quoted(hostname));
  }
  auto uts = OpenNamespace("uts");
  auto ipc = OpenNamespace("ipc");
  if (::setns(own_uts.get(), CLONE_NEWUTS) < 0 || ::setns(own_ipc.get(), CLONE_NEWIPC) < 0) {
    return FailErrno("leave the sandbox's namespaces");
  }
  if (!status) return status;
  if (!uts) return Fail(std::move(uts.error()));
  if (!ipc) return Fail(std::move(ipc.error()));
  uts_ = std::move(*uts);
  ipc_ = std::move(*ipc);
  return {};
}

Result<int> SandboxNamespaces::SharedPid() {
  if (!pause_.pidfd) {
    SpawnOptions options;
    options.flags = CLONE_NEWPID;
    VC_ASSIGN_OR_RETURN(pause_, Spawn(options, [] {
                          // The parent of an orphan must not miss its end: no handler, but a wait that is
                          // woken.
                          ::signal(SIGCHLD, [](int) {});
                          Pause();
                        }));
  }
  return pause_.pidfd.get();
}

}  // namespace virtcontainers::guest
