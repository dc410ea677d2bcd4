// virtc container logs

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <thread>

#include "base/errors.h"
#include "commands.h"
#include "container_command.h"
#include "log_files.h"
#include "log_lines.h"
#include "parse.h"

namespace virtc {

using virtcontainers::Code;
using virtcontainers::ContainerState;
using virtcontainers::Error;
using virtcontainers::LogConfig;
using virtcontainers::LogFormat;
using virtcontainers::Result;
using virtcontainers::Runtime;
using virtcontainers::Status;

namespace {

constexpr auto kFollowInterval = std::chrono::milliseconds(100);

class ContainerLogs : public ContainerCommand {
 public:
  void Declare(Options& options) override {
    ContainerCommand::Declare(options);
    options.Flag("-f,--follow", follow_, "go on until the container has stopped")
        .Flag("-t,--timestamps", timestamps_, "begin every line with its time")
        .Text("-n,--tail", "N", tail_, "begin with the last N lines (all)");
  }

  Status Prepare(const CommandWords&) override {
    if (tail_.empty() || tail_ == "all") return {};
    VC_ASSIGN_OR_RETURN(lines_, ParseCount("--tail", tail_));
    return {};
  }

  tl::expected<Outcome, Failure> RunOn(Runtime& runtime, Format format) override {
    VIRTC_ASSIGN_OR_RETURN(auto status, Target(runtime).GetStatus());
    if (status.log.empty()) {
      return tl::make_unexpected(Failure(
          Error(Code::kFailedPrecondition,
                fmt::format("container '{}' keeps no log: its output went to the command that started it",
                            container_))));
    }
    VIRTC_ASSIGN_OR_RETURN(const LogConfig config, Config(runtime));
    if (timestamps_ && config.format == LogFormat::kPlain) {
      return tl::make_unexpected(
          Failure(Error(Code::kFailedPrecondition,
                        fmt::format("the log of container '{}' is plain, and has no times: leave out "
                                    "--timestamps, or create it with --log-format cri or json",
                                    container_))));
    }

    bool reader_left = false;
    const bool json = format == Format::kJson;
    LogPrinter printer(
        {.timestamps = timestamps_, .json = json, .tail = lines_}, [&](int fd, std::string_view text) {
          Status written = WriteAll(fd, text);
          reader_left = !written && written.error().code() == virtcontainers::CodeFromErrno(EPIPE);
          return written;
        });
    LogDecoder decoder(config.format, [&](LogPiece piece) { return printer.Add(std::move(piece)); });
    LogFiles files(status.log, config.max_files, [&](std::string_view bytes) { return decoder.Feed(bytes); });
    while (true) {
      // Asked before the log is read, so that what is read after the container's end is all there is.
      VIRTC_ASSIGN_OR_RETURN(status, Target(runtime).GetStatus());
      Status read = files.Read();
      if (read) read = decoder.Pause();
      if (read) read = printer.Pause();
      if (reader_left) break;
      if (!read) return tl::make_unexpected(Failure(read.error()));
      if (!follow_ || (status.state != ContainerState::kRunning && status.state != ContainerState::kPaused))
        break;
      std::this_thread::sleep_for(kFollowInterval);
    }
    return Outcome{};
  }

 private:
  Result<LogConfig> Config(Runtime& runtime) const {
    VC_ASSIGN_OR_RETURN(const auto pod, runtime.FetchPod(pod_));
    const auto found = std::find_if(pod.containers.begin(), pod.containers.end(),
                                    [this](const auto& container) { return container.id == container_; });
    return found == pod.containers.end() ? LogConfig() : found->log;
  }

  std::string tail_;
  std::optional<uint32_t> lines_;
  bool follow_ = false;
  bool timestamps_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeContainerLogs() { return std::make_unique<ContainerLogs>(); }

}  // namespace virtc
