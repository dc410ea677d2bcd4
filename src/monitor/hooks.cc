#include "monitor/hooks.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <optional>

#include "base/errors.h"
#include "base/json.h"
#include "base/unique_fd.h"
#include "os/file.h"
#include "os/marked_process.h"
#include "os/subprocess.h"

namespace virtcontainers {
namespace {

constexpr size_t kMaxWords = 4096;
constexpr size_t kMaxErrorLine = 400;

// What it reads is all there from the start, whether it reads or not.
Result<UniqueFd> Input(const std::string& text) {
  UniqueFd file(::memfd_create("container-state", MFD_CLOEXEC));
  if (!file) return FailErrno("memfd_create");
  VC_RETURN_IF_ERROR(WriteAll(file.get(), text));
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return FailErrno("lseek");
  return file;
}

// The last line of what was said, fit for an error.
std::string LastLine(std::string words) {
  while (!words.empty() && (words.back() == '\n' || words.back() == ' ')) words.pop_back();
  const size_t start = words.rfind('\n');
  std::string line = start == std::string::npos ? words : words.substr(start + 1);
  if (line.size() > kMaxErrorLine) line = "..." + line.substr(line.size() - kMaxErrorLine);
  for (char& c : line) {
    if (c < 0x20 || c >= 0x7f) c = '?';
  }
  return line;
}

// Takes a part of what there is, as much as a pipe holds, and keeps the end of it. False once nothing comes
// any more.
bool Drain(int fd, std::string& words) {
  std::string buffer(64 << 10, '\0');
  const ssize_t got = ::read(fd, buffer.data(), buffer.size());
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  words.append(buffer, 0, static_cast<size_t>(got));
  if (words.size() > kMaxWords) words.erase(0, words.size() - kMaxWords);
  return true;
}

// Reads standard error until the process has ended: others may hold it open for longer. False when the
// deadline has passed.
bool Follow(const Subprocess& child, int output, Deadline deadline, std::string& words) {
  pollfd fds[] = {{child.pidfd(), POLLIN, 0}, {output, POLLIN, 0}};
  while (true) {
    const int ready = ::poll(fds, 2, deadline.PollTimeout());
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return false;
    if (fds[1].fd >= 0 && fds[1].revents != 0 && !Drain(output, words)) fds[1].fd = -1;
    if (fds[0].revents != 0) {
      // What it said before it ended.
      if (fds[1].fd >= 0) (void)Drain(output, words);
      return true;
    }
    if (deadline.passed()) return false;
  }
}

std::optional<mode_t> hook_umask;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

Deadline Bound(const Hook& hook, Deadline deadline) {
  if (!hook.timeout) return deadline;
  return Min(deadline, Deadline::After(std::chrono::seconds(*hook.timeout)));
}

}  // namespace

void SetHookUmask(mode_t umask) { hook_umask = umask; }

std::string HookState(const ContainerConfig& container, const char* status, pid_t vm) {
  Json state = {{"ociVersion", "1.2.0"}, {"id", container.id}, {"status", status}};
  if (std::string_view(status) != "stopped") state["pid"] = vm;
  state["bundle"] = container.bundle;
  if (!container.annotations.empty()) state["annotations"] = container.annotations;
  return DumpJson(state, false);
}

Status RunHook(const Hook& hook, const std::string& state, Deadline deadline) {
  const std::string what = "hook " + Quoted(hook.path);
  VC_ASSIGN_OR_RETURN(const UniqueFd input, Input(state));
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return FailErrno(what + ": pipe");
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  if (::fcntl(reader.get(), F_SETFL, O_NONBLOCK) != 0) return FailErrno(what + ": fcntl");

  Subprocess::Options options{.argv = hook.args,
                              .program = hook.path,
                              .env = hook.env,
                              .fds = {{input.get(), 0}, {writer.get(), STDERR_FILENO}},
                              .umask = hook_umask};
  // What it leaves running is found by the mark when the pod has ended.
  if (const std::string mark = OwnMark(); !mark.empty()) options.env = WithMark(hook.env, mark);
  // args[0] is the caller's choice: a program with several functions goes by the name it is called.
  if (options.argv.empty()) options.argv.push_back(hook.path);
  Result<Subprocess> child = Subprocess::Spawn(options);
  if (!child) return Fail(std::move(child.error()).AddContext(what));
  writer.reset();

  std::string words;
  const Deadline bound = Bound(hook, deadline);
  if (!Follow(*child, reader.get(), bound, words)) {
    // All of its session: not collected, it still holds its number.
    ::kill(-child->pid(), SIGKILL);
    (void)child->Wait(Deadline::Infinite());
    if (deadline.passed() || !hook.timeout) {
      return Fail(Code::kDeadlineExceeded, what + " did not end in time and was killed");
    }
    return Fail(Code::kAborted,
                what + " did not end within " + std::to_string(*hook.timeout) + " s and was killed");
  }
  VC_ASSIGN_OR_RETURN(const ProcessExit exit, child->Wait(Deadline::Infinite()));
  if (exit.success()) return {};
  const std::string line = LastLine(std::move(words));
  return Fail(Code::kAborted, what + " " + exit.Describe() + (line.empty() ? "" : ": " + line));
}

Status RunHooks(const char* turn, const std::vector<Hook>& hooks, const std::string& state,
                Deadline deadline) {
  for (const Hook& hook : hooks) {
    const Status run = RunHook(hook, state, deadline);
    if (run) continue;
    // Of a container that is not made, "not found" is its own program.
    const Code code =
        run.error().code() == Code::kDeadlineExceeded ? Code::kDeadlineExceeded : Code::kAborted;
    return Fail(Error(code, run.error().ToString()).AddContext(turn));
  }
  return {};
}

void RunLateHooks(const char* turn, const std::vector<Hook>& hooks, const std::string& state,
                  Deadline deadline) {
  for (const Hook& hook : hooks) {
    const Status run = RunHook(hook, state, deadline);
    if (!run) std::fprintf(stderr, "%s: %s\n", turn, run.error().ToString().c_str());
  }
}

}  // namespace virtcontainers
