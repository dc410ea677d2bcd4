#include "os/watched_process.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "os/file.h"
#include "os/pidfd.h"
#include "os/process_identity.h"
#include "os/thread.h"

namespace virtcontainers {
namespace {

constexpr size_t kMaxLastWords = 2 << 10;
// What a process has left to do when it is killed.
constexpr auto kKilledEnds = std::chrono::seconds(10);

// The last words of a log, on one line.
std::string LastWordsOf(const std::string& path) {
  std::string words = ReadFileTail(path, kMaxLastWords).value_or("");
  while (!words.empty() && words.back() == '\n') words.pop_back();
  for (char& c : words) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') c = ';';
    if (byte < 0x20 || byte >= 0x7f) c = c == ';' ? ';' : '?';
  }
  return words;
}

std::vector<ProcessIdentity> ChildrenOf(pid_t pid) {
  const std::string process = std::to_string(pid);
  const std::string list =
      ReadFile("/proc/" + process + "/task/" + process + "/children", 64 << 10).value_or("");
  std::vector<ProcessIdentity> children;
  for (size_t at = 0; at < list.size();) {
    const size_t end = std::min(list.find(' ', at), list.size());
    const pid_t child = static_cast<pid_t>(std::strtol(list.substr(at, end - at).c_str(), nullptr, 10));
    if (child > 0) {
      if (auto identity = IdentifyProcess(child)) children.push_back(std::move(*identity));
    }
    at = end + 1;
  }
  return children;
}

}  // namespace

Result<std::unique_ptr<WatchedProcess>> WatchedProcess::Watch(Options options, Subprocess child,
                                                              OomKills kills) {
  std::unique_ptr<WatchedProcess> watched(new WatchedProcess(std::move(options), std::move(kills)));
  watched->child_.emplace(std::move(child));
  Result<ProcessIdentity> identity = IdentifyProcess(watched->child_->pid());
  if (identity) watched->process_ = *identity;
  Status started = identity ? watched->Start() : Status(Fail(std::move(identity.error())));
  if (started) return watched;
  (void)watched->child_->Kill(SIGKILL);
  (void)watched->child_->Wait(Deadline::Infinite());
  return Fail(std::move(started.error()));
}

Result<std::unique_ptr<WatchedProcess>> WatchedProcess::Adopt(Options options,
                                                              const ProcessIdentity& process) {
  std::unique_ptr<WatchedProcess> watched(new WatchedProcess(std::move(options), OomKills(process.pid)));
  watched->process_ = process;
  watched->pidfd_.reset(OpenPidfd(process.pid));
  // In this order: the process that the descriptor stands for is the one that is checked.
  if (!watched->pidfd_ || !IsAlive(process)) {
    return Fail(Code::kNotFound,
                watched->options_.name + " (process " + std::to_string(process.pid) + ") has ended");
  }
  VC_RETURN_IF_ERROR(watched->Start());
  return watched;
}

WatchedProcess::~WatchedProcess() {
  bool detached = false;
  {
    const std::lock_guard lock(mutex_);
    expected_ = true;
    detached = detached_;
  }
  // One that could not be watched is its maker's to end.
  if (!watcher_.joinable()) return;
  if (!detached) (void)Stop(Deadline::After(kKilledEnds));
  const uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
  watcher_.join();
}

Status WatchedProcess::Start() {
  wake_.reset(::eventfd(0, EFD_CLOEXEC));
  if (!wake_) return FailErrno("eventfd");
  VC_ASSIGN_OR_RETURN(watcher_, StartThread([this] { WatchLoop(); }));
  return {};
}

void WatchedProcess::WatchLoop() {
  pollfd fds[] = {{child_ ? child_->pidfd() : pidfd_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
  while (::poll(fds, 2, -1) < 0 && errno == EINTR) {
  }
  if (fds[0].revents == 0) return;

  std::string reason = options_.name + " has ended";
  if (child_) {
    const Result<ProcessExit> exit = child_->Wait(Deadline::Infinite());
    reason = options_.name + " " + (exit ? exit->Describe() : exit.error().message());
    const bool killed = exit && exit->signaled && exit->value == SIGKILL;
    if (const std::string why = killed ? oom_kills_.Since() : ""; !why.empty()) reason += ": " + why;
  }
  if (const std::string words = options_.log.empty() ? "" : LastWordsOf(options_.log); !words.empty())
    reason += ": " + words;
  if (options_.on_end) options_.on_end();
  bool expected = false;
  {
    const std::lock_guard lock(mutex_);
    exit_reason_ = reason;
    expected = expected_;
    ended_.notify_all();
  }
  if (!expected && options_.on_exit) options_.on_exit(std::move(reason));
}

void WatchedProcess::Kill() {
  if (options_.kill_children) {
    for (const ProcessIdentity& child : ChildrenOf(process_.pid)) {
      (void)KillAndWait(child, Deadline::After(kKilledEnds));
    }
  }
  if (child_) {
    (void)child_->Kill(SIGKILL);
  } else {
    (void)SendPidfdSignal(pidfd_.get(), SIGKILL);
  }
}

bool WatchedProcess::AwaitEnd(Deadline deadline) {
  std::unique_lock lock(mutex_);
  expected_ = true;
  const auto ended = [this] { return exit_reason_.has_value(); };
  if (!deadline.infinite()) return ended_.wait_until(lock, deadline.time(), ended);
  ended_.wait(lock, ended);
  return true;
}

Status WatchedProcess::Stop(Deadline deadline) {
  {
    const std::lock_guard lock(mutex_);
    expected_ = true;
    if (exit_reason_) return {};
  }
  Kill();
  if (AwaitEnd(deadline)) return {};
  return Fail(Code::kDeadlineExceeded, options_.name + " did not end in time");
}

void WatchedProcess::Detach() {
  const std::lock_guard lock(mutex_);
  detached_ = true;
}

std::optional<std::string> WatchedProcess::exit_reason() const {
  const std::lock_guard lock(mutex_);
  return exit_reason_;
}

}  // namespace virtcontainers
