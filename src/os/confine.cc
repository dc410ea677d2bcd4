#include "os/confine.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/errors.h"
#include "os/confine_filter.h"
#include "os/file.h"
#include "os/marked_process.h"
#include "os/poll.h"

namespace virtcontainers {
namespace {

constexpr std::string_view kConfine = "--confine";
constexpr size_t kMaxReport = 4096;  // what a pipe takes in one piece
constexpr int kRefusedStatus = 126;

// What it takes to make namespaces, to become another user, and to find and end what has become one.
constexpr std::pair<int, const char*> kNeeded[] = {
    {CAP_SYS_ADMIN, "CAP_SYS_ADMIN"},  {CAP_SYS_CHROOT, "CAP_SYS_CHROOT"}, {CAP_SETUID, "CAP_SETUID"},
    {CAP_SETGID, "CAP_SETGID"},        {CAP_SETPCAP, "CAP_SETPCAP"},       {CAP_KILL, "CAP_KILL"},
    {CAP_SYS_PTRACE, "CAP_SYS_PTRACE"}};

using CapabilityData = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

Status DropCapabilities() {
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return FailErrno("drop the capabilities");
  }
  return {};
}

Status Become(uint32_t user) {
  if (::setgroups(0, nullptr) != 0) return FailErrno("leave the groups");
  if (::setresgid(user, user, user) != 0) return FailErrno("become group " + std::to_string(user));
  if (::setresuid(user, user, user) != 0) return FailErrno("become user " + std::to_string(user));
  // The last step took all but the inheritable ones.
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const CapabilityData none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0) return FailErrno("drop the capabilities");
  return {};
}

// The caller's session keyring would be the program's. A kernel without keys, or a container that has none,
// has nothing to part from.
Status LeaveKeyring() {
  if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) >= 0) return {};
  if (errno == ENOSYS || errno == EPERM || errno == EACCES) return {};
  return FailErrno("join a session keyring");
}

Status LimitFiles(uint64_t size) {
  // Ignored, and left so to the program: the write fails instead.
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{size, size};
  if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return FailErrno("limit the size of files");
  return {};
}

Status CheckReadable(const ConfinedRoot& root, uint32_t user) {
  for (const std::string& path : root.files) {
    if (::access(path.c_str(), R_OK) == 0) continue;
    Error error = ErrnoError("read " + Quoted(path) + " as user " + std::to_string(user));
    if (error.code() != Code::kPermissionDenied) return Fail(std::move(error));
    return Fail(error.code(), error.message() + ": let everybody read it ('chmod o+r'), or give a copy");
  }
  return {};
}

// Returns only the error.
Error Execute(const std::vector<std::string>& command, uint32_t user) {
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  Error error = ErrnoError("run " + Quoted(command[0]) + " as user " + std::to_string(user));
  if (error.code() != Code::kPermissionDenied) return error;
  return Error(error.code(), error.message() + ": let everybody enter its directory and run it");
}

template <typename Number>
bool ParseNumber(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

Status ConfineThisProcess(const Confinement& confinement) {
  const int network = confinement.host_network ? 0 : CLONE_NEWNET;
  if (::unshare(CLONE_NEWNS | network | CLONE_NEWIPC | CLONE_NEWUTS) != 0)
    return FailErrno("make namespaces");
  constexpr std::string_view kHostName = "virtcontainers";
  if (::sethostname(kHostName.data(), kHostName.size()) != 0) return FailErrno("set the host's name");
  VC_RETURN_IF_ERROR(EnterConfinedRoot(confinement.root));
  VC_RETURN_IF_ERROR(DropCapabilities());
  VC_RETURN_IF_ERROR(Become(confinement.user));
  VC_RETURN_IF_ERROR(LeaveKeyring());
  VC_RETURN_IF_ERROR(CheckReadable(confinement.root, confinement.user));
  if (confinement.max_file_size) VC_RETURN_IF_ERROR(LimitFiles(*confinement.max_file_size));
  ::umask(077);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return FailErrno("set no_new_privs");
  return InstallFilter(ConfineFilter(confinement.host_network));
}

std::string ObstacleToConfining() {
  if (::geteuid() != 0) return "not root";
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  CapabilityData data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return "the capabilities are not known";
  for (const auto& [capability, name] : kNeeded) {
    if ((data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability)) == 0)
      return std::string("no ") + name;
  }
  return "";
}

