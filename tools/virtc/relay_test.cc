#include "relay.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <mutex>
#include <thread>

#include "base/errors.h"

namespace virtc {
namespace {

using virtcontainers::Code;
using virtcontainers::Deadline;
using virtcontainers::Error;
using virtcontainers::ExitStatus;
using virtcontainers::Fail;
using virtcontainers::Process;
using virtcontainers::Result;
using virtcontainers::Status;
using virtcontainers::UniqueFd;

// A process that answers from memory.
class FakeProcess : public Process {
 public:
  // Called with what was written to it, with the lock held.
  std::function<void(FakeProcess&, std::string_view)> on_input = [](FakeProcess&, std::string_view) {};
  std::function<void(FakeProcess&, int)> on_signal = [](FakeProcess&, int) {};
  std::function<void(FakeProcess&, uint16_t, uint16_t)> on_resize = [](FakeProcess&, uint16_t, uint16_t) {};
  // Answered by every write or read, if set.
  std::optional<Error> input_error, output_error;

  void Out(std::string_view text) { out_ += text; }
  void Err(std::string_view text) { err_ += text; }
  void End(int code) {
    exit_ = ExitStatus{code};
    changed_.notify_all();
  }
  bool input_closed() {
    const std::lock_guard lock(mutex_);
    return input_closed_;
  }

  const std::string& id() const override { return id_; }
  Result<size_t> ReadStdout(std::span<char> buffer, Deadline deadline) override {
    return Read(out_, buffer, deadline);
  }
  Result<size_t> ReadStderr(std::span<char> buffer, Deadline deadline) override {
    return Read(err_, buffer, deadline);
  }
  Result<virtcontainers::ProcessOutput> ReadOutput(Deadline) override {
    return Fail(Code::kUnimplemented, "the relay reads each output by itself");
  }
  Result<int> fd() override { return Fail(Code::kUnimplemented, "the relay does not poll"); }
  Status WriteStdin(std::string_view data, Deadline, size_t* taken) override {
    const std::lock_guard lock(mutex_);
    if (exit_) return Fail(Code::kFailedPrecondition, "ended");
    if (input_error) return Fail(*input_error);
    on_input(*this, data);
    if (taken != nullptr) *taken = data.size();
    changed_.notify_all();
    return {};
  }
  Status CloseStdin(Deadline) override {
    const std::lock_guard lock(mutex_);
    input_closed_ = true;
    on_input(*this, "");
    changed_.notify_all();
    return {};
  }
  Result<ExitStatus> Wait(Deadline) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return exit_.has_value(); });
    return *exit_;
  }
  Status Signal(int signal, Deadline) override {
    const std::lock_guard lock(mutex_);
    on_signal(*this, signal);
    changed_.notify_all();
    return {};
  }
  Status Resize(uint16_t rows, uint16_t columns, Deadline) override {
    const std::lock_guard lock(mutex_);
    on_resize(*this, rows, columns);
    return {};
  }

 private:
  Result<size_t> Read(std::string& from, std::span<char> buffer, Deadline deadline) {
    std::unique_lock lock(mutex_);
    if (output_error) return Fail(*output_error);
    changed_.wait_for(lock, deadline.remaining(), [&] { return !from.empty() || exit_; });
    if (from.empty()) return exit_ ? Result<size_t>(0) : Fail(Code::kDeadlineExceeded, "silence");
    const size_t count = std::min(buffer.size(), from.size());
    std::memcpy(buffer.data(), from.data(), count);
    from.erase(0, count);
    return count;
  }

  const std::string id_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string out_, err_;
  bool input_closed_ = false;
  std::optional<ExitStatus> exit_;
};

// One of this process's standard descriptors put aside for a while.
class Redirect {
 public:
  Redirect(int fd, int to) : fd_(fd), saved_(::fcntl(fd, F_DUPFD_CLOEXEC, 3)) { ::dup2(to, fd); }
  ~Redirect() { ::dup2(saved_.get(), fd_); }

 private:
  const int fd_;
  const UniqueFd saved_;
};

