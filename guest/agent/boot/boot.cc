#include "guest/agent/boot/boot.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <net/if.h>
#include <new>
#include <string>

#include "base/errors.h"
#include "guest/agent/os/file.h"
#include "guest/agent/os/kernel_module.h"
#include "guest/agent/os/log.h"

namespace virtcontainers::guest {

namespace {

struct BootMount {
  const char* type;
  const char* path;
  unsigned long flags;
  const char* data;
};

constexpr unsigned long kPlain = MS_NOSUID | MS_NODEV | MS_NOEXEC;

constexpr std::array kMounts{
    BootMount{"proc", "/proc", kPlain, nullptr},
    BootMount{"sysfs", "/sys", kPlain, nullptr},
    BootMount{"devtmpfs", "/dev", MS_NOSUID, "mode=0755"},
    BootMount{"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "ptmxmode=0666,mode=0620,gid=5"},
    BootMount{"tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777"},
    BootMount{"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755"},
    BootMount{"tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777"},
    BootMount{"cgroup2", "/sys/fs/cgroup", kPlain, "nsdelegate"},
};

// Taken over into the new root by mounting, not by copying: the initramfs is memory already.
constexpr std::array kKept{"/bin", "/sbin", "/lib", "/usr", "/etc"};

Status MountAll() {
  for (const BootMount& mount : kMounts) {
    if (::mkdir(mount.path, 0755) < 0 && errno != EEXIST) return FailErrno("make " + Quoted(mount.path));
    if (::mount(mount.type, mount.path, mount.type, mount.flags, mount.data) == 0) continue;
    // The kernel may have mounted it itself (devtmpfs).
    if (errno == EBUSY) continue;
    return FailErrno("mount " + Quoted(mount.path));
  }
  return {};
}

// The kernel gives the first process no console where the initramfs has no node for it.
void OpenConsole() {
  UniqueFd console(::open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!console) console.reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int fd = 0; fd < 3; ++fd) {
    if (console.get() != fd) ::dup2(console.get(), fd);
  }
  // One of 0, 1 and 2 itself stays open.
  if (console.get() <= 2) (void)console.release();
}

Status KeepPath(const char* path) {
  struct stat info;
  if (::lstat(path, &info) < 0) return {};
  const std::string target = std::string("/newroot") + path;
  if (S_ISLNK(info.st_mode)) {
    std::array<char, 256> link{};
    if (::readlink(path, link.data(), link.size() - 1) > 0) (void)!::symlink(link.data(), target.c_str());
    return {};
  }
  if (::mkdir(target.c_str(), 0755) < 0 && errno != EEXIST) return FailErrno("make " + Quoted(target));
  if (::mount(path, target.c_str(), nullptr, MS_BIND | MS_REC, nullptr) < 0)
    return FailErrno("keep " + Quoted(path));
  return {};
}

// The initramfs cannot be pivoted away from; a tmpfs on top of it can.
Status LeaveInitramfs() {
  if (::mkdir("/newroot", 0755) < 0 && errno != EEXIST) return FailErrno("make '/newroot'");
  if (::mount("tmpfs", "/newroot", "tmpfs", 0, "mode=0755") < 0) return FailErrno("mount the new root");
  for (const char* path : kKept) VC_RETURN_IF_ERROR(KeepPath(path));
  for (const char* path : {"/proc", "/sys", "/dev", "/run", "/tmp"}) {
    const std::string target = std::string("/newroot") + path;
    if (::mkdir(target.c_str(), 0755) < 0) return FailErrno("make " + Quoted(target));
    if (::mount(path, target.c_str(), nullptr, MS_MOVE, nullptr) < 0)
      return FailErrno("move " + Quoted(path));
  }
  for (const char* path : {"/newroot/root", "/newroot/mnt", "/newroot/var"}) ::mkdir(path, 0755);
  if (::chdir("/newroot") < 0 || ::mount(".", "/", nullptr, MS_MOVE, nullptr) < 0 || ::chroot(".") < 0 ||
      ::chdir("/") < 0) {
    return FailErrno("move to the new root");
  }
  return {};
}

Status BringUpLoopback() {
  UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return FailErrno("make a socket");
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) < 0) return FailErrno("bring up 'lo'");
  return {};
}

CommandLine::PowerOff g_power_off = CommandLine::PowerOff::kAcpi;

void OnCrash(int number) {
  // Nothing that allocates: the heap may be what is broken.
  std::array<char, 32> why{"crashed with signal 00"};
  why[20] = static_cast<char>('0' + number / 10);
  why[21] = static_cast<char>('0' + number % 10);
  FatalError(why.data(), g_power_off);
}

}  // namespace

Status Boot(CommandLine* line) {
  ::umask(022);
  Status mounted = MountAll();
  OpenConsole();
  VC_RETURN_IF_ERROR(mounted);
  if (const auto text = ReadFile("/proc/cmdline")) *line = ParseCommandLine(*text);
  SetLogLevel(line->log_level);
  for (const std::string& mistake : line->mistakes) {
    Log(LogLevel::kWarn, "the kernel's command line has an unknown value: " + Quoted(mistake));
  }
  Log(LogLevel::kDebug, "file systems are mounted");
  LoadBootModules();
  Log(LogLevel::kDebug, "modules are loaded");
  VC_RETURN_IF_ERROR(LeaveInitramfs());
  if (auto status = BringUpLoopback(); !status) Log(LogLevel::kWarn, status.error().ToString());
  constexpr std::string_view kHostname = "localhost";
  ::sethostname(kHostname.data(), kHostname.size());
  // Each process of a container takes a few; what containers get is in their specs.
  const rlimit files{1 << 16, 1 << 16};
  ::setrlimit(RLIMIT_NOFILE, &files);
  return {};
}

void PowerOff(CommandLine::PowerOff how) {
  ::sync();
  ::reboot(how == CommandLine::PowerOff::kReset ? RB_AUTOBOOT : RB_POWER_OFF);
  // Neither may be possible here; stopping always is.
  ::reboot(RB_HALT_SYSTEM);
  for (;;) ::pause();
}

void PowerOffOnCrash(CommandLine::PowerOff how) {
  g_power_off = how;
  std::set_new_handler([] { FatalError("out of memory", g_power_off); });
  std::set_terminate([] { FatalError("an exception that nobody handles", g_power_off); });
  struct sigaction action {};
  action.sa_handler = OnCrash;
  action.sa_flags = SA_NODEFER | static_cast<int>(SA_RESETHAND);
  for (const int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) ::sigaction(number, &action, nullptr);
}

void FatalError(std::string_view why, CommandLine::PowerOff how) {
  for (const std::string_view part :
       {std::string_view("virtcontainers-agent: fatal: "), why, std::string_view("\n")}) {
    [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, part.data(), part.size());
  }
  PowerOff(how);
}

}  // namespace virtcontainers::guest
