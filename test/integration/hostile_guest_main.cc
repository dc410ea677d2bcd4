// PID 1 of a guest that is somebody else's: it does what `hostile=` on the kernel's command line says.
//
//   silent       boots, and never says a word to the host
//   reboot       reboots at once
//   flood        endless bytes on the agent's port, that are of no session
//   frames       greets the host as an agent does, then sends endless maximal frames of calls nobody made
//   huge         greets, then announces a frame of 4 GiB and sends 4 MiB of what is no message, again and
//   again answers      greets, then answers every call with 4 MiB of what is no message console      is the
//   agent, and writes to its console without end overlong     is the agent, and answers each read of output
//   with more than was asked for later        is the agent until a process is executed, and then does as
//   `frames`

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "agent.pb.h"
#include "base/errors.h"
#include "guest.pb.h"
#include "guest/agent/boot/boot.h"
#include "guest/agent/boot/command_line.h"
#include "guest/agent/link/port_link.h"
#include "guest/agent/os/event_loop.h"
#include "guest/agent/os/file.h"
#include "guest/agent/os/reaper.h"
#include "guest/agent/sandbox/sandbox.h"
#include "guest/agent/service/router.h"
#include "guest/agent/service/services.h"
#include "link/session_codec.h"
#include "ttrpc/frame.h"

namespace virtcontainers::guest {
namespace {

constexpr char kPortName[] = "org.virtcontainers.agent.0";

std::string Mode() {
  const std::string line = ReadFile("/proc/cmdline").value_or("");
  constexpr std::string_view kKey = "hostile=";
  const size_t at = line.find(kKey);
  if (at == std::string::npos) return {};
  const size_t begin = at + kKey.size();
  return line.substr(begin, line.find_first_of(" \n", begin) - begin);
}

UniqueFd OpenPort() {
  const Result<std::string> device = FindPort(kPortName, std::chrono::seconds(10));
  return UniqueFd(device ? ::open(device->c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC) : -1);
}

void WaitFor(int fd, short events) {
  pollfd entry{fd, events, 0};
  ::poll(&entry, 1, 100);
  // While no host is there the port is ready for nothing, and says so at once.
  if ((entry.revents & events) == 0) ::usleep(1000);
}

void SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), std::min<size_t>(bytes.size(), 32 << 10));
    if (count > 0) {
      bytes.remove_prefix(static_cast<size_t>(count));
    } else {
      WaitFor(fd, POLLOUT);
    }
  }
}

[[noreturn]] void SendForEver(int fd, const std::string& bytes) {
  for (;;) SendAll(fd, bytes);
}

std::string Frame(uint32_t stream, size_t size) {
  std::string frame, stuffed;
  ttrpc::AppendFrame(frame, stream, ttrpc::FrameType::kResponse, 0, std::string(size, '\xff'));
  link::AppendSessionData(stuffed, frame);
  return stuffed;
}

