// Preloaded into a program of ours; kills it at one of its steps, or lets the step fail. For test/fault
// alone: the programs know nothing of it, so that nothing can set it off where they are used.
//
// A step is a system call whose effect outlives the process: a file, a directory, a rename, a sync, a socket,
// a mount, a child, a signal, a message. For a step that fails, it is a call that can fail for that reason.
//
//   FAULT_ROLE   whose steps count: "virtc", "launcher", "monitor", or a program's name
//   FAULT_ARM    a file; steps count while it exists
//   FAULT_LOG    the name of each step is appended to it
//   FAULT_AT     the step at which it happens; FAULT_ARM is then removed, and FAULT_ARM.hit made
//   FAULT_ONLY   "journal": only lines that are written to a file of that name count
//   FAULT_WHEN   "before" (or unset) or "after": on which side of the step the process dies, by SIGKILL
//   FAULT_ERRNO  a number: nobody dies, and the call fails with it
//   FAULT_FOR    "rest": so do all that follow, and FAULT_ARM stays; the first write puts half of its bytes
//   FAULT_LATER  in seconds: the program is run so much later
// What calls the kernel by itself, as the C library does for its own ends, is not seen.

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <string_view>

namespace {

// What a call is, or takes.
enum Kind : unsigned {
  kLasts = 1,       // its effect outlives the process
  kSpace = 2,       // a place on the disk
  kDescriptor = 4,  // a descriptor
  kProcess = 8,     // a process or a thread
  kWrites = 16,     // it needs a file system that can be written
};

template <typename F>
F* Next(const char* name) {
  return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

// The C library's, not the one below.
template <typename... Arguments>
long Raw(long number, Arguments... arguments) {
  static const auto next = Next<long(long, ...)>("syscall");
  return next(number, arguments...);
}

std::string Role() {
  static char text[65536];
  const int fd = static_cast<int>(Raw(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY | O_CLOEXEC, 0));
  const ssize_t got = ::read(fd, text, sizeof(text) - 1);
  ::close(fd);
  const std::string all(text, got > 0 ? static_cast<size_t>(got) : 0);
  const std::string program = all.substr(0, all.find('\0'));
  const std::string name = program.substr(program.rfind('/') + 1);
  if (name != "virtcontainers-monitor") return name;
  return all.find(std::string("\0--launch", 9)) != std::string::npos ? "launcher" : "monitor";
}

std::string Variable(const char* name) {
  const char* text = ::getenv(name);
  return text != nullptr ? text : "";
}

// Which of the calls can fail like that.
unsigned KindsThatFailWith(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EIO:
      return kSpace;
    case EROFS:
      return kWrites;
    case EMFILE:
    case ENFILE:
      return kDescriptor;
    case EAGAIN:
      return kProcess;
    default:
      return kLasts;
  }
}

struct Fault {
  std::string arm = Variable("FAULT_ARM");
  std::string log = Variable("FAULT_LOG");
  bool counts = !arm.empty() && Variable("FAULT_ROLE") == Role();
  int at = ::atoi(Variable("FAULT_AT").c_str());
  int error = ::atoi(Variable("FAULT_ERRNO").c_str());
  bool rest = Variable("FAULT_FOR") == "rest";
  bool after = Variable("FAULT_WHEN") == "after";
  bool journal = Variable("FAULT_ONLY") == "journal";
  unsigned kinds = error != 0 ? KindsThatFailWith(error) : kLasts;
};

const Fault& Settings() {
  static const Fault fault;
  return fault;
}

// Before the program can forbid itself to look. What a monitor starts is not ours: it is left alone.
[[gnu::constructor]] void Settle() {
  (void)Settings();
  if (Role() == "monitor") ::unsetenv("LD_PRELOAD");
}

std::string PathOf(int fd) {
  char path[4096];
  const ssize_t length =
      Raw(SYS_readlinkat, AT_FDCWD, ("/proc/self/fd/" + std::to_string(fd)).c_str(), path, sizeof(path));
  return {path, length > 0 ? static_cast<size_t>(length) : 0};
}

bool IsRegular(int fd) {
  struct stat info;
  return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

void Note(const std::string& path, const std::string& line) {
  const int fd = static_cast<int>(
      Raw(SYS_openat, AT_FDCWD, path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  (void)!Raw(SYS_write, fd, line.data(), line.size());
  ::close(fd);
}

// One call of the program's, from before it to after it.
class Step {
 public:
  Step(unsigned kinds, const char* name, const char* what) {
    if (Matches(kinds)) Take(name, what != nullptr ? what : "", false);
  }
  // Of bytes that go to a descriptor.
  Step(unsigned kinds, const char* name, int fd, std::string_view bytes = {}) {
    if (!Matches(kinds)) return;
    std::string path = PathOf(fd);
    const bool journal = path.ends_with("/journal");
    if (journal) path = bytes.substr(0, bytes.find_last_not_of('\n') + 1);
    Take(journal ? "journal" : name, path, journal);
  }
  ~Step() {
    if (dies_) Die();
  }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

  // errno says why.
  bool fails() const { return fails_; }
  // Of those that fail from here on, it is the one at which the disk became full.
  bool first() const { return first_; }

 private:
  static bool Matches(unsigned kinds) {
    const int saved = errno;
    const Fault& fault = Settings();
    const bool matches = fault.counts && (kinds & fault.kinds) != 0 &&
                         Raw(SYS_faccessat, AT_FDCWD, fault.arm.c_str(), F_OK) == 0;
    errno = saved;
    return matches;
  }

  void Take(const char* name, const std::string& what, bool journal) {
    const Fault& fault = Settings();
    if (fault.journal && !journal) return;
    static std::atomic<int> counter{0};
    const int saved = errno;
    const int step = ++counter;
    if (!fault.log.empty()) Note(fault.log, std::string(name) + " " + what + "\n");
    first_ = step == fault.at;
    if (fault.at > 0 && (fault.rest ? step >= fault.at : first_)) Happen();
    errno = fails_ ? fault.error : saved;
  }

  void Happen() {
    const Fault& fault = Settings();
    // Of two processes that come here, one.
    if (!fault.rest && Raw(SYS_unlinkat, AT_FDCWD, fault.arm.c_str(), 0) != 0) return;
    if (first_) Note(fault.arm + ".hit", "");
    fails_ = fault.error != 0;
    if (fails_) return;
    dies_ = fault.after;
    if (!dies_) Die();
  }

  [[noreturn]] static void Die() {
    while (true) Raw(SYS_kill, ::getpid(), SIGKILL);
  }

  bool fails_ = false;
  bool first_ = false;
  bool dies_ = false;
};

bool IsThere(int at, const char* path) {
  const int saved = errno;
  const bool is_there = Raw(SYS_faccessat, at, path, F_OK) == 0;
  errno = saved;
  return is_there;
}

unsigned KindsOfOpen(int at, const char* path, int flags) {
  unsigned kinds = kDescriptor;
  if ((flags & (O_CREAT | O_TRUNC)) != 0) kinds |= kLasts;
  if ((flags & O_ACCMODE) != O_RDONLY) kinds |= kWrites;
  // What is there takes no place.
  if ((flags & O_CREAT) != 0 && Settings().counts && !IsThere(at, path)) kinds |= kSpace;
  return kinds;
}

int Open(const char* name, int at, const char* path, int flags, mode_t mode) {
  const Step step(KindsOfOpen(at, path, flags), name, path);
  if (step.fails()) return -1;
  return static_cast<int>(Raw(SYS_openat, at, path, flags, mode));
}

unsigned KindsOfWrite(int fd) {
  if (!Settings().counts) return 0;
  // What is said on standard error is no effect.
  if (fd <= STDERR_FILENO) return 0;
  return kLasts | (IsRegular(fd) ? kSpace | kWrites : 0);
}

}  // namespace

// The C library's headers have names of their own for the parameters.
// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name)
extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = va_arg(arguments, mode_t);
  va_end(arguments);
  return Open("open", AT_FDCWD, path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = va_arg(arguments, mode_t);
  va_end(arguments);
  return Open("open", AT_FDCWD, path, flags, mode);
}

int openat(int at, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = va_arg(arguments, mode_t);
  va_end(arguments);
  return Open("openat", at, path, flags, mode);
}

int openat64(int at, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = va_arg(arguments, mode_t);
  va_end(arguments);
  return Open("openat", at, path, flags, mode);
}

// `failure` is what the call returns if it fails, `what` its path or descriptor.
#define STEP(kinds, type, failure, name, parameters, arguments, what) \
  type name parameters {                                              \
    static const auto next = Next<type parameters>(#name);            \
    const Step step(kinds, #name, what);                              \
    if (step.fails()) return failure;                                 \
    return next arguments;                                            \
  }

constexpr unsigned kMakes = kLasts | kSpace | kWrites;
constexpr unsigned kRemoves = kLasts | kWrites;

// One that is there is said to be there.
STEP(IsThere(AT_FDCWD, path) ? 0u : kMakes, int, -1, mkdir, (const char* path, mode_t mode), (path, mode),
     path)
STEP(IsThere(at, path) ? 0u : kMakes, int, -1, mkdirat, (int at, const char* path, mode_t mode),
     (at, path, mode), path)
STEP(kMakes, int, -1, mkfifo, (const char* path, mode_t mode), (path, mode), path)
STEP(kMakes, int, -1, symlink, (const char* to, const char* path), (to, path), path)
STEP(kMakes, int, -1, symlinkat, (const char* to, int at, const char* path), (to, at, path), path)
STEP(kMakes, int, -1, link, (const char* from, const char* to), (from, to), to)
STEP(kMakes, int, -1, linkat, (int at, const char* from, int to_at, const char* to, int flags),
     (at, from, to_at, to, flags), to)
STEP(kMakes, int, -1, rename, (const char* from, const char* to), (from, to), to)
STEP(kMakes, int, -1, renameat, (int at, const char* from, int to_at, const char* to), (at, from, to_at, to),
     to)
STEP(kMakes, int, -1, renameat2, (int at, const char* from, int to_at, const char* to, unsigned flags),
     (at, from, to_at, to, flags), to)
STEP(kRemoves, int, -1, unlink, (const char* path), (path), path)
STEP(kRemoves, int, -1, unlinkat, (int at, const char* path, int flags), (at, path, flags), path)
STEP(kRemoves, int, -1, rmdir, (const char* path), (path), path)
STEP(kRemoves, int, -1, chmod, (const char* path, mode_t mode), (path, mode), path)
STEP(kRemoves, int, -1, fchmod, (int fd, mode_t mode), (fd, mode), fd)
STEP(kRemoves, int, -1, fchmodat, (int at, const char* path, mode_t mode, int flags), (at, path, mode, flags),
     path)
STEP(kLasts | kSpace, int, -1, fsync, (int fd), (fd), fd)
STEP(kLasts | kSpace, int, -1, fdatasync, (int fd), (fd), fd)
STEP(kMakes, int, -1, ftruncate, (int fd, off_t size), (fd, size), fd)
STEP(kMakes, int, -1, ftruncate64, (int fd, off64_t size), (fd, size), fd)
STEP(kMakes, int, -1, truncate, (const char* path, off_t size), (path, size), path)
STEP(kMakes, int, -1, truncate64, (const char* path, off64_t size), (path, size), path)
STEP(kMakes, int, -1, fallocate, (int fd, int mode, off_t from, off_t size), (fd, mode, from, size), fd)
STEP(kMakes, ssize_t, -1, pwrite, (int fd, const void* bytes, size_t size, off_t at), (fd, bytes, size, at),
     fd)
STEP(kMakes, ssize_t, -1, pwrite64, (int fd, const void* bytes, size_t size, off64_t at),
     (fd, bytes, size, at), fd)
STEP(kLasts, ssize_t, -1, send, (int fd, const void* bytes, size_t size, int flags), (fd, bytes, size, flags),
     fd)
STEP(kLasts, ssize_t, -1, sendmsg, (int fd, const struct msghdr* message, int flags), (fd, message, flags),
     fd)

STEP(kMakes, int, -1, bind, (int fd, const struct sockaddr* address, socklen_t size), (fd, address, size), fd)
STEP(kLasts, int, -1, connect, (int fd, const struct sockaddr* address, socklen_t size), (fd, address, size),
     fd)
STEP(kDescriptor, int, -1, accept4, (int fd, struct sockaddr* from, socklen_t* size, int flags),
     (fd, from, size, flags), fd)
STEP(kDescriptor, int, -1, socket, (int family, int type, int protocol), (family, type, protocol), "")
STEP(kDescriptor, int, -1, socketpair, (int family, int type, int protocol, int* ends),
     (family, type, protocol, ends), "")
STEP(kDescriptor, int, -1, pipe2, (int* ends, int flags), (ends, flags), "")
STEP(kDescriptor, int, -1, eventfd, (unsigned value, int flags), (value, flags), "")
STEP(kDescriptor, int, -1, inotify_init1, (int flags), (flags), "")
STEP(kSpace, int, -1, inotify_add_watch, (int fd, const char* path, uint32_t mask), (fd, path, mask), path)
STEP(kDescriptor, DIR*, nullptr, opendir, (const char* path), (path), path)
STEP(kDescriptor, FILE*, nullptr, fopen, (const char* path, const char* mode), (path, mode), path)
STEP(kDescriptor, FILE*, nullptr, fopen64, (const char* path, const char* mode), (path, mode), path)

STEP(kLasts | kSpace, int, -1, mount,
     (const char* source, const char* target, const char* type, unsigned long flags, const void* data),
     (source, target, type, flags, data), target)
STEP(kLasts, int, -1, umount2, (const char* path, int flags), (path, flags), path)
STEP(kDescriptor, int, -1, open_tree, (int at, const char* path, unsigned flags), (at, path, flags), path)
STEP(kLasts | kSpace, int, -1, move_mount,
     (int at, const char* from, int to_at, const char* to, unsigned flags), (at, from, to_at, to, flags), to)
STEP(kLasts | kSpace, int, -1, unshare, (int flags), (flags), "")
STEP(kLasts, int, -1, setns, (int fd, int type), (fd, type), fd)

STEP(kLasts, int, -1, kill, (pid_t pid, int signal), (pid, signal), "")
STEP(kProcess, int, errno, pthread_create,
     (pthread_t * thread, const pthread_attr_t* attributes, void* (*start)(void*), void* argument),
     (thread, attributes, start, argument), "")
STEP(kLasts | kProcess, int, errno, posix_spawn,
     (pid_t * pid, const char* path, const posix_spawn_file_actions_t* actions,
      const posix_spawnattr_t* attributes, char* const argv[], char* const env[]),
     (pid, path, actions, attributes, argv, env), path)
STEP(kLasts | kProcess, int, errno, posix_spawnp,
     (pid_t * pid, const char* path, const posix_spawn_file_actions_t* actions,
      const posix_spawnattr_t* attributes, char* const argv[], char* const env[]),
     (pid, path, actions, attributes, argv, env), path)

ssize_t write(int fd, const void* bytes, size_t size) {
  const std::string_view text(static_cast<const char*>(bytes), size);
  const Step step(KindsOfWrite(fd), "write", fd, text);
  if (step.fails()) {
    // So a disk becomes full: with a part of what was to be written.
    if (Settings().rest && step.first() && size > 1) return Raw(SYS_write, fd, bytes, size / 2);
    return -1;
  }
  return Raw(SYS_write, fd, bytes, size);
}

ssize_t writev(int fd, const struct iovec* parts, int count) {
  static const auto next = Next<ssize_t(int, const struct iovec*, int)>("writev");
  const Step step(KindsOfWrite(fd), "writev", fd);
  if (step.fails()) return -1;
  return next(fd, parts, count);
}

// Descriptors are duplicated by it.
int fcntl(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  const Step step(command == F_DUPFD_CLOEXEC ? static_cast<unsigned>(kDescriptor) : 0u, "fcntl", fd);
  if (step.fails()) return -1;
  return static_cast<int>(Raw(SYS_fcntl, fd, command, argument));
}

int fcntl64(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  return fcntl(fd, command, argument);
}

// Those for which the C library has no function.
long syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long a[6];
  for (long& argument : a) argument = va_arg(list, long);
  va_end(list);
  unsigned kinds = 0;
  const char* name = "";
  if (number == SYS_pidfd_open) kinds = kDescriptor, name = "pidfd_open";
  if (number == SYS_openat2) kinds = kDescriptor, name = "openat2";
  if (number == SYS_pidfd_send_signal) kinds = kLasts, name = "pidfd_send_signal";
  const Step step(kinds, name, "");
  if (step.fails()) return -1;
  return Raw(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

// A caller that comes FAULT_LATER seconds later.
int clock_gettime(clockid_t clock, struct timespec* time) {
  static const auto next = Next<int(clockid_t, struct timespec*)>("clock_gettime");
  const int got = next(clock, time);
  static const char* const later = ::getenv("FAULT_LATER");
  if (later != nullptr && clock == CLOCK_REALTIME) time->tv_sec += ::atoi(later);
  return got;
}

}  // extern "C"
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
