// virtcontainers-agent: the first process of a guest, which makes containers as the host tells it to.
//
//   /init                                        as PID 1 of a virtual machine
//   virtcontainers-agent --listen unix:PATH [--state DIR] [--cgroup NAME]
//                                                on any machine, for tests; ends when its sandbox is
//                                                destroyed
//   connect ..., listen ...                      in a guest, by these names: see connect/

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "base/errors.h"
#include "guest/agent/boot/boot.h"
#include "guest/agent/boot/command_line.h"
#include "guest/agent/connect/connect.h"
#include "guest/agent/connect/listen.h"
#include "guest/agent/link/port_link.h"
#include "guest/agent/link/socket_link.h"
#include "guest/agent/os/event_loop.h"
#include "guest/agent/os/kernel_module.h"
#include "guest/agent/os/log.h"
#include "guest/agent/os/reaper.h"
#include "guest/agent/sandbox/sandbox.h"
#include "guest/agent/service/router.h"
#include "guest/agent/service/services.h"
#include "guest/agent/version.h"

namespace virtcontainers::guest {

namespace {

constexpr const char* kPortName = "org.virtcontainers.agent.0";
constexpr uint32_t kVsockPort = 1024;
constexpr std::chrono::milliseconds kPortLimit{10000};

struct Options {
  std::string listen;  // a path; empty: as PID 1
  SandboxConfig sandbox;
};

// One of them.
struct Link {
  std::unique_ptr<PortLink> port;
  std::unique_ptr<SocketLink> sockets;
};

Result<UniqueFd> OpenPort() {
  VC_ASSIGN_OR_RETURN(const std::string device, FindPort(kPortName, kPortLimit));
  UniqueFd port(::open(device.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!port) return FailErrno("open " + Quoted(device));
  return port;
}

Result<UniqueFd> OpenVsock() {
  // Each may be built in, or be loaded by the other.
  (void)LoadModule("vsock");
  (void)LoadModule("vmw_vsock_virtio_transport");
  return ListenVsock(kVsockPort);
}

Result<Link> OpenLink(EventLoop& loop, const Options& options, const CommandLine& line,
                      Connection::Handler handler) {
  Link link;
  if (options.listen.empty() && line.transport == CommandLine::Transport::kVirtioSerial) {
    VC_ASSIGN_OR_RETURN(UniqueFd port, OpenPort());
    VC_ASSIGN_OR_RETURN(link.port, PortLink::Create(loop, std::move(port), std::move(handler)));
    return link;
  }
  VC_ASSIGN_OR_RETURN(UniqueFd listener, options.listen.empty() ? OpenVsock() : ListenUnix(options.listen));
  VC_ASSIGN_OR_RETURN(link.sockets, SocketLink::Create(loop, std::move(listener), std::move(handler)));
  return link;
}

// A copy of the console that no child inherits as its standard error.
void KeepLogOpen() {
  const int copy = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  if (copy >= 0) SetLogFd(copy);
}

std::chrono::milliseconds SinceBoot() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::milliseconds(now.tv_sec * 1000 + now.tv_nsec / 1'000'000);
}

void LogReady(std::chrono::milliseconds begin) {
  const auto now = SinceBoot();
  Log(LogLevel::kInfo, std::string("ready: version ") + kVersion + ", " + std::to_string(now.count()) +
                           " ms after boot, " + std::to_string((now - begin).count()) +
                           " ms of them the agent's");
}

// Until the sandbox is destroyed.
Status Serve(const Options& options, const CommandLine& line, std::chrono::milliseconds begin) {
  KeepLogOpen();
  // A handler, not SIG_IGN, which the programs of containers would inherit.
  ::signal(SIGPIPE, [](int) {});
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  VC_ASSIGN_OR_RETURN(EventLoop loop, EventLoop::Create());
  VC_ASSIGN_OR_RETURN(const auto reaper, Reaper::Create(loop));
  Sandbox sandbox(loop, *reaper, options.sandbox, [&loop] { loop.Stop(); });
  Router router;
  AddHealthCalls(router);
  AddContainerCalls(router, sandbox);
  AddStreamCalls(router, sandbox);
  AddSandboxCalls(router, sandbox);
  AddMachineCalls(router, sandbox);
  AddNetworkCalls(router, sandbox);
  AddStatsCalls(router, sandbox);
  AddFileCalls(router, sandbox);
  AddGuestCalls(router, sandbox);
  VC_ASSIGN_OR_RETURN(const Link link,
                      OpenLink(loop, options, line, [&router](Call call, const ttrpc::ServerCall& request) {
                        router.Route(std::move(call), request);
                      }));
  LogReady(begin);
  return loop.Run();
}

[[noreturn]] void RunAsInit() {
  const auto begin = SinceBoot();
  CommandLine line;
  PowerOffOnCrash(line.power_off);
  const Status booted = Boot(&line);
  PowerOffOnCrash(line.power_off);
  if (!booted) FatalError(booted.error().ToString(), line.power_off);
  if (auto status = Serve({}, line, begin); !status) FatalError(status.error().ToString(), line.power_off);
  PowerOff(line.power_off);
}

int Usage() {
  std::fputs("usage: virtcontainers-agent --listen unix:PATH [--state DIR] [--cgroup NAME]\n", stderr);
  return 2;
}

int RunStandalone(int argc, char** argv) {
  Options options;
  options.sandbox.standalone = true;
  options.sandbox.cgroup = "virtcontainers-agent-" + std::to_string(::getpid());
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--version") {
      std::printf("virtcontainers-agent %s\n", kVersion);
      return 0;
    }
    if (i + 1 >= argc) return Usage();
    const std::string value = argv[++i];
    if (name == "--listen" && value.compare(0, 5, "unix:") == 0) {
      options.listen = value.substr(5);
    } else if (name == "--state" && value.size() > 1 && value[0] == '/') {
      options.sandbox.state_dir = value;
    } else if (name == "--cgroup" && !value.empty() && value.find('/') == std::string::npos &&
               value[0] != '.') {
      options.sandbox.cgroup = value;
    } else {
      return Usage();
    }
  }
  if (options.listen.empty()) return Usage();
  const Status status = Serve(options, {}, SinceBoot());
  ::unlink(options.listen.c_str());
  if (status) return 0;
  Log(LogLevel::kError, status.error().ToString());
  return 1;
}

}  // namespace

}  // namespace virtcontainers::guest

int main(int argc, char** argv) {
  std::string_view called = argc > 0 ? argv[0] : "";
  called.remove_prefix(called.rfind('/') + 1);
  if (called == virtcontainers::guest::kConnectProgram) return virtcontainers::guest::RunConnect(argc, argv);
  if (called == virtcontainers::guest::kListenProgram) return virtcontainers::guest::RunListen(argc, argv);
  // What streams pass through is allocated and freed all the time: not to be mapped anew each time, nor given
  // back.
  ::mallopt(M_MMAP_THRESHOLD, 2 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 4 << 20);
  // In a pid namespace of a test the agent may be PID 1, too: only a guest's has no arguments.
  if (::getpid() == 1 && (argc < 2 || std::string_view(argv[1]).substr(0, 2) != "--"))
    virtcontainers::guest::RunAsInit();
  return virtcontainers::guest::RunStandalone(argc, argv);
}
