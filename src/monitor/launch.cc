#include "monitor/launch.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/errors.h"
#include "base/json.h"
#include "base/unique_fd.h"
#include "os/marked_process.h"
#include "os/oom_kills.h"
#include "os/own_file.h"
#include "os/poll.h"
#include "os/subprocess.h"
#include "pod/effects.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr size_t kMaxOutcome = 256 << 10;

// For ever, to a boot.
constexpr milliseconds kMaxTimeout = std::chrono::hours(24);

// What the monitor needs, beyond the deadline, to undo a start that did not make it.
constexpr seconds kUndoStart{15};

// A VM is taken over to the end although whoever asked for it has gone: the next one finds a monitor. A guest
// that answers nothing is not waited for without end.
constexpr seconds kLeastTakeOver{10};
constexpr seconds kMostTakeOver{60};

}  // namespace

std::vector<std::string> ToArguments(const std::string& program, const MonitorArguments& arguments) {
  std::vector<std::string> argv = {program, "--pod-dir=" + arguments.paths.dir,
                                   "--run-dir=" + arguments.paths.run_dir, "--guest=" + arguments.guest,
                                   "--timeout-ms=" + std::to_string(arguments.timeout.count())};
  if (arguments.task == MonitorTask::kTakeOver) argv.push_back("--take-over");
  if (arguments.launch) argv.push_back("--launch");
  for (const std::string& network : arguments.descriptors) argv.push_back("--descriptor=" + network);
  return argv;
}

Result<MonitorArguments> ParseArguments(int argc, char** argv) {
  MonitorArguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const auto value = [&](std::string_view name) -> const char* {
      return argument.substr(0, name.size()) == name ? argv[i] + name.size() : nullptr;
    };
    if (const char* dir = value("--pod-dir=")) {
      arguments.paths.dir = dir;
    } else if (const char* run = value("--run-dir=")) {
      arguments.paths.run_dir = run;
    } else if (const char* guest = value("--guest=")) {
      arguments.guest = guest;
    } else if (const char* timeout = value("--timeout-ms=")) {
      const char* const end = argv[i] + argument.size();
      int64_t count = 0;
      if (std::from_chars(timeout, end, count).ptr != end || count > kMaxTimeout.count()) count = 0;
      arguments.timeout = milliseconds(count);
    } else if (const char* network = value("--descriptor=")) {
      arguments.descriptors.push_back(network);
    } else if (argument == "--take-over") {
      arguments.task = MonitorTask::kTakeOver;
    } else if (argument == "--launch") {
      arguments.launch = true;
    } else {
      return Fail(Code::kInvalidArgument, "unknown argument " + Quoted(argument) +
                                              ": this program is started by the library, by StartPod");
    }
  }
  if (arguments.paths.dir.empty() || arguments.paths.run_dir.empty() || arguments.timeout.count() <= 0) {
    return Fail(Code::kInvalidArgument, "this program is started by the library, by StartPod");
  }
  return arguments;
}

std::string EncodeOutcome(const Status& outcome) {
  Json json = {{"ok", outcome.has_value()}};
  if (!outcome) {
    json["code"] = static_cast<int>(outcome.error().code());
    json["reason"] = ReasonName(outcome.error().reason());
    json["message"] = outcome.error().message();
    json["context"] = outcome.error().context();
  }
  return DumpJson(json, false) + "\n";
}

Status DecodeOutcome(const std::string& line) {
  Result<Json> parsed = ParseJson(std::string_view(line).substr(0, line.find('\n')));
  if (!parsed) return Fail(Code::kInternal, "the pod's monitor sent a malformed outcome");
  const Json& json = *parsed;
  JsonReader reader(json, "");
  bool ok = false;
  int code = static_cast<int>(Code::kUnknown);
  std::string reason, message;
  std::vector<std::string> context;
  reader.Read("ok", ok);
  reader.Read("code", code);
  reader.Read("reason", reason);
  reader.Read("message", message);
  reader.Read("context", context);
  if (!reader.status()) return Fail(Code::kInternal, "the pod's monitor sent a malformed outcome");
  if (ok) return {};
  const bool known =
      code >= static_cast<int>(Code::kCancelled) && code <= static_cast<int>(Code::kUnauthenticated);
  Error error(known ? static_cast<Code>(code) : Code::kUnknown, ReasonNamed(reason), message);
  for (std::string& operation : context) error.AddContext(std::move(operation));
  return Fail(std::move(error));
}

