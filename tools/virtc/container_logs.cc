// virtc container logs

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fmt/format.h>
#include <thread>
#include <vector>

#include "base/errors.h"
#include "base/unique_fd.h"
#include "commands.h"
#include "log_lines.h"

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

// Invalid for a file that is not there: a container that has never been started has no log.
Result<UniqueFd> OpenIfThere(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno != ENOENT) return virtcontainers::FailErrno(fmt::format("open '{}'", path));
  return fd;
}

bool SameFile(int a, int b) {
  struct stat one, other;
  return ::fstat(a, &one) == 0 && ::fstat(b, &other) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino;
}

// A log that is renamed to `<path>.1` and begun anew when it is full.
class LogFile {
 public:
  LogFile(std::string path, LogDecoder decoder) : path_(std::move(path)), decoder_(std::move(decoder)) {}

  // Passes on everything that has been written since the last call.
  Status Read() {
    if (!current_) {
      VC_ASSIGN_OR_RETURN(current_, OpenIfThere(path_));
      // Opened second: a log that became the old one in between is the same file, and read once.
      VC_ASSIGN_OR_RETURN(const UniqueFd previous, OpenIfThere(path_ + ".1"));
      if (previous && current_ && !SameFile(previous.get(), current_.get()))
        VC_RETURN_IF_ERROR(Drain(previous.get()));
    }
    while (current_) {
      VC_RETURN_IF_ERROR(Drain(current_.get()));
      VC_ASSIGN_OR_RETURN(UniqueFd now, OpenIfThere(path_));
      if (!now || SameFile(now.get(), current_.get())) break;
      // What was written between the end that was read and the renaming.
      VC_RETURN_IF_ERROR(Drain(current_.get()));
      current_ = std::move(now);
    }
    return {};
  }

 private:
  Status Drain(int fd) {
    std::vector<char> buffer(64 << 10);
    while (true) {
      const ssize_t count = ::read(fd, buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return virtcontainers::FailErrno(fmt::format("read '{}'", path_));
      if (count == 0) return {};
      VC_RETURN_IF_ERROR(decoder_.Feed({buffer.data(), static_cast<size_t>(count)}));
    }
  }

  const std::string path_;
  LogDecoder decoder_;
  UniqueFd current_;
};

class ContainerLogs : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("POD", pod_, "the container's pod")
        .Argument("CONTAINER", container_, "the container")
        .Flag("-f,--follow", follow_, "go on until the container has stopped")
        .Flag("-t,--timestamps", timestamps_, "begin every line with its time");
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

    bool reader_left = false;
    LogFile log(status.log, LogDecoder(
                                [&](int fd, std::string_view text) {
                                  Status written = WriteAll(fd, text);
                                  reader_left = !written && written.error().code() ==
                                                                virtcontainers::CodeFromErrno(EPIPE);
                                  return written;
                                },
                                timestamps_));
    while (true) {
      // Asked before the log is read, so that what is read after the container's end is all there is.
      VIRTC_ASSIGN_OR_RETURN(status, runtime->ContainerStatus(pod_, container_));
      const Status read = log.Read();
      if (reader_left) break;
      if (!read) return tl::make_unexpected(Failure(read.error()));
      if (!follow_ || (status.state != ContainerState::kRunning && status.state != ContainerState::kPaused))
        break;
      std::this_thread::sleep_for(kFollowInterval);
    }
    return Outcome{};
  }

 private:
  std::string pod_, container_;
  bool follow_ = false;
  bool timestamps_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeContainerLogs() { return std::make_unique<ContainerLogs>(); }

}  // namespace virtc