struct Pipe {
  Pipe() {
    int fds[2];
    EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0);
    read = UniqueFd(fds[0]);
    write = UniqueFd(fds[1]);
  }
  UniqueFd read, write;
};

std::string ReadAll(int fd) {
  std::string text;
  char buffer[4096];
  for (ssize_t count; (count = ::read(fd, buffer, sizeof(buffer))) > 0;)
    text.append(buffer, static_cast<size_t>(count));
  return text;
}

// Runs the relay with standard output and error in pipes, and `input` as standard input.
struct Relayed {
  Result<ExitStatus> exit;
  std::string out, err;
};

// A thread that takes no signals. The thread sanitizer puts a signal off while its thread is inside read(),
// which for a reader of the relay's output is until the relay has ended: the relay would never hear of it.
template <typename Function>
std::thread QuietThread(Function function) {
  sigset_t all, before;
  ::sigfillset(&all);
  EXPECT_EQ(::pthread_sigmask(SIG_SETMASK, &all, &before), 0);
  std::thread thread(std::move(function));
  EXPECT_EQ(::pthread_sigmask(SIG_SETMASK, &before, nullptr), 0);
  return thread;
}

Relayed RunRelay(FakeProcess& process, const RelayOptions& options, int input) {
  Relayed relayed{ExitStatus{-1}, {}, {}};
  Pipe out, err;
  std::thread out_reader = QuietThread([&] { relayed.out = ReadAll(out.read.get()); });
  std::thread err_reader = QuietThread([&] { relayed.err = ReadAll(err.read.get()); });
  {
    const Redirect to_out(STDOUT_FILENO, out.write.get());
    const Redirect to_err(STDERR_FILENO, err.write.get());
    const Redirect from(STDIN_FILENO, input);
    SignalPipe signals;
    relayed.exit = RelayStreams(process, options, signals);
  }
  out.write.reset();
  err.write.reset();
  out_reader.join();
  err_reader.join();
  return relayed;
}

UniqueFd Null() { return UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC)); }

TEST(Relay, Relay_BothStreams_PassesOutputAndStatusOn) {
  FakeProcess process;
  const std::string much(1 << 20, 'x');
  process.Out(much);
  process.Err("complaint\n");
  process.End(42);
  const Relayed relayed = RunRelay(process, {}, Null().get());
  ASSERT_TRUE(relayed.exit);
  EXPECT_EQ(relayed.exit->code, 42);
  EXPECT_EQ(relayed.out.size(), much.size());
  EXPECT_EQ(relayed.err, "complaint\n");
}

TEST(Relay, Relay_WithoutInput_LeavesInput) {
  Pipe input;
  ASSERT_EQ(::write(input.write.get(), "mine", 4), 4);
  FakeProcess process;
  process.on_input = [](FakeProcess& self, std::string_view data) {
    if (data.empty()) self.End(0);  // as `cat` does, at the end of its input
  };
  EXPECT_TRUE(RunRelay(process, {}, input.read.get()).exit);
  EXPECT_TRUE(process.input_closed());
  input.write.reset();
  EXPECT_EQ(ReadAll(input.read.get()), "mine");
}

