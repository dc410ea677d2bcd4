#include "terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <iterator>

#include "base/errors.h"

namespace virtc {

using virtcontainers::Code;
using virtcontainers::Fail;
using virtcontainers::Status;
using virtcontainers::UniqueFd;

namespace {

constexpr int kForwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH};
constexpr int kCrashes[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};

// What signal handlers use.
termios g_before;
std::atomic<bool> g_raw = false;
std::atomic<int> g_signal_pipe = -1;

void Restore() {
  if (g_raw.exchange(false)) (void)::tcsetattr(STDIN_FILENO, TCSADRAIN, &g_before);
}

void OnCrash(int signal) {
  Restore();
  (void)::raise(signal);  // SA_RESETHAND: now it does what it does
}

void OnSignal(int signal) {
  const int saved = errno;
  const auto byte = static_cast<char>(signal);
  // Full: there are thousands of signals waiting already.
  (void)!::write(g_signal_pipe.load(), &byte, 1);
  errno = saved;
}

}  // namespace

std::optional<TerminalSize> GetTerminalSize() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    winsize size{};
    if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
      return TerminalSize{size.ws_row, size.ws_col};
  }
  return std::nullopt;
}

Status PrepareTerminal(virtcontainers::ProcessConfig& process, bool interactive) {
  if (!process.terminal) return {};
  if (interactive && ::isatty(STDIN_FILENO) != 1)
    return Fail(Code::kInvalidArgument, "the input is not a terminal: leave out -t (-i alone passes it on)");
  if (const auto size = GetTerminalSize()) {
    process.rows = size->rows;
    process.columns = size->columns;
  }
  const char* term = std::getenv("TERM");
  const bool given = std::any_of(process.env.begin(), process.env.end(),
                                 [](const std::string& variable) { return variable.starts_with("TERM="); });
  if (!given && term != nullptr) process.env.push_back(std::string("TERM=") + term);
  return {};
}

RawMode::RawMode() {
  if (::tcgetattr(STDIN_FILENO, &g_before) != 0) return;
  g_raw = true;
  struct sigaction action = {};
  action.sa_handler = OnCrash;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : kCrashes) (void)::sigaction(signal, &action, nullptr);
  termios raw = g_before;
  ::cfmakeraw(&raw);
  (void)::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

RawMode::~RawMode() {
  Restore();
  for (const int signal : kCrashes) (void)::signal(signal, SIG_DFL);
}

SignalPipe::SignalPipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) return;
  read_ = UniqueFd(fds[0]);
  write_ = UniqueFd(fds[1]);
  g_signal_pipe = write_.get();
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  for (const int signal : kForwarded) {
    // What the caller ignores (nohup, a shell's background jobs) stays ignored.
    struct sigaction before = {};
    if (::sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    (void)::sigaction(signal, &action, nullptr);
  }
}

SignalPipe::~SignalPipe() {
  for (const int signal : kForwarded) {
    struct sigaction now = {};
    if (::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == OnSignal)
      (void)::signal(signal, SIG_DFL);
  }
  g_signal_pipe = -1;
}

int SignalPipe::Take() {
  char byte = 0;
  return read_ && ::read(read_.get(), &byte, 1) == 1 ? byte : 0;
}

}  // namespace virtc