std::vector<std::string> ConfineCommand(const std::string& program, const Confinement& confinement,
                                        int report_fd, const std::vector<std::string>& command) {
  std::vector<std::string> words = {program, std::string(kConfine),
                                    "--user=" + std::to_string(confinement.user),
                                    "--report=" + std::to_string(report_fd)};
  if (confinement.max_file_size)
    words.push_back("--max-file-size=" + std::to_string(*confinement.max_file_size));
  if (confinement.host_network) words.emplace_back("--host-network");
  for (const std::string& path : confinement.root.directories) words.push_back("--directory=" + path);
  for (const std::string& path : confinement.root.files) words.push_back("--file=" + path);
  for (const std::string& path : confinement.root.devices) words.push_back("--device=" + path);
  words.emplace_back("--");
  words.insert(words.end(), command.begin(), command.end());
  return words;
}

bool IsConfineCommand(int argc, char** argv) { return argc > 1 && argv[1] == kConfine; }

Result<ConfineOrder> ParseConfineCommand(int argc, char** argv) {
  ConfineOrder order;
  Confinement& confinement = order.confinement;
  for (int i = 2; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--") {
      order.command.assign(argv + i + 1, argv + argc);
      break;
    }
    const size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    const std::string_view value = equals == std::string_view::npos ? "" : word.substr(equals + 1);
    uint64_t size = 0;
    if (name == "--user" && ParseNumber(value, confinement.user)) continue;
    if (name == "--report" && ParseNumber(value, order.report_fd)) continue;
    if (name == "--max-file-size" && ParseNumber(value, size)) {
      confinement.max_file_size = size;
      continue;
    }
    if (word == "--host-network") {
      confinement.host_network = true;
      continue;
    }
    std::vector<std::string>* paths = name == "--directory" ? &confinement.root.directories
                                      : name == "--file"    ? &confinement.root.files
                                      : name == "--device"  ? &confinement.root.devices
                                                            : nullptr;
    if (paths == nullptr || value.empty() || value[0] != '/')
      return Fail(Code::kInvalidArgument, "unknown argument " + Quoted(word));
    paths->emplace_back(value);
  }
  if (confinement.user == 0 || order.report_fd < 0 || order.command.empty() || order.command[0].empty() ||
      order.command[0][0] != '/') {
    return Fail(Code::kInvalidArgument, "--confine needs --user, --report and a command");
  }
  return order;
}

int ConfineMain(int argc, char** argv) {
  const Result<ConfineOrder> order = ParseConfineCommand(argc, argv);
  if (!order) {
    std::fprintf(stderr, "%s\n", order.error().ToString().c_str());
    return EXIT_FAILURE;
  }
  if (::fcntl(order->report_fd, F_SETFD, FD_CLOEXEC) != 0) return EXIT_FAILURE;
  const Status confined = ConfineThisProcess(order->confinement);
  const Error error = confined ? Execute(order->command, order->confinement.user) : confined.error();
  const std::string report = std::to_string(static_cast<int>(error.code())) + " " + error.message();
  (void)WriteAll(order->report_fd, report.substr(0, kMaxReport));
  return kRefusedStatus;
}

Status AwaitConfined(int report_fd, Deadline deadline) {
  std::string report;
  while (report.size() < kMaxReport) {
    VC_ASSIGN_OR_RETURN(const bool readable, WaitReadable(report_fd, deadline));
    if (!readable) return Fail(Code::kDeadlineExceeded, "its sandbox was not ready in time");
    char buffer[kMaxReport];
    const ssize_t got = ::read(report_fd, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno("read how its sandbox was made");
    if (got == 0) break;
    report.append(buffer, static_cast<size_t>(got));
  }
  if (report.empty()) return {};
  const size_t space = report.find(' ');
  int code = 0;
  const bool known =
      space != std::string::npos && ParseNumber(std::string_view(report).substr(0, space), code) &&
      code >= static_cast<int>(Code::kCancelled) && code <= static_cast<int>(Code::kUnauthenticated);
  if (!known) return Fail(Code::kInternal, "its sandbox sent a malformed report");
  return Fail(static_cast<Code>(code), "sandbox: " + report.substr(space + 1));
}

std::vector<std::string> ConfinedEnvironment() {
  std::vector<std::string> environment;
  for (const char* name : {"PATH", "LD_LIBRARY_PATH", kPodMark}) {
    if (const char* value = std::getenv(name)) environment.push_back(std::string(name) + "=" + value);
  }
  return environment;
}

}  // namespace virtcontainers