std::string FramesOfNoCall() { return Frame(0x7fff'ffff, ttrpc::kMaxFrameData); }

std::string HugeFrames() {
  std::string header, stuffed;
  ttrpc::AppendFrameHeader(header, {.length = 0xffff'ffff, .stream_id = 1});
  link::AppendSessionData(stuffed, header);
  return stuffed + FramesOfNoCall();
}

// Sends the host's marks back and lets `on_data` see the rest.
class Greeter final : public link::SessionSink {
 public:
  Greeter(int fd, std::function<void(std::string_view)> on_data) : fd_(fd), on_data_(std::move(on_data)) {}
  void SessionStarted(uint64_t id) override {
    std::string mark;
    link::AppendSessionMark(mark, id);
    SendAll(fd_, mark);
  }
  void SessionData(std::string_view data) override { on_data_(data); }
  void SessionBroken() override {}

 private:
  const int fd_;
  const std::function<void(std::string_view)> on_data_;
};

// Greets the host, and goes on with what it says.
[[noreturn]] void Converse(int fd, std::function<void(std::string_view)> on_data) {
  Greeter greeter(fd, std::move(on_data));
  link::SessionDecoder decoder;
  std::string buffer(32 << 10, '\0');
  for (;;) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count > 0) {
      decoder.Receive(std::span(buffer.data(), static_cast<size_t>(count)), greeter);
    } else {
      WaitFor(fd, POLLIN);
    }
  }
}

[[noreturn]] void AnswerWithGarbage(int fd) {
  ttrpc::FrameDecoder requests;
  Converse(fd, [&](std::string_view data) {
    requests.Receive(data, [&](const ttrpc::Frame& frame) {
      SendAll(fd, Frame(frame.header.stream_id, ttrpc::kMaxFrameData));
    });
  });
}

void StartChild(const std::function<void()>& work) {
  if (::fork() != 0) return;
  work();
  ::_exit(0);
}

[[noreturn]] void FloodConsole() {
  const int console = ::open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);
  const std::string line = std::string(1023, '#') + "\n";
  for (;;) [[maybe_unused]] const ssize_t ignored = ::write(console, line.data(), line.size());
}

void AddOverlongReads(Router& router) {
  router.Add<wire::ReadOutputRequest>("virtcontainers.Guest", "ReadOutput",
                                      [](const Call& call, auto request) {
                                        wire::ReadOutputResponse response;
                                        response.set_offset(request->offset());
                                        response.set_data(std::string(request->size() + 1, 'x'));
                                        call.Answer(response);
                                      });
}

// As agent_main.cc has it, with `mode` mixed in.
Status Serve(const std::string& mode, UniqueFd port) {
  ::signal(SIGPIPE, [](int) {});
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  const int fd = port.get();
  VC_ASSIGN_OR_RETURN(EventLoop loop, EventLoop::Create());
  VC_ASSIGN_OR_RETURN(const auto reaper, Reaper::Create(loop));
  Sandbox sandbox(loop, *reaper, {}, [&loop] { loop.Stop(); });
  Router router;
  AddHealthCalls(router);
  AddContainerCalls(router, sandbox);
  AddStreamCalls(router, sandbox);
  AddSandboxCalls(router, sandbox);
  AddMachineCalls(router, sandbox);
  if (mode == "overlong") AddOverlongReads(router);
  if (mode == "console") StartChild([] { FloodConsole(); });
  const auto handler = [&, flooded = false](Call call, const ttrpc::ServerCall& request) mutable {
    if (mode == "later" && request.method == "ExecProcess" && !std::exchange(flooded, true)) {
      StartChild([fd] { SendForEver(fd, FramesOfNoCall()); });
    }
    router.Route(std::move(call), request);
  };
  VC_ASSIGN_OR_RETURN(const auto link, PortLink::Create(loop, std::move(port), handler));
  return loop.Run();
}

[[noreturn]] void Run() {
  CommandLine line;
  const Status booted = Boot(&line);
  if (!booted) FatalError(booted.error().ToString(), line.power_off);
  const std::string mode = Mode();
  // The last line of the console.
  const std::string said = "hostile guest: " + mode + "\n";
  [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, said.data(), said.size());
  if (mode == "reboot") ::reboot(RB_AUTOBOOT);
  if (mode == "silent") {
    for (;;) ::pause();
  }
  UniqueFd port = OpenPort();
  const int fd = port.get();
  if (mode == "flood") SendForEver(fd, std::string(1 << 20, '\x55'));
  if (mode == "frames") {
    Converse(fd, [fd](std::string_view) { SendForEver(fd, FramesOfNoCall()); });
  }
  if (mode == "huge") {
    Converse(fd, [fd](std::string_view) { SendForEver(fd, HugeFrames()); });
  }
  if (mode == "answers") AnswerWithGarbage(fd);
  (void)Serve(mode, std::move(port));
  PowerOff(line.power_off);
}

}  // namespace
}  // namespace virtcontainers::guest

int main() { virtcontainers::guest::Run(); }
