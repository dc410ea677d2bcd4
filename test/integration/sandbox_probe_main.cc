// What a guest would try that has taken over QEMU: this is run in QEMU's place, by the same way in
// (sandbox_test.cc). It takes its orders from the guest kernel's command line, words such as
// "try=read:/etc/shadow", and answers on the console's descriptor, a line each: "read:/etc/shadow ENOENT".

#include <dirent.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace {

constexpr int kAnswersFd = 6;  // kConsoleFd of src/hypervisor/qemu/command_line.h

std::string Outcome(long result) { return result >= 0 ? "ok" : strerrorname_np(errno); }

std::string Open(const std::string& path, int flags) { return Outcome(::open(path.c_str(), flags, 0600)); }

std::string List(const std::string& path) {
  DIR* const directory = ::opendir(path.c_str());
  if (directory == nullptr) return Outcome(-1);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(directory)) names.emplace_back(entry->d_name);
  std::sort(names.begin(), names.end());
  std::string list;
  for (const std::string& name : names) {
    if (name != "." && name != "..") list += (list.empty() ? "" : ",") + name;
  }
  return list;
}

// A name that begins with @ is an abstract one.
std::string Connect(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof(address.sun_path)) return "too long";
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name[0] == '@') address.sun_path[0] = '\0';
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  return Outcome(::connect(fd, reinterpret_cast<const sockaddr*>(&address), size));
}

pid_t Pid(const std::string& text) { return static_cast<pid_t>(std::atoi(text.c_str())); }

std::string CloneInUserNamespace() {
  const long child = ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child == 0) ::_exit(0);
  if (child > 0) ::waitpid(static_cast<pid_t>(child), nullptr, 0);
  return Outcome(child);
}

std::string RaiseLimit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = limit.rlim_max = limit.rlim_max + 1;
  return Outcome(::setrlimit(RLIMIT_FSIZE, &limit));
}

std::string Descriptors() {
  std::string list;
  for (int fd = 0; fd < 1024; ++fd) {
    struct stat info {};
    if (::fstat(fd, &info) != 0) continue;
    const char* kind = S_ISCHR(info.st_mode) ? "device" : S_ISREG(info.st_mode) ? "file" : "other";
    if (S_ISSOCK(info.st_mode)) kind = "socket";
    list += (list.empty() ? "" : ",") + std::to_string(fd) + "=" + kind;
  }
  return list;
}

std::string HostName() {
  utsname names{};
  ::uname(&names);
  return names.nodename;
}

std::string Environment() {
  std::vector<std::string> names;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    names.push_back(text.substr(0, text.find('=')));
  }
  std::sort(names.begin(), names.end());
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ",") + name;
  return list;
}

// A handle of the root directory of the file system that /usr is of: its inode is 2 on ext4.
std::string OpenByHandle() {
  unsigned handle[] = {8, 1, 2, 0};  // bytes, type, inode, generation
  const int directory = ::open("/usr", O_RDONLY | O_DIRECTORY);
  return Outcome(::syscall(SYS_open_by_handle_at, directory, handle, O_RDONLY));
}

std::string ForeignCall() {
#ifdef __x86_64__
  return Outcome(::syscall(0x40000000 + SYS_getpid));
#else
  return "EPERM";
#endif
}

const std::map<std::string, std::function<std::string(const std::string&)>> kAttempts = {
    {"read", [](const std::string& path) { return Open(path, O_RDONLY); }},
    {"write", [](const std::string& path) { return Open(path, O_WRONLY | O_CREAT); }},
    {"use", [](const std::string& path) { return Open(path, O_RDWR); }},
    {"list", List},
    {"connect", Connect},
    {"socket", [](const std::string& family) { return Outcome(::socket(Pid(family), SOCK_STREAM, 0)); }},
    {"kill", [](const std::string& pid) { return Outcome(::kill(Pid(pid), 0)); }},
    {"trace", [](const std::string& pid) { return Outcome(::ptrace(PTRACE_SEIZE, Pid(pid), 0, 0)); }},
    {"limits",
     [](const std::string& pid) {
       rlimit limit{};
       return Outcome(::prlimit(Pid(pid), RLIMIT_NOFILE, nullptr, &limit));
     }},
    {"setuid", [](const std::string& id) { return Outcome(::setuid(static_cast<uid_t>(Pid(id)))); }},
    {"setgid", [](const std::string& id) { return Outcome(::setgid(static_cast<gid_t>(Pid(id)))); }},
    {"mknod",
     [](const std::string& path) { return Outcome(::mknod(path.c_str(), S_IFCHR | 0666, makedev(1, 1))); }},
    {"mount", [](const std::string& path) { return Outcome(::mount("none", path.c_str(), "tmpfs", 0, "")); }},
    {"chroot", [](const std::string& path) { return Outcome(::chroot(path.c_str())); }},
    {"unshare", [](const std::string&) { return Outcome(::unshare(CLONE_NEWUSER)); }},
    {"clone", [](const std::string&) { return CloneInUserNamespace(); }},
    {"rlimit", [](const std::string&) { return RaiseLimit(); }},
    {"priority",
     [](const std::string& value) {
       return Outcome(::setpriority(PRIO_PROCESS, 0, ::getpriority(PRIO_PROCESS, 0) - Pid(value)));
     }},
    {"grow",
     [](const std::string& size) { return Outcome(::ftruncate(kAnswersFd, std::atoll(size.c_str()))); }},
    {"keyring",
     [](const std::string&) {
       return Outcome(::syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
     }},
    {"uring",
     [](const std::string&) {
       io_uring_params parameters{};
       return Outcome(::syscall(SYS_io_uring_setup, 1, &parameters));
     }},
    {"handle", [](const std::string&) { return OpenByHandle(); }},
    {"foreign", [](const std::string&) { return ForeignCall(); }},
    {"descriptors", [](const std::string&) { return Descriptors(); }},
    {"hostname", [](const std::string&) { return HostName(); }},
    {"environment", [](const std::string&) { return Environment(); }},
    {"user",
     [](const std::string&) {
       return std::to_string(::getuid()) + "," + std::to_string(::getegid()) + "," +
              std::to_string(::getgroups(0, nullptr));
     }},
};

}  // namespace

int main(int argc, char** argv) {
  std::string line;
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::string(argv[i]) == "-append") line = argv[i + 1];
  }
  constexpr char kTry[] = "try=";
  std::string answers;
  for (size_t at = 0; at < line.size();) {
    const size_t end = std::min(line.find(' ', at), line.size());
    const std::string word = line.substr(at, end - at);
    at = end + 1;
    if (word.compare(0, sizeof(kTry) - 1, kTry) != 0) continue;
    const std::string order = word.substr(sizeof(kTry) - 1);
    const size_t colon = std::min(order.find(':'), order.size());
    const auto attempt = kAttempts.find(order.substr(0, colon));
    const std::string argument = order.substr(std::min(colon + 1, order.size()));
    const std::string answer = attempt == kAttempts.end() ? "unknown" : attempt->second(argument);
    answers += order;
    answers += " " + answer + "\n";
  }
  return ::write(kAnswersFd, answers.data(), answers.size()) == static_cast<ssize_t>(answers.size()) ? 0 : 1;
}
