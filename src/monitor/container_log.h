// What a container says when nobody listens, in a file. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_CONTAINER_LOG_H_
#define VIRTCONTAINERS_SRC_MONITOR_CONTAINER_LOG_H_

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "virtcontainers/agent.h"
#include "virtcontainers/status.h"

namespace virtcontainers {

// Lines of the form that Kubernetes' container runtimes write and its tools read:
//   2026-01-31T09:05:00.123456789Z stdout F a whole line
//   2026-01-31T09:05:00.123456789Z stderr P a part of one that is longer than 16 KiB, or that the process
//   left open
//
// Thread-safe. Holds at most twice `max_bytes` on disk: a file that is full becomes `<path>.1`, in place of
// the one before. A disk that is full loses output and not the container: the number of lost bytes is noted
// when there is room.
class ContainerLog {
 public:
  static constexpr uint64_t kDefaultMaxBytes = 16 << 20;

  // Appends to what is there. Errors: those of opening the file.
  static Result<std::unique_ptr<ContainerLog>> Open(std::string path, uint64_t max_bytes = kDefaultMaxBytes);

  void Append(OutputStream stream, std::string_view data, Time now);

  // Writes out what has no end of line yet.
  void Flush(Time now);

 private:
  ContainerLog(std::string path, UniqueFd fd, uint64_t size, uint64_t max_bytes)
      : path_(std::move(path)), max_bytes_(max_bytes), fd_(std::move(fd)), size_(size) {}

  // With mutex_ held.
  void WriteLine(OutputStream stream, bool whole, std::string_view line, Time now);
  void NoteLoss(const std::string& time);
  bool WriteRecord(const std::string& record);
  bool Rotate();

  const std::string path_;
  const uint64_t max_bytes_;
  std::mutex mutex_;
  UniqueFd fd_;
  uint64_t size_;
  uint64_t lost_ = 0;         // bytes of output since the last record
  std::string open_line_[2];  // of each stream
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_CONTAINER_LOG_H_
