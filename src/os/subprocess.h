// Starting and watching child processes from a process with threads. Host only.

#ifndef VIRTCONTAINERS_SRC_OS_SUBPROCESS_H_
#define VIRTCONTAINERS_SRC_OS_SUBPROCESS_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// How a child ended.
struct ProcessExit {
  bool signaled = false;
  int value = 0;  // the exit code, or the signal's number

  bool success() const { return !signaled && value == 0; }
  // "exited with status 1", "killed by signal 9".
  std::string Describe() const;
};

// A child process. Move-only; one thread at a time, except that Kill may be called from any.
//
// The child starts in a session of its own with an empty signal mask and default dispositions: what this
// process blocks or ignores would survive the exec. It has the descriptors listed and no others. Destroying a
// Subprocess leaves the process alone, as a zombie of this one once it ends.
class Subprocess {
 public:
  struct Options {
    std::vector<std::string> argv;                // argv[0] is a path, or a name looked up in $PATH
    std::string program;                          // the path to execute where argv[0] is only a name for it
    std::optional<std::vector<std::string>> env;  // default: this process's
    std::vector<std::pair<int, int>> fds;  // {ours, the child's}; 0, 1 and 2 are /dev/null if not listed
    std::optional<mode_t> umask;           // default: this process's
  };

  // posix_spawn: no code of ours runs between fork and exec. The mount namespace and the like are the calling
  // thread's. Errors: NotFound, PermissionDenied for a program that cannot be executed, naming it.
  static Result<Subprocess> Spawn(const Options& options);

  Subprocess(Subprocess&&) noexcept = default;
  Subprocess& operator=(Subprocess&&) noexcept = default;

  pid_t pid() const { return pid_; }
  // Readable once the process has ended.
  int pidfd() const { return pidfd_.get(); }

  // Blocks until the process has ended and collects it; after that answers the same again.
  // Errors: DeadlineExceeded; Internal if somebody else in this process collected it.
  Result<ProcessExit> Wait(Deadline deadline);

  // A process that has ended already is no error.
  Status Kill(int signal);

 private:
  Subprocess(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

  pid_t pid_ = 0;
  UniqueFd pidfd_;
  std::optional<ProcessExit> exit_;
};

// The output of a command that is expected to be short and quick: stdout, and stderr with it.
// Errors: as Spawn; Aborted if it does not exit with 0, with what it said.
Result<std::string> RunCommand(std::vector<std::string> argv, Deadline deadline, size_t max_output = 1 << 20);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_SUBPROCESS_H_
