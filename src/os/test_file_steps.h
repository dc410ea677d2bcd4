// What a process does to files, step by step. For tests only.

#ifndef VIRTCONTAINERS_SRC_OS_TEST_FILE_STEPS_H_
#define VIRTCONTAINERS_SRC_OS_TEST_FILE_STEPS_H_

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>

#include "base/unique_fd.h"

namespace virtcontainers {

// A change that is about to be made.
struct FileStep {
  int number = 0;    // from 0
  std::string file;  // of one that appends, which can be killed half way: the file's path
  std::string half;  // and what would be in it by then

  // What is in `at` instead of the file, if it had been killed there.
  void AppendHalf(const std::string& at) const {
    std::ofstream(at, std::ios::app | std::ios::binary) << half;
  }
};

inline bool ChangesFiles(uint64_t call) {
  for (const long known : {SYS_write, SYS_pwrite64, SYS_openat, SYS_ftruncate, SYS_renameat2, SYS_unlinkat,
#ifdef SYS_open
                           SYS_open, SYS_rename, SYS_unlink, SYS_renameat,
#endif
                           SYS_truncate}) {
    if (call == static_cast<uint64_t>(known)) return true;
  }
  return false;
}

inline FileStep DescribeWrite(pid_t pid, uint64_t fd, uint64_t address, uint64_t size) {
  const std::string process = "/proc/" + std::to_string(pid);
  FileStep step;
  step.file = std::filesystem::read_symlink(process + "/fd/" + std::to_string(fd));
  step.half.resize(size / 2);
  const UniqueFd memory(::open((process + "/mem").c_str(), O_RDONLY | O_CLOEXEC));
  if (::pread(memory.get(), step.half.data(), step.half.size(), static_cast<off_t>(address)) !=
      static_cast<ssize_t>(step.half.size())) {
    throw std::runtime_error("look into a process");
  }
  return step;
}

// Runs `work` in a child that is stopped before each change it makes to a file, and killed there if `go_on`
// says no. Throws where processes cannot be traced, and if `work` fails. How many steps there were.
inline int TraceFileSteps(const std::function<void()>& work,
                          const std::function<bool(const FileStep&)>& go_on) {
  const auto must = [](long result, const char* what) {
    if (result < 0) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
  };
  const pid_t pid = ::fork();
  must(pid, "fork");
  if (pid == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(2);
    ::raise(SIGSTOP);
    work();
    ::_exit(0);
  }
  int status = 0;
  must(::waitpid(pid, &status, 0), "waitpid");
  if (!WIFSTOPPED(status)) throw std::runtime_error("no process can be traced here");
  must(::ptrace(PTRACE_SETOPTIONS, pid, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL), "ptrace");
  int signal = 0, steps = 0;
  while (true) {
    must(::ptrace(PTRACE_SYSCALL, pid, nullptr, signal), "ptrace");
    must(::waitpid(pid, &status, 0), "waitpid");
    signal = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return steps;
    if (!WIFSTOPPED(status)) throw std::runtime_error("the work failed");
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
      signal = WSTOPSIG(status);
      continue;
    }
    struct __ptrace_syscall_info call {};
    must(::ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof call, &call), "ptrace");
    if (call.op != PTRACE_SYSCALL_INFO_ENTRY || !ChangesFiles(call.entry.nr)) continue;
    const auto& args = call.entry.args;
    const bool write = call.entry.nr == SYS_write;
    // What is said on the way is no step.
    if (write && args[0] == STDERR_FILENO) continue;
    FileStep step = write ? DescribeWrite(pid, args[0], args[1], args[2]) : FileStep();
    step.number = steps++;
    if (go_on(step)) continue;
    must(::kill(pid, SIGKILL), "kill");
    must(::waitpid(pid, &status, 0), "waitpid");
    return steps;
  }
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_TEST_FILE_STEPS_H_
