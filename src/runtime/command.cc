#include "virtcontainers/command.h"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>

#include "base/errors.h"
#include "os/thread.h"
#include "runtime/call_context.h"
#include "runtime/runtime_impl.h"
#include "virtcontainers/process.h"
#include "virtcontainers/runtime.h"

namespace virtcontainers {
namespace {

using std::chrono::seconds;

// How long a command may take to end once it has been killed.
constexpr seconds kDying{10};

// How long output may arrive once the command has ended. The agent ends the streams of a command whose
// descendants hold them open.
constexpr seconds kLastOutput{10};

// Longer than any deadline that somebody waits for.
constexpr std::chrono::hours kLongestCommand{24 * 365};

constexpr size_t kBuffer = 64 << 10;

// One command that runs: a thread for each stream, and the caller's for its end.
class CommandRun {
 public:
  CommandRun(Process& process, const CommandOptions& options) : process_(process), options_(options) {}

  Result<CommandResult> Run(const Deadline& deadline) {
    const std::stop_callback cancelled(deadline.token(), [this] { stop_waiting_.request_stop(); });
    std::future<void> in, readers[2];
    const Status started = StartThreads([&] {
      readers[0] = std::async(std::launch::async, [this] { Read(&Process::ReadStdout, out_); });
      readers[1] = std::async(std::launch::async, [this] { Read(&Process::ReadStderr, err_); });
      in = std::async(std::launch::async, [this] { Write(); });
    });
    CommandResult result;
    const Result<ExitStatus> exit = started ? Await(deadline, result.end) : Kill();
    // The command takes no more input.
    stop_writing_.request_stop();
    const Deadline last = Deadline::After(started && exit ? kLastOutput : seconds(0));
    for (const std::future<void>& reader : readers) {
      if (reader.valid()) reader.wait_until(last.time());
    }
    stop_reading_.request_stop();
    for (std::future<void>* thread : {&in, &readers[0], &readers[1]}) {
      if (thread->valid()) thread->get();
    }
    VC_RETURN_IF_ERROR(started);
    VC_RETURN_IF_ERROR(exit);
    for (const Stream* stream : {&out_, &err_}) {
      if (stream->error) return Fail(*stream->error);
    }
    result.exit = *exit;
    result.stdout_data = std::move(out_.data);
    result.stderr_data = std::move(err_.data);
    result.stdout_dropped = out_.dropped;
    result.stderr_dropped = err_.dropped;
    result.input_taken = taken_;
    return result;
  }

 private:
  // Each belongs to the thread that reads it, until that has ended.
  struct Stream {
    const size_t limit;
    std::string data;
    uint64_t dropped = 0;
    std::optional<Error> error;
  };

  // Until the command ends, by itself or because it is killed.
  Result<ExitStatus> Await(const Deadline& deadline, CommandEnd& end) {
    const Result<ExitStatus> exit = process_.Wait(deadline.OrStopped(stop_waiting_.get_token()));
    if (exit) return exit;
    const Code code = exit.error().code();
    if (code != Code::kDeadlineExceeded && code != Code::kCancelled) return exit;
    end = excess_                ? CommandEnd::kExcess
          : deadline.cancelled() ? CommandEnd::kCancelled
                                 : CommandEnd::kTimedOut;
    return Kill();
  }

  Result<ExitStatus> Kill() {
    const auto kill = [&]() -> Result<ExitStatus> {
      const Deadline dying = Deadline::After(kDying);
      VC_RETURN_IF_ERROR(process_.Signal(SIGKILL, dying));
      return process_.Wait(dying);
    };
    return WithContext("kill the command, whose time is over", kill());
  }

  using Reading = Result<size_t> (Process::*)(std::span<char>, Deadline);
  void Read(Reading read, Stream& stream) {
    std::string buffer(kBuffer, '\0');
    while (true) {
      const Result<size_t> count =
          (process_.*read)(buffer, Deadline::Infinite().OrStopped(stop_reading_.get_token()));
      if (!count && count.error().code() != Code::kCancelled) stream.error = count.error();
      if (!count || *count == 0) break;
      const size_t kept = std::min(*count, stream.limit - stream.data.size());
      stream.data.append(buffer, 0, kept);
      stream.dropped += *count - kept;
      if (stream.dropped > 0 && options_.kill_on_excess) {
        excess_ = true;
        stop_waiting_.request_stop();
      }
    }
  }

  void Write() {
    const Deadline deadline = Deadline::Infinite().OrStopped(stop_writing_.get_token());
    size_t taken = 0;
    // A command may end, or close its input, before it has read all: input_taken says so.
    if (process_.WriteStdin(options_.input, deadline, &taken)) (void)process_.CloseStdin(deadline);
    taken_ = taken;
  }

  Process& process_;
  const CommandOptions& options_;
  Stream out_{.limit = options_.max_stdout}, err_{.limit = options_.max_stderr};
  uint64_t taken_ = 0;  // the writing thread's, until that has ended
  std::atomic<bool> excess_ = false;
  std::stop_source stop_waiting_, stop_reading_, stop_writing_;
};

}  // namespace

Result<CommandResult> Runtime::RunCommand(std::string_view pod, std::string_view container,
                                          const ProcessConfig& command, const CommandOptions& options,
                                          Deadline deadline) {
  const auto enter = [&](const ProcessConfig& config) {
    return container.empty() ? EnterPod(pod, config, deadline)
                             : EnterContainer(pod, container, config, deadline);
  };
  const bool limited = command.time_limit.count() == 0 && !deadline.infinite();
  ProcessConfig config = command;
  if (limited) {
    // The guest ends the command of a caller that has died.
    config.time_limit = std::chrono::ceil<std::chrono::milliseconds>(
        std::min<std::chrono::nanoseconds>(deadline.remaining(), kLongestCommand) + kDying);
  }
  Result<std::unique_ptr<Process>> process = enter(config);
  // An agent that speaks Kata's protocol alone knows no time limit.
  if (!process && limited && process.error().code() == Code::kUnimplemented) process = enter(command);
  VC_RETURN_IF_ERROR(process);
  const std::string doing =
      container.empty() ? Doing("run a command in", pod) : Doing("run a command in", container, pod);
  return WithContext(doing, CommandRun(**process, options).Run(deadline));
}

}  // namespace virtcontainers