TEST(Relay, Relay_WithInput_PassesItToItsEnd) {
  Pipe input;
  std::thread writer([&] {
    const std::string text(200'000, 'y');
    EXPECT_EQ(::write(input.write.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    input.write.reset();
  });
  FakeProcess process;
  process.on_input = [](FakeProcess& self, std::string_view data) {
    self.Out(data);
    if (data.empty()) self.End(0);
  };
  const Relayed relayed = RunRelay(process, {.input = true}, input.read.get());
  writer.join();
  EXPECT_EQ(relayed.out.size(), 200'000u);
}

TEST(Relay, Input_ThatCannotBePassedOn_IsEndedAndFailsTheCommand) {
  Pipe input;
  ASSERT_EQ(::write(input.write.get(), "line\n", 5), 5);
  input.write.reset();
  FakeProcess process;
  process.input_error = Error(Code::kUnavailable, "no monitor came up");
  process.on_input = [](FakeProcess& self, std::string_view data) {
    if (data.empty()) self.End(0);  // as `cat` does, at the end of its input
  };
  const Relayed relayed = RunRelay(process, {.input = true}, input.read.get());
  ASSERT_FALSE(relayed.exit) << "the process has not had its input, and nobody is told";
  EXPECT_EQ(relayed.exit.error().ToString(), "pass on the input: no monitor came up");
}

TEST(Relay, Input_ThatTheProcessDoesNotRead_IsNoError) {
  Pipe input;
  ASSERT_EQ(::write(input.write.get(), "line\n", 5), 5);
  FakeProcess process;
  process.input_error = Error(Code::kFailedPrecondition, "the input is closed");
  process.End(3);
  EXPECT_EQ(RunRelay(process, {.input = true}, input.read.get()).exit->code, 3);
}

TEST(Relay, Input_ThatIsADirectory_FailsTheCommand) {
  const UniqueFd directory(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  FakeProcess process;
  process.on_input = [](FakeProcess& self, std::string_view) { self.End(0); };
  const Relayed relayed = RunRelay(process, {.input = true}, directory.get());
  ASSERT_FALSE(relayed.exit);
  EXPECT_EQ(relayed.exit.error().ToString(), "pass on the input: read standard input: Is a directory");
}

TEST(Relay, Input_ThatIsKept_IsNeitherReadNorEnded) {
  FakeProcess process;
  process.Out("done\n");
  process.End(0);
  EXPECT_EQ(RunRelay(process, {.keep_input = true}, Null().get()).out, "done\n");
  EXPECT_FALSE(process.input_closed());
}

TEST(Relay, Output_ThatCannotBeRead_FailsTheCommand) {
  FakeProcess process;
  process.output_error = Error(Code::kUnavailable, "no monitor came up");
  process.End(0);
  const Relayed relayed = RunRelay(process, {}, Null().get());
  ASSERT_FALSE(relayed.exit) << "output is missing, and nobody is told";
  EXPECT_EQ(relayed.exit.error().code(), Code::kUnavailable);
}

TEST(Relay, Relay_InputNeverEnds_EndsWithProcess) {
  Pipe input;
  FakeProcess process;
  process.Out("done\n");
  process.End(0);
  EXPECT_EQ(RunRelay(process, {.input = true}, input.read.get()).out, "done\n");
}

TEST(Relay, Relay_ReaderLeaves_EndsProcess) {
  ASSERT_NE(::signal(SIGPIPE, SIG_IGN), SIG_ERR);
  FakeProcess process;
  process.Out("line\n");
  process.on_signal = [](FakeProcess& self, int signal) { self.End(128 + signal); };
  Result<ExitStatus> exit = ExitStatus{-1};
  {
    Pipe out;
    out.read.reset();
    const UniqueFd null = Null();
    const Redirect to_out(STDOUT_FILENO, out.write.get());
    const Redirect from(STDIN_FILENO, null.get());
    SignalPipe signals;
    exit = RelayStreams(process, {}, signals);
  }
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->code, 128 + SIGPIPE);
}

TEST(Relay, Relay_SignalTwice_SecondKills) {
  FakeProcess process;
  std::vector<int> seen;
  process.on_signal = [&](FakeProcess& self, int signal) {
    seen.push_back(signal);
    if (signal == SIGKILL)
      self.End(137);
    else
      ::raise(SIGTERM);
  };
  process.on_input = [](FakeProcess&, std::string_view) { ::raise(SIGTERM); };
  EXPECT_EQ(RunRelay(process, {}, Null().get()).exit->code, 137);
  EXPECT_EQ(seen, (std::vector<int>{SIGTERM, SIGKILL}));
}

TEST(Relay, Relay_OutputCannotBeWritten_Fails) {
  FakeProcess process;
  process.Out("line\n");
  process.on_signal = [](FakeProcess& self, int signal) { self.End(128 + signal); };
  Result<ExitStatus> exit = ExitStatus{0};
  {
    const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    const UniqueFd null = Null();
    const Redirect to_out(STDOUT_FILENO, full.get());
    const Redirect from(STDIN_FILENO, null.get());
    SignalPipe signals;
    exit = RelayStreams(process, {}, signals);
  }
  ASSERT_FALSE(exit);
  EXPECT_EQ(exit.error().code(), Code::kResourceExhausted);
}

// The thread sanitizer puts off a signal that another thread sends, in some calls until they return, which
// may be never: what these tests are about is not what it does.
#ifdef __SANITIZE_THREAD__
#define SKIP_WHERE_SIGNALS_ARE_PUT_OFF() GTEST_SKIP() << "the thread sanitizer puts signals off"
#else
#define SKIP_WHERE_SIGNALS_ARE_PUT_OFF() (void)0
#endif

// ---- with a terminal

struct Terminal {
  Terminal() : controller(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    EXPECT_EQ(::grantpt(controller.get()), 0);
    EXPECT_EQ(::unlockpt(controller.get()), 0);
    terminal = UniqueFd(::open(::ptsname(controller.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    EXPECT_TRUE(terminal);
  }
  bool raw() const {
    termios mode{};
    EXPECT_EQ(::tcgetattr(terminal.get(), &mode), 0);
    return (mode.c_lflag & (ICANON | ECHO | ISIG)) == 0;
  }
  UniqueFd controller, terminal;
};

TEST(RelayTerminal, RelayTerminal_Keys_ArePassedOnAndTerminalRestored) {
  const Terminal terminal;
  ASSERT_FALSE(terminal.raw());
  FakeProcess process;
  bool raw = false;
  process.on_input = [&](FakeProcess& self, std::string_view data) {
    raw = terminal.raw();
    self.Out(data);
    if (data.find('\x04') != data.npos) self.End(0);
  };
  // Before it is raw, it would make signals and ends of input of these.
  std::thread typist([&] {
    while (!terminal.raw()) std::this_thread::yield();
    EXPECT_EQ(::write(terminal.controller.get(), "a\x03\r\x04", 4), 4);
  });
  const Relayed relayed = RunRelay(process, {.input = true, .terminal = true}, terminal.terminal.get());
  typist.join();
  ASSERT_TRUE(relayed.exit);
  EXPECT_EQ(relayed.out, "a\x03\r\x04");
  EXPECT_TRUE(raw);
  EXPECT_FALSE(terminal.raw());
}

TEST(RelayTerminal, RelayTerminal_Resized_PassesSizeOn) {
  SKIP_WHERE_SIGNALS_ARE_PUT_OFF();
  const Terminal terminal;
  FakeProcess process;
  uint16_t rows = 0, columns = 0;
  process.on_resize = [&](FakeProcess& self, uint16_t new_rows, uint16_t new_columns) {
    rows = new_rows;
    columns = new_columns;
    self.End(0);
  };
  std::thread user([&] {
    while (!terminal.raw()) std::this_thread::yield();
    const winsize size{.ws_row = 40, .ws_col = 120, .ws_xpixel = 0, .ws_ypixel = 0};
    EXPECT_EQ(::ioctl(terminal.controller.get(), TIOCSWINSZ, &size), 0);
    ::kill(::getpid(), SIGWINCH);  // as the kernel does for a controlling terminal
  });
  ASSERT_TRUE(RunRelay(process, {.input = true, .terminal = true}, terminal.terminal.get()).exit);
  user.join();
  EXPECT_EQ(rows, 40);
  EXPECT_EQ(columns, 120);
}

TEST(RelayTerminal, RelayTerminal_SignalArrives_TerminalRestored) {
  SKIP_WHERE_SIGNALS_ARE_PUT_OFF();
  for (const int signal : {SIGTERM, SIGHUP, SIGINT}) {
    const Terminal terminal;
    FakeProcess process;
    process.on_signal = [](FakeProcess& self, int got) { self.End(128 + got); };
    std::thread user([&] {
      while (!terminal.raw()) std::this_thread::yield();
      ::kill(::getpid(), signal);
    });
    const Relayed relayed = RunRelay(process, {.input = true, .terminal = true}, terminal.terminal.get());
    user.join();
    ASSERT_TRUE(relayed.exit);
    EXPECT_EQ(relayed.exit->code, 128 + signal);
    EXPECT_FALSE(terminal.raw());
  }
}

}  // namespace
}  // namespace virtc