Status LaunchMonitor(const std::string& program, const PodPaths& paths, const std::string& guest,
                     MonitorTask task, Deadline deadline, const std::map<std::string, int>& descriptors) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return FailErrno("start the monitor: pipe");
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  if (::pipe2(ends, O_CLOEXEC) != 0) return FailErrno("start the monitor: pipe");
  const UniqueFd hold_reader(ends[0]);
  UniqueFd hold(ends[1]);  // the launcher ends when this is closed
  // One log for one life of the VM.
  const int truncate = task == MonitorTask::kStart ? O_TRUNC : 0;
  VC_ASSIGN_OR_RETURN(const UniqueFd log,
                      OpenOrReplaceOwnFile(paths.monitor_log(), O_WRONLY | truncate | O_APPEND));

  const auto left = std::min<std::chrono::nanoseconds>(deadline.remaining(), kMaxTimeout);
  const bool start = task == MonitorTask::kStart;
  const auto work = start ? left : std::clamp<std::chrono::nanoseconds>(left, kLeastTakeOver, kMostTakeOver);
  MonitorArguments arguments{.paths = paths,
                             .guest = guest,
                             .timeout = std::max(milliseconds(1), std::chrono::ceil<milliseconds>(work)),
                             .task = task,
                             .launch = true,
                             .descriptors = {}};
  std::vector<std::pair<int, int>> fds = {
      {hold_reader.get(), 0}, {log.get(), 1}, {log.get(), 2}, {writer.get(), kReadyFd}};
  for (const auto& [network, fd] : descriptors) {
    fds.emplace_back(fd, kFirstNetworkFd + static_cast<int>(arguments.descriptors.size()));
    arguments.descriptors.push_back(network);
  }
  {
    // Announced here, so that whoever finds a dead caller's pod looks also for a monitor on its way.
    VC_ASSIGN_OR_RETURN(const std::unique_ptr<Effects> effects, Effects::Open(paths.journal()));
    VC_RETURN_IF_ERROR(effects->Announce(EffectKind::kProcess, kMonitorEffect));
  }
  const OomKills oom_kills;
  VC_ASSIGN_OR_RETURN(Subprocess launcher, Subprocess::Spawn({.argv = ToArguments(program, arguments),
                                                              .env = MarkedEnvironment(paths.mark),
                                                              .fds = fds}));
  writer.reset();
  hold.reset();

  std::string line;
  const Deadline patience = Deadline::After(start ? left + kUndoStart : std::min(left, work + kUndoStart))
                                .OrStopped(deadline.token());
  Status failed;
  bool ended = false;
  while (!ended && failed && line.find('\n') == std::string::npos) {
    const Result<bool> readable = WaitReadable(reader.get(), patience);
    if (!readable) {
      failed = Fail(readable.error());
    } else if (!*readable) {
      failed = Fail(Code::kDeadlineExceeded, "the pod's monitor did not answer in time");
    } else if (line.size() > kMaxOutcome) {
      failed = Fail(Code::kInternal, "the pod's monitor sent a malformed outcome");
    } else {
      char buffer[4096];
      const ssize_t got = ::read(reader.get(), buffer, sizeof(buffer));
      if (got < 0 && errno == EINTR) continue;
      ended = got <= 0;
      if (got > 0) line.append(buffer, static_cast<size_t>(got));
    }
  }
  // It has long ended, or does so now: a child that is not collected would stay a zombie of the caller's. A
  // caller that collects all its children itself has done so.
  (void)launcher.Wait(Deadline::After(seconds(10)));
  if (line.find('\n') != std::string::npos) return DecodeOutcome(line);
  VC_RETURN_IF_ERROR(failed);
  const std::string said = ReadOwnFileTail(paths.monitor_log(), 2048).value_or("");
  const std::string killed = oom_kills.Since();
  return Fail(Code::kAborted, "the pod's monitor " + Quoted(program) + " ended without an outcome" +
                                  (killed.empty() ? "" : ": " + killed) +
                                  (said.empty() ? "" : "; its log ends with:\n" + said));
}

}  // namespace virtcontainers
