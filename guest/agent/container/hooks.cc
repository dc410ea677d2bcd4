#include "guest/agent/container/hooks.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <vector>

#include "base/errors.h"
#include "base/unique_fd.h"
#include "guest/agent/container/process_setup.h"
#include "guest/agent/os/spawn.h"

namespace virtcontainers::guest {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMaxHooks = 64;
constexpr std::chrono::seconds kDefaultTimeout{60};
constexpr int64_t kMaxTimeout = 3600;
constexpr size_t kKeptOutput = 4096;
constexpr int kCannotRun = 127;

Status CheckList(const HookList& hooks) {
  if (hooks.size() > kMaxHooks) {
    return Fail(Code::kInvalidArgument, "more than " + std::to_string(kMaxHooks) + " hooks of one kind");
  }
  for (const grpc::Hook& hook : hooks) {
    if (hook.path().empty() || hook.path()[0] != '/' || hook.path().find('\0') != std::string::npos) {
      return Fail(Code::kInvalidArgument, "hook path " + Quoted(hook.path()) + " is not absolute");
    }
    if (hook.timeout() < 0 || hook.timeout() > kMaxTimeout) {
      return Fail(Code::kInvalidArgument, "hook " + Quoted(hook.path()) + ": timeout " +
                                              std::to_string(hook.timeout()) + " is not between 0 and " +
                                              std::to_string(kMaxTimeout) + " s");
    }
    VC_RETURN_IF_ERROR(CheckStrings(hook.args(), "arguments of a hook"));
    VC_RETURN_IF_ERROR(CheckStrings(hook.env(), "environment variables of a hook"));
  }
  return {};
}

std::string JsonString(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      json += std::string("\\u00") + kDigits[static_cast<unsigned char>(c) >> 4] + kDigits[c & 15];
    } else {
      json += c;
    }
  }
  return json + "\"";
}

std::vector<char*> Pointers(const google::protobuf::RepeatedPtrField<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  return pointers;
}

[[noreturn]] void BecomeHook(const grpc::Hook& hook, const std::array<UniqueFd, 3>& ends,
                             const std::function<Status()>& prepare) {
  std::vector<char*> arguments = Pointers(hook.args());
  if (arguments.empty()) arguments.push_back(const_cast<char*>(hook.path().c_str()));
  arguments.push_back(nullptr);
  std::vector<char*> environment = Pointers(hook.env());
  environment.push_back(nullptr);
  const auto become = [&]() -> Status {
    // A session of its own, so that all of it can be ended.
    ::setsid();
    ::signal(SIGPIPE, SIG_DFL);
    for (int fd = 0; fd < 3; ++fd) {
      if (::dup2(ends[static_cast<size_t>(fd)].get(), fd) < 0) return FailErrno("dup2");
    }
    ::syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
    VC_RETURN_IF_ERROR(prepare());
    ::execve(hook.path().c_str(), arguments.data(), environment.data());
    return FailErrno("run it");
  };
  const std::string text = become().error().ToString();
  (void)!::write(STDERR_FILENO, text.data(), text.size());
  ::_exit(kCannotRun);
}

