#include "guest/agent/os/spawn.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <exception>

#include "base/errors.h"
#include "guest/agent/os/log.h"

namespace virtcontainers::guest {

namespace {

constexpr int kCgroupAttempts = 8;

// What clone3(2) answers for a cgroup that may not have processes: it has domain controllers enabled for its
// children, it is an invalid domain, or it has been removed.
bool IsDivided(int error) { return error == EBUSY || error == EOPNOTSUPP || error == ENODEV; }

// The children of the agent go to another pid namespace while this stands. Joining before the clone makes the
// process a direct child: joining inside it would take a second clone, and a child nobody here can wait for.
class PidNamespaceForChildren {
 public:
  Status Enter(int fd) {
    own_.reset(::open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC));
    if (!own_) return FailErrno("open '/proc/self/ns/pid'");
    if (::setns(fd, CLONE_NEWPID) < 0) {
      own_.reset();
      if (errno == ESRCH) return Fail(Code::kFailedPrecondition, "the container's first process has ended");
      return FailErrno("join the pid namespace");
    }
    return {};
  }

  ~PidNamespaceForChildren() {
    if (!own_ || ::setns(own_.get(), CLONE_NEWPID) == 0) return;
    // Every process from now on would be somebody else's container's.
    Log(LogLevel::kError, "cannot go back to the guest's pid namespace");
    std::abort();
  }

 private:
  UniqueFd own_;
};

}  // namespace

Result<Child> Spawn(const SpawnOptions& options, const std::function<void()>& main) {
  PidNamespaceForChildren pid_namespace;
  if (options.pid_namespace >= 0) VC_RETURN_IF_ERROR(pid_namespace.Enter(options.pid_namespace));

  int pidfd = -1;
  clone_args args{};
  args.flags = options.flags | CLONE_PIDFD | CLONE_CLEAR_SIGHAND;
  args.pidfd = reinterpret_cast<uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  if (options.cgroup_fd >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<uint64_t>(options.cgroup_fd);
  }
  long pid = ::syscall(SYS_clone3, &args, sizeof(args));
  UniqueFd other;
  // What is found may be divided a moment later.
  for (int i = 0; i < kCgroupAttempts && pid < 0 && IsDivided(errno) && options.other_cgroup; ++i) {
    VC_ASSIGN_OR_RETURN(other, options.other_cgroup());
    args.cgroup = static_cast<uint64_t>(other.get());
    pid = ::syscall(SYS_clone3, &args, sizeof(args));
  }
  if (pid < 0) return FailErrno("clone3");
  if (pid == 0) {
    // The agent's own would take the machine with it.
    std::set_terminate(std::abort);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    main();
    ::_exit(127);
  }
  return Child{static_cast<pid_t>(pid), UniqueFd(pidfd)};
}

Status MakeStdioPipe(bool agent_reads, UniqueFd* agent_end, UniqueFd* child_end) {
  // Larger pieces are fewer turns between process and agent. Without it, it works as well.
  constexpr int kOutputPipe = 256 << 10;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) return FailErrno("pipe2");
  agent_end->reset(ends[agent_reads ? 0 : 1]);
  child_end->reset(ends[agent_reads ? 1 : 0]);
  if (::fcntl(agent_end->get(), F_SETFL, O_NONBLOCK) < 0) return FailErrno("fcntl");
  if (agent_reads) (void)::fcntl(agent_end->get(), F_SETPIPE_SZ, kOutputPipe);
  return {};
}

}  // namespace virtcontainers::guest
