#include "relay.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/errors.h"
#include "os/thread.h"
#include "report.h"

namespace virtc {

using virtcontainers::Code;
using virtcontainers::Deadline;
using virtcontainers::Error;
using virtcontainers::ExitStatus;
using virtcontainers::Process;
using virtcontainers::Result;
using virtcontainers::Status;
using virtcontainers::UniqueFd;

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kChunk = 64 << 10;
// How often a silent stream is looked up from, to see whether the process has ended meanwhile.
constexpr auto kTick = std::chrono::milliseconds(500);
// A stream that stays open after its process and is silent for so long belongs to somebody in the background.
// What the process itself wrote is there at once, but a guest under software emulation on a loaded host may
// be slow.
constexpr auto kSilence = std::chrono::seconds(5);
// What a process is given to die of SIGPIPE.
constexpr auto kPipeGrace = std::chrono::seconds(1);
// A process that is the first of its container is not ended by a signal it has no handler for: the one who
// pressed Ctrl-C is told, after a while, what does end it.
constexpr int kExplainAfterMs = 1000;

class Relay {
 public:
  Relay(Process& process, const RelayOptions& options, SignalPipe& signals)
      : process_(process), options_(options), signals_(signals) {}

  Result<ExitStatus> Run() {
    std::optional<RawMode> raw;
    if (options_.input && options_.terminal) raw.emplace();

    std::vector<std::thread> outputs, others;
    const Status started = [&]() -> Status {
      stop_.reset(::eventfd(0, EFD_CLOEXEC));
      if (!stop_) return virtcontainers::FailErrno("make an eventfd");
      return virtcontainers::StartThreads([&] {
        outputs.emplace_back([this] { CopyOutput(STDOUT_FILENO); });
        if (!options_.terminal) outputs.emplace_back([this] { CopyOutput(STDERR_FILENO); });
        others.emplace_back([this] { CopyInput(); });
        others.emplace_back([this] { ForwardSignals(); });
      });
    }();
    // Nobody hears it, or can tell it anything.
    if (!started) (void)process_.Signal(SIGKILL);

    Result<ExitStatus> exit = process_.Wait();
    ended_ = true;
    for (std::thread& thread : outputs) thread.join();
    const uint64_t one = 1;
    (void)!::write(stop_.get(), &one, sizeof(one));
    for (std::thread& thread : others) thread.join();

    if (!started) return virtcontainers::Fail(started.error());
    if (error_) return virtcontainers::Fail(std::move(*error_));
    if (reader_left_ && exit) return ExitStatus{128 + SIGPIPE};
    if (exit && lost_) return virtcontainers::Fail(std::move(*lost_));
    return exit;
  }

 private:
  void CopyOutput(int fd) {
    std::vector<char> buffer(kChunk);
    std::optional<Clock::time_point> broken;
    auto last = Clock::now();
    bool killed = false;
    while (true) {
      const auto deadline = Deadline::After(kTick);
      const auto count =
          fd == STDOUT_FILENO ? process_.ReadStdout(buffer, deadline) : process_.ReadStderr(buffer, deadline);
      const auto now = Clock::now();
      if (broken && !killed && !ended_ && now - *broken > kPipeGrace) {
        (void)process_.Signal(SIGKILL);
        killed = true;
      }
      if (!count) {
        if (count.error().code() != Code::kDeadlineExceeded) {
          return Lose(fd == STDOUT_FILENO ? "read the process's standard output"
                                          : "read the process's standard error",
                      count.error());
        }
        // The silence is counted from the process's end.
        if (!ended_)
          last = now;
        else if (now - last > kSilence)
          return;
        continue;
      }
      if (*count == 0) return;
      last = now;
      if (broken) continue;  // the process is about to end; it must not wait for a reader until then
      if (auto written = WriteAll(fd, {buffer.data(), *count}); !written) {
        broken = now;
        if (written.error().code() == virtcontainers::CodeFromErrno(EPIPE)) {
          reader_left_ = true;
        } else {
          const std::lock_guard lock(mutex_);
          error_ = std::move(written.error());
        }
        (void)process_.Signal(SIGPIPE);
      }
    }
  }

  void CopyInput() {
    if (!options_.input && options_.keep_input) return;
    std::vector<char> buffer(kChunk);
    while (options_.input) {
      std::array<pollfd, 2> ready = {pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
      if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) break;
      if (ready[1].revents != 0) return;
      if (ready[0].revents == 0) continue;
      const ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
      if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      // A terminal that is gone, and a descriptor that is closed, are the input's end.
      if (count < 0 && errno != EIO && errno != EBADF) {
        Lose("pass on the input", virtcontainers::ErrnoError("read standard input"));
      }
      if (count <= 0) break;
      const Status written = process_.WriteStdin({buffer.data(), static_cast<size_t>(count)});
      if (written) continue;
      // A process that no longer reads is no failure: it ends, or has closed its input.
      if (written.error().code() == Code::kFailedPrecondition) return;
      Lose("pass on the input", written.error());
      break;
    }
    const Status closed = process_.CloseStdin();
    if (!closed && closed.error().code() != Code::kFailedPrecondition) {
      Lose("end the input", closed.error());
    }
  }

  // Keeps the first reason why bytes may be missing. After the process's end nothing is missing that it could
  // have read, and what it wrote is read before; a process that is known no more says nothing new.
  void Lose(const char* operation, Error error) {
    if (ended_ && error.code() == Code::kNotFound) return;
    const std::lock_guard lock(mutex_);
    if (!lost_) lost_ = std::move(error.AddContext(operation));
  }

  void ForwardSignals() {
    int asked = 0;
    bool explain = false;
    while (true) {
      std::array<pollfd, 2> ready = {pollfd{signals_.fd(), POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
      const int count = ::poll(ready.data(), ready.size(), explain ? kExplainAfterMs : -1);
      if (count < 0 && errno != EINTR) return;
      if (ready[1].revents != 0) return;
      if (count == 0 && explain) {
        explain = false;
        (void)WriteAll(STDERR_FILENO,
                       "virtc: the process has been told and goes on; press Ctrl-C again to kill it\n");
      }
      while (const int signal = signals_.Take()) {
        if (signal == SIGWINCH) {
          if (const auto size = GetTerminalSize(); size && options_.terminal)
            (void)process_.Resize(size->rows, size->columns);
          continue;
        }
        const bool insists = asked > 0 && (signal == SIGINT || signal == SIGTERM);
        ++asked;
        explain = asked == 1 && signal == SIGINT && ::isatty(STDERR_FILENO) == 1;
        (void)process_.Signal(insists ? SIGKILL : signal);
      }
    }
  }

  Process& process_;
  const RelayOptions& options_;
  SignalPipe& signals_;
  UniqueFd stop_;  // readable when the threads are to end
  std::atomic<bool> ended_ = false;
  std::atomic<bool> reader_left_ = false;
  std::mutex mutex_;
  std::optional<Error> error_;  // of writing virtc's own output
  std::optional<Error> lost_;   // why the process may not have had all its input, or virtc all its output
};

}  // namespace

Result<ExitStatus> RelayStreams(Process& process, const RelayOptions& options, SignalPipe& signals) {
  return Relay(process, options, signals).Run();
}

}  // namespace virtc
