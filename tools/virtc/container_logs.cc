// virtc container logs

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fmt/format.h>
#include <thread>
#include <vector>

#include "base/errors.h"
#include "base/unique_fd.h"
#include "commands.h"

namespace virtc {

using virtcontainers::Code;
using virtcontainers::ContainerState;
using virtcontainers::Error;
using virtcontainers::Result;
using virtcontainers::Runtime;
using virtcontainers::Status;
using virtcontainers::UniqueFd;

namespace {

constexpr auto kFollowInterval = std::chrono::milliseconds(100);

class ContainerLogs : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("POD", pod_, "the container's pod")
        .Argument("CONTAINER", container_, "the container")
        .Flag("-f,--follow", follow_, "go on until the container has stopped");
  }

  Status Prepare(const CommandWords&) override { return {}; }

  tl::expected<Outcome, Failure> Run(Session& session) override {
    VIRTC_ASSIGN_OR_RETURN(Runtime* const runtime, session.runtime());
    VIRTC_ASSIGN_OR_RETURN(auto status, runtime->ContainerStatus(pod_, container_));
    if (status.log.empty()) {
      return tl::make_unexpected(Failure(
          Error(Code::kFailedPrecondition,
                fmt::format("container '{}' keeps no log: its output went to the command that started it",
                            container_))));
    }

    UniqueFd log;
    while (true) {
      // Asked before the log is read, so that what is read after the container's end is all there is.
      VIRTC_ASSIGN_OR_RETURN(status, runtime->ContainerStatus(pod_, container_));
      if (!log) {
        log = UniqueFd(::open(status.log.c_str(), O_RDONLY | O_CLOEXEC));
        // A container that has never been started has no log yet.
        if (!log && errno != ENOENT)
          return tl::make_unexpected(
              Failure(virtcontainers::ErrnoError(fmt::format("open '{}'", status.log))));
      }
      VIRTC_ASSIGN_OR_RETURN(const bool reader_there, Copy(log.get()));
      if (!reader_there || !follow_) break;
      if (status.state != ContainerState::kRunning && status.state != ContainerState::kPaused) break;
      std::this_thread::sleep_for(kFollowInterval);
    }
    return Outcome{};
  }

 private:
  // Everything that is there. False if nobody reads the output any more.
  static Result<bool> Copy(int log) {
    std::vector<char> buffer(64 << 10);
    while (log >= 0) {
      const ssize_t count = ::read(log, buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return virtcontainers::FailErrno("read the log");
      if (count == 0) break;
      if (auto written = WriteAll(STDOUT_FILENO, {buffer.data(), static_cast<size_t>(count)}); !written) {
        if (written.error().code() == virtcontainers::CodeFromErrno(EPIPE)) return false;
        return tl::make_unexpected(std::move(written.error()));
      }
    }
    return true;
  }

  std::string pod_, container_;
  bool follow_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeContainerLogs() { return std::make_unique<ContainerLogs>(); }

}  // namespace virtc
