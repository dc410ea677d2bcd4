#include "os/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <thread>

#include "base/errors.h"
#include "os/file.h"
#include "os/pidfd.h"
#include "os/poll.h"
#include "os/thread.h"

extern char** environ;

namespace virtcontainers {
namespace {

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& s : strings) pointers.push_back(const_cast<char*>(s.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

class SpawnActions {
 public:
  SpawnActions() { ::posix_spawn_file_actions_init(&actions_); }
  ~SpawnActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

class SpawnAttributes {
 public:
  SpawnAttributes() {
    ::posix_spawnattr_init(&attributes_);
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setflags(&attributes_,
                               POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnAttributes() { ::posix_spawnattr_destroy(&attributes_); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

}  // namespace

std::string ProcessExit::Describe() const {
  return signaled ? "killed by signal " + std::to_string(value)
                  : "exited with status " + std::to_string(value);
}

Result<Subprocess> Subprocess::Spawn(const Options& options) {
  if (options.argv.empty()) return Fail(Code::kInternal, "spawn: an empty command");

  // Not left to posix_spawnp, for which a name is forbidden, not missing, once $PATH has a folder we may not
  // read.
  const std::string& name = options.program.empty() ? options.argv[0] : options.program;
  const std::string program = name.find('/') == std::string::npos ? FindProgram(name) : name;
  if (program.empty())
    return Fail(Code::kNotFound, "run " + Quoted(name) + ": there is no such program in $PATH");

  // A descriptor that is both a source and somebody's target would be overwritten before it is copied: move
  // every source above all targets first.
  int highest = 2;
  for (const auto& [ours, theirs] : options.fds) highest = std::max({highest, ours, theirs});
  std::vector<std::pair<UniqueFd, int>> sources;
  std::set<int> targets;
  for (const auto& [ours, theirs] : options.fds) {
    UniqueFd copy(::fcntl(ours, F_DUPFD_CLOEXEC, highest + 1));
    if (!copy) {
      // fcntl(2): EINVAL is for one beyond all that the process may have.
      const int error = errno == EINVAL ? EMFILE : errno;
      return FailErrno("spawn " + Quoted(name) + ": duplicate a descriptor", error);
    }
    sources.emplace_back(std::move(copy), theirs);
    targets.insert(theirs);
  }

  SpawnActions actions;
  for (const auto& [fd, target] : sources)
    ::posix_spawn_file_actions_adddup2(actions.get(), fd.get(), target);
  for (int standard = 0; standard <= 2; ++standard) {
    if (targets.count(standard) == 0) {
      ::posix_spawn_file_actions_addopen(actions.get(), standard, "/dev/null", O_RDWR, 0);
    }
  }
  int next = 3;
  for (int target : targets) {
    // The gaps between the targets, then everything above the last.
    for (; next < target; ++next) ::posix_spawn_file_actions_addclose(actions.get(), next);
    next = std::max(next, target + 1);
  }
  ::posix_spawn_file_actions_addclosefrom_np(actions.get(), next);

  const SpawnAttributes attributes;
  const std::vector<char*> argv = Pointers(options.argv);
  std::vector<char*> env;
  if (options.env) env = Pointers(*options.env);

  pid_t pid = 0;
  int error = 0;
  const auto spawn = [&] {
    error = ::posix_spawn(&pid, program.c_str(), actions.get(), attributes.get(), argv.data(),
                          options.env ? env.data() : environ);
  };
  if (options.umask) {
    // The child inherits the umask of the thread that starts it.
    VC_ASSIGN_OR_RETURN(std::thread thread, StartThread([&] {
                          if (::unshare(CLONE_FS) != 0) {
                            error = errno;
                            return;
                          }
                          ::umask(*options.umask);
                          spawn();
                        }));
    thread.join();
  } else {
    spawn();
  }
  if (error != 0) return FailErrno("run " + Quoted(name), error);

  UniqueFd pidfd(OpenPidfd(pid));
  if (!pidfd) {
    const int saved = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return FailErrno("run " + Quoted(name) + ": pidfd_open", saved);
  }
  return Subprocess(pid, std::move(pidfd));
}

Result<ProcessExit> Subprocess::Wait(Deadline deadline) {
  if (exit_) return *exit_;
  VC_ASSIGN_OR_RETURN(const bool ended, WaitReadable(pidfd_.get(), deadline));
  if (!ended) {
    return Fail(Code::kDeadlineExceeded, "process " + std::to_string(pid_) + " did not end in time");
  }
  int status = 0;
  pid_t got;
  do {
    got = ::waitpid(pid_, &status, 0);
  } while (got < 0 && errno == EINTR);
  if (got != pid_) {
    return Fail(Code::kInternal, "the exit status of process " + std::to_string(pid_) +
                                     " was taken by another part of this program");
  }
  exit_ = WIFSIGNALED(status) ? ProcessExit{true, WTERMSIG(status)} : ProcessExit{false, WEXITSTATUS(status)};
  return *exit_;
}

Status Subprocess::Kill(int signal) {
  if (SendPidfdSignal(pidfd_.get(), signal) != 0 && errno != ESRCH) {
    return FailErrno("signal process " + std::to_string(pid_));
  }
  return {};
}

Result<std::string> RunCommand(std::vector<std::string> argv, Deadline deadline, size_t max_output) {
  if (argv.empty()) return Fail(Code::kInternal, "run: an empty command");
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return FailErrno("run " + Quoted(argv[0]) + ": pipe");
  UniqueFd reader(ends[0]), writer(ends[1]);
  const std::string name = argv[0];
  VC_ASSIGN_OR_RETURN(Subprocess child, Subprocess::Spawn({.argv = std::move(argv),
                                                           .fds = {{writer.get(), 1}, {writer.get(), 2}}}));
  writer.reset();
  std::string output;
  const auto fail = [&](Error error) -> Result<std::string> {
    // Its children with it, which may be what keeps the output open. Not collected, it still holds its
    // number.
    ::kill(-child.pid(), SIGKILL);
    (void)child.Wait(Deadline::Infinite());
    return Fail(std::move(error).AddContext("run " + Quoted(name)));
  };
  while (true) {
    const Result<bool> readable = WaitReadable(reader.get(), deadline);
    if (!readable) return fail(readable.error());
    if (!*readable) return fail(Error(Code::kDeadlineExceeded, "it did not end in time"));
    char buffer[4096];
    const ssize_t got = ::read(reader.get(), buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(ErrnoError("read its output"));
    if (got == 0) break;
    if (output.size() + static_cast<size_t>(got) > max_output) {
      return fail(Error(Code::kResourceExhausted, "it printed too much"));
    }
    output.append(buffer, static_cast<size_t>(got));
  }
  const Result<ProcessExit> exit = child.Wait(deadline);
  if (!exit) {
    // Collected by another part of this program: its number may be anybody's by now.
    if (exit.error().code() == Code::kInternal) return Fail(exit.error());
    return fail(exit.error());
  }
  if (!exit->success()) {
    return Fail(Code::kAborted, "run " + Quoted(name) + ": " + exit->Describe() + ": " + output);
  }
  return output;
}

}  // namespace virtcontainers
