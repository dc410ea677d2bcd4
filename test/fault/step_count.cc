// Preloaded into a program of ours, kills it at one of its steps. For test/fault/run only: the programs know
// nothing of it, so that nothing can set it off where they are used.
//
// A step is a system call whose effect outlives the process: a file, a directory, a rename, a sync, a socket,
// a child, a signal. FAULT_AT names the step before which the process dies by SIGKILL; FAULT_ROLE whose steps
// count ("virtc", "launcher" or "monitor"); the name of each step is appended to FAULT_LOG.

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <string>

namespace {

std::atomic<int> g_step{0};

template <typename F>
F* Next(const char* name) {
  return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

std::string Role() {
  static char text[65536];
  const int fd =
      static_cast<int>(::syscall(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY | O_CLOEXEC));
  const ssize_t got = ::read(fd, text, sizeof(text) - 1);
  ::close(fd);
  const std::string all(text, got > 0 ? static_cast<size_t>(got) : 0);
  const std::string program = all.substr(0, all.find('\0'));
  const std::string name = program.substr(program.rfind('/') + 1);
  if (name != "virtcontainers-monitor") return name;
  return all.find(std::string("\0--launch", 9)) != std::string::npos ? "launcher" : "monitor";
}

bool Counts() {
  static const bool counts = [] {
    const char* role = ::getenv("FAULT_ROLE");
    return role != nullptr && Role() == role;
  }();
  return counts;
}

void AtStep(const char* name, const char* what) {
  if (!Counts()) return;
  const int saved = errno;
  const char* arm = ::getenv("FAULT_ARM");
  if (arm == nullptr || ::syscall(SYS_faccessat, AT_FDCWD, arm, F_OK) != 0) {
    errno = saved;
    return;
  }
  static const int fatal = ::getenv("FAULT_AT") != nullptr ? ::atoi(::getenv("FAULT_AT")) : 0;
  const int step = ++g_step;
  if (const char* log = ::getenv("FAULT_LOG")) {
    const int fd = static_cast<int>(
        ::syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    const std::string line = std::string(name) + " " + (what != nullptr ? what : "") + "\n";
    (void)!::syscall(SYS_write, fd, line.data(), line.size());
    ::close(fd);
  }
  if (step == fatal) {
    ::syscall(SYS_unlinkat, AT_FDCWD, arm, 0);
    ::kill(::getpid(), SIGKILL);
  }
  errno = saved;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = va_arg(arguments, mode_t);
  va_end(arguments);
  if ((flags & (O_CREAT | O_TRUNC)) != 0) AtStep("open", path);
  return static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = va_arg(arguments, mode_t);
  va_end(arguments);
  return open(path, flags, mode);
}

#define STEP(type, name, parameters, arguments, what)      \
  type name parameters {                                   \
    static const auto next = Next<type parameters>(#name); \
    AtStep(#name, what);                                   \
    return next arguments;                                 \
  }

STEP(int, mkdir, (const char* path, mode_t mode), (path, mode), path)
STEP(int, rename, (const char* from, const char* to), (from, to), to)
STEP(int, renameat2, (int at, const char* from, int to_at, const char* to, unsigned flags),
     (at, from, to_at, to, flags), to)
STEP(int, unlink, (const char* path), (path), path)
STEP(int, unlinkat, (int at, const char* path, int flags), (at, path, flags), path)
STEP(int, rmdir, (const char* path), (path), path)
STEP(int, fsync, (int fd), (fd), "")
STEP(int, ftruncate, (int fd, off_t size), (fd, size), "")
STEP(int, bind, (int fd, const struct sockaddr* address, socklen_t size), (fd, address, size), "")
STEP(int, posix_spawn,
     (pid_t * pid, const char* path, const posix_spawn_file_actions_t* actions,
      const posix_spawnattr_t* attributes, char* const argv[], char* const env[]),
     (pid, path, actions, attributes, argv, env), path)
STEP(int, posix_spawnp,
     (pid_t * pid, const char* path, const posix_spawn_file_actions_t* actions,
      const posix_spawnattr_t* attributes, char* const argv[], char* const env[]),
     (pid, path, actions, attributes, argv, env), path)
STEP(int, connect, (int fd, const struct sockaddr* address, socklen_t size), (fd, address, size), "")

// A caller that comes FAULT_LATER seconds later.
int clock_gettime(clockid_t clock, struct timespec* time) {
  static const auto next = Next<int(clockid_t, struct timespec*)>("clock_gettime");
  const int got = next(clock, time);
  static const char* const later = ::getenv("FAULT_LATER");
  if (later != nullptr && clock == CLOCK_REALTIME) time->tv_sec += ::atoi(later);
  return got;
}

// Of files and messages; what is said on standard error is no effect.
ssize_t write(int fd, const void* bytes, size_t size) {
  if (fd > STDERR_FILENO) AtStep("write", "");
  return ::syscall(SYS_write, fd, bytes, size);
}

}  // extern "C"
