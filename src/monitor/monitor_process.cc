#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <optional>

#include "agent/kata/kata_agent.h"
#include "agent/noop/noop_agent.h"
#include "base/errors.h"
#include "base/unique_fd.h"
#include "hypervisor/mock/mock_hypervisor.h"
#include "hypervisor/qemu/qemu_hypervisor.h"
#include "monitor/hooks.h"
#include "monitor/launch.h"
#include "monitor/pod_monitor.h"
#include "monitor/service.h"
#include "os/confine.h"
#include "os/descriptor_limit.h"
#include "os/file.h"
#include "os/file_lock.h"
#include "os/marked_process.h"
#include "os/subprocess.h"
#include "os/thread.h"
#include "ttrpc/server.h"
#include "virtcontainers/monitor.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;

// Each process that somebody has a handle to may have one.
constexpr size_t kConnections = 1024;

int Complain(const Error& error) {
  std::fprintf(stderr, "virtcontainers-monitor: %s\n", error.ToString().c_str());
  return EXIT_FAILURE;
}

// Starts the monitor proper. It becomes the child of init, or of whoever collects orphans here.
Status Relaunch(MonitorArguments arguments) {
  char program[4096];
  const ssize_t length = ::readlink("/proc/self/exe", program, sizeof(program));
  if (length <= 0 || length >= static_cast<ssize_t>(sizeof(program)))
    return FailErrno("readlink /proc/self/exe");
  arguments.launch = false;
  std::vector<std::pair<int, int>> fds = {{1, 1}, {2, 2}, {kReadyFd, kReadyFd}};
  for (size_t i = 0; i < arguments.descriptors.size(); ++i) {
    const int fd = kFirstNetworkFd + static_cast<int>(i);
    fds.emplace_back(fd, fd);
  }
  VC_RETURN_IF_ERROR(Subprocess::Spawn(
      {.argv = ToArguments(std::string(program, static_cast<size_t>(length)), arguments), .fds = fds}));
  return {};
}

// Tells the caller of StartPod, who may have gone.
void Report(UniqueFd& ready, const Status& outcome) {
  if (ready) (void)WriteAll(ready.get(), EncodeOutcome(outcome));
  ready.reset();
}

Status Run(const MonitorParts& parts, const MonitorArguments& arguments, UniqueFd& ready) {
  const Deadline deadline = Deadline::After(arguments.timeout);
  // Held until this process is gone: who finds it free knows that no monitor lives. Not waited for: whoever
  // started this one found it free, and another has come first since.
  Result<FileLock> alive =
      FileLock::Acquire(arguments.paths.monitor_lock(), Deadline::After(milliseconds(0)));
  if (!alive && alive.error().code() == Code::kDeadlineExceeded) {
    return Fail(Code::kAborted, "the pod has been started by somebody else");
  }
  VC_RETURN_IF_ERROR(alive);
  // Let go of by the end of the process alone, which takes a while after this function's.
  [[maybe_unused]] static const FileLock* const kept = new FileLock(*std::move(alive));

  std::map<std::string, UniqueFd> descriptors;
  for (const std::string& network : arguments.descriptors) {
    const int fd = kFirstNetworkFd + static_cast<int>(descriptors.size());
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    descriptors[network] = UniqueFd(fd);
  }
  std::optional<PodMonitor> pod;
  VC_RETURN_IF_ERROR(StartThreads(
      [&] { pod.emplace(parts, PodFiles(arguments.paths), arguments.guest, std::move(descriptors)); }));
  std::optional<MonitorService> service;
  std::optional<ttrpc::Server> server;
  const auto serve = [&]() -> Status {
    VC_RETURN_IF_ERROR(StartThreads([&] { service.emplace(*pod); }));
    server.emplace(*service, ttrpc::Server::Options{.connections = kConnections});
    // There is no other monitor: what lies in the socket's place is nobody's.
    VC_RETURN_IF_ERROR(RemoveTree(arguments.paths.monitor_socket()));
    return server->Listen(arguments.paths.monitor_socket());
  };
  VC_RETURN_IF_ERROR(arguments.task == MonitorTask::kTakeOver ? pod->TakeOver(deadline, serve)
                                                              : pod->Start(deadline, serve));
  Report(ready, {});
  pod->WaitUntilStopped();
  server->Stop();
  return {};
}

}  // namespace

MonitorParts DefaultMonitorParts() {
  MonitorParts parts;
  // A program with MonitorMain confines: this one, whatever has become of its file since.
  parts.hypervisors["qemu"] = [] { return std::make_unique<QemuHypervisor>("/proc/self/exe"); };
  parts.hypervisors["mock"] = [] { return std::make_unique<MockHypervisor>(); };
  parts.agents["kata"] = [] { return std::make_unique<KataAgent>(); };
  parts.agents["noop"] = [] { return std::make_unique<NoopAgent>(); };
  return parts;
}

int MonitorMain(int argc, char** argv, const MonitorParts& parts) {
  if (IsConfineCommand(argc, argv)) return ConfineMain(argc, argv);
  Result<MonitorArguments> arguments = ParseArguments(argc, argv);
  if (!arguments) return Complain(arguments.error());
  arguments->paths.mark = OwnMark();
  if (::fcntl(kReadyFd, F_GETFD) < 0) {
    return Complain(Error(Code::kInvalidArgument, "this program is started by the library, by StartPod"));
  }
  if (arguments->launch) {
    // The caller knows this process by its pid, and may be one whose children are collected the moment they
    // end: it says when it has taken hold of it. Nothing is begun before that: a caller that cannot, for lack
    // of a descriptor, ends this process, and says that the pod was not started.
    char byte;
    while (::read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR) {
    }
    const Status launched = Relaunch(*arguments);
    // The caller reads the pipe to its end: nothing is lost by saying it there as well.
    UniqueFd ready(kReadyFd);
    if (launched) return EXIT_SUCCESS;
    Report(ready, launched);
    return Complain(launched.error());
  }

  // A caller that has gone, or a terminal's hang-up, is no reason to end.
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  // Nor is a log that has reached a limit on file sizes.
  ::signal(SIGXFSZ, SIG_IGN);
  SetHookUmask(::umask(077));
  RaiseDescriptorLimit();
  if (::chdir("/") != 0) return Complain(ErrnoError("chdir /"));
  UniqueFd ready(kReadyFd);
  ::fcntl(kReadyFd, F_SETFD, FD_CLOEXEC);

  const Status ran = Run(parts, *arguments, ready);
  Report(ready, ran);
  return ran ? EXIT_SUCCESS : Complain(ran.error());
}

}  // namespace virtcontainers
