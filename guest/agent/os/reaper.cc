#include "guest/agent/os/reaper.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <memory>

#include "base/errors.h"

namespace virtcontainers::guest {

Result<std::unique_ptr<Reaper>> Reaper::Create(EventLoop& loop) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) < 0) return FailErrno("sigprocmask");
  // Ignored, which may have been inherited, the kernel would throw the exit statuses away.
  ::signal(SIGCHLD, SIG_DFL);
  UniqueFd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return FailErrno("signalfd");
  const int fd = signals.get();
  std::unique_ptr<Reaper> reaper(new Reaper(loop, std::move(signals)));
  VC_RETURN_IF_ERROR(loop.Add(fd, EPOLLIN, [fd, self = reaper.get()](uint32_t) {
    signalfd_siginfo record;
    // Emptied before waiting: a child that ends in between makes a new record.
    while (::read(fd, &record, sizeof(record)) > 0) continue;
    self->Collect();
  }));
  return reaper;
}

Reaper::~Reaper() { loop_.Remove(signals_.get()); }

void Reaper::Collect() {
  int status = 0;
  // signalfd merges: one record may stand for any number of children.
  for (pid_t pid = ::waitpid(-1, &status, WNOHANG); pid > 0; pid = ::waitpid(-1, &status, WNOHANG)) {
    const auto handler = handlers_.find(pid);
    if (handler == handlers_.end()) continue;
    const Handler call = std::move(handler->second);
    handlers_.erase(handler);
    call(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
  }
}

}  // namespace virtcontainers::guest