// Our side of a hook that runs.
class RunningHook {
 public:
  RunningHook(pid_t pid, std::array<UniqueFd, 3> pipes, std::string_view input)
      : pid_(pid),
        pidfd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))),
        pipes_(std::move(pipes)),
        input_(input) {}

  // Whether it ended before the deadline; killed and collected otherwise.
  bool Wait(Clock::time_point deadline) {
    bool ended = false;
    while (!ended && Clock::now() < deadline) ended = Step(deadline);
    if (!ended) {
      ::kill(-pid_, SIGKILL);
      ::kill(pid_, SIGKILL);
    }
    while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) continue;
    for (int i = 0; i < 8; ++i) Drain(2);
    return ended;
  }

  std::string Outcome() const {
    if (WIFSIGNALED(status_)) return "was killed by signal " + std::to_string(WTERMSIG(status_));
    return "ended with exit status " + std::to_string(WEXITSTATUS(status_));
  }
  bool succeeded() const { return WIFEXITED(status_) && WEXITSTATUS(status_) == 0; }

  // The last line of standard error that is not empty, fit for a message.
  std::string LastLine() const {
    const size_t last = error_.find_last_not_of("\r\n \t");
    if (last == std::string::npos) return {};
    const size_t newline = error_.rfind('\n', last);
    std::string line = error_.substr(newline == std::string::npos ? 0 : newline + 1,
                                     last - (newline == std::string::npos ? 0 : newline + 1) + 1);
    for (char& c : line) {
      if (c < 0x20 || c > 0x7e) c = '?';
    }
    return line;
  }

 private:
  // Waits for one thing to happen. True when the hook has ended.
  bool Step(Clock::time_point deadline) {
    std::array<pollfd, 4> polled{{{pidfd_.get(), POLLIN, 0},
                                  {pipes_[0].get(), POLLOUT, 0},
                                  {pipes_[1].get(), POLLIN, 0},
                                  {pipes_[2].get(), POLLIN, 0}}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (::poll(polled.data(), polled.size(), static_cast<int>(std::max<int64_t>(left, 0))) <= 0) return false;
    if (polled[1].revents != 0) Feed();
    if (polled[2].revents != 0) Drain(1);
    if (polled[3].revents != 0) Drain(2);
    return polled[0].revents != 0;
  }

  void Feed() {
    const ssize_t count = ::write(pipes_[0].get(), input_.data(), input_.size());
    if (count > 0) input_.remove_prefix(static_cast<size_t>(count));
    // A hook need not read.
    if (input_.empty() || (count < 0 && errno != EAGAIN && errno != EINTR)) pipes_[0].reset();
  }

  // Reads what is there, some of it only: a hook that floods is not to keep us from its end.
  void Drain(size_t pipe) {
    if (!pipes_[pipe]) return;
    std::array<char, 16384> buffer;
    const ssize_t count = ::read(pipes_[pipe].get(), buffer.data(), buffer.size());
    if (count == 0) pipes_[pipe].reset();
    if (count <= 0 || pipe != 2) return;
    error_.append(buffer.data(), static_cast<size_t>(count));
    if (error_.size() > kKeptOutput) error_.erase(0, error_.size() - kKeptOutput);
  }

  pid_t pid_;
  UniqueFd pidfd_;
  std::array<UniqueFd, 3> pipes_;
  std::string_view input_;
  std::string error_;
  int status_ = 0;
};

Status RunHook(const grpc::Hook& hook, const std::string& state, const std::function<Status()>& prepare) {
  std::array<UniqueFd, 3> ours;
  std::array<UniqueFd, 3> childs;
  for (size_t fd = 0; fd < 3; ++fd)
    VC_RETURN_IF_ERROR(MakeStdioPipe(/*agent_reads=*/fd != 0, &ours[fd], &childs[fd]));
  const pid_t pid = ::fork();
  if (pid < 0) return FailErrno("fork");
  if (pid == 0) BecomeHook(hook, childs, prepare);
  for (UniqueFd& end : childs) end.reset();
  const std::chrono::seconds timeout =
      hook.timeout() > 0 ? std::chrono::seconds(hook.timeout()) : kDefaultTimeout;
  RunningHook running(pid, std::move(ours), state);
  std::string failure;
  if (!running.Wait(Clock::now() + timeout)) {
    failure = "did not end within " + std::to_string(timeout.count()) + " s and was killed";
  } else if (!running.succeeded()) {
    failure = running.Outcome();
  } else {
    return {};
  }
  const std::string line = running.LastLine();
  return Fail(Code::kAborted, failure + (line.empty() ? "" : ": " + line));
}

}  // namespace

Status CheckHooks(const grpc::Hooks& hooks) {
  VC_RETURN_IF_ERROR(CheckList(hooks.createcontainer()));
  return CheckList(hooks.startcontainer());
}

std::string HookState(const std::string& container_id, pid_t pid, const std::string& bundle,
                      const google::protobuf::Map<std::string, std::string>& annotations) {
  std::string json = R"({"ociVersion":"1.0.2","id":)" + JsonString(container_id) +
                     R"(,"status":"created","pid":)" + std::to_string(pid) + R"(,"bundle":)" +
                     JsonString(bundle);
  if (!annotations.empty()) {
    std::string entries;
    for (const auto& [key, value] : annotations)
      entries += (entries.empty() ? "" : ",") + JsonString(key) + ":" + JsonString(value);
    json += ",\"annotations\":{" + entries + "}";
  }
  return json + "}";
}

Status RunHooks(const HookList& hooks, const char* turn, const std::string& state,
                const std::function<Status()>& prepare) {
  if (hooks.empty()) return {};
  // For what a hook does not read. The program that comes later is to find it as it was.
  ::signal(SIGPIPE, SIG_IGN);
  Status status;
  for (const grpc::Hook& hook : hooks) {
    status = RunHook(hook, state, prepare);
    if (!status) {
      status = Fail(Error(status.error().code(), std::string(turn) + " hook " + Quoted(hook.path()) + " " +
                                                     status.error().ToString()));
      break;
    }
  }
  ::signal(SIGPIPE, SIG_DFL);
  return status;
}

}  // namespace virtcontainers::guest
