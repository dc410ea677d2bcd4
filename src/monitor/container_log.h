// What a container says when nobody listens, in a file. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_CONTAINER_LOG_H_
#define VIRTCONTAINERS_SRC_MONITOR_CONTAINER_LOG_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "monitor/log_position.h"
#include "virtcontainers/agent.h"
#include "virtcontainers/config.h"
#include "virtcontainers/status.h"

namespace virtcontainers {

// A log in one of three formats.
//
// kCri, the lines that Kubernetes' container runtimes write and its tools read:
//   2026-01-31T09:05:00.123456789Z stdout F a whole line
//   2026-01-31T09:05:00.123456789Z stderr P a part of one that is longer than 16 KiB, or that the process
//   left open
// kJson, those of Docker's json-file; a part of a line has no "\n", and what is not UTF-8 becomes U+FFFD:
//   {"log":"a whole line\n","stream":"stdout","time":"2026-01-31T09:05:00.123456789Z"}
// kPlain, the bytes of both streams as they come.
//
// A monitor that is killed, whatever it was doing, loses and doubles nothing: beside the log,
// `<path>.position` says how far it has come (log_position.h), and the guest still has the rest. It is
// written after each append, and before a file that is full is put aside: the file it speaks of has so at
// most one newer than itself.
//
// Thread-safe. Holds at most `max_size` times `max_files` on disk: a file that is full becomes `<path>.1`,
// that `<path>.2` and so on, in place of the oldest. A disk that is full loses output and not the container:
// the number of lost bytes is noted when there is room.
class ContainerLog {
 public:
  // Of a container that is started: appends to what is there. Errors: those of opening the file.
  static Result<std::unique_ptr<ContainerLog>> Open(std::string path, const LogConfig& config);
  // Of one that runs, after the death of the one that logged it.
  static Result<std::unique_ptr<ContainerLog>> Resume(std::string path, const LogConfig& config);

  // Where to go on reading a stream; nothing if it is not known: where the guest has its oldest.
  std::optional<uint64_t> next(OutputStream stream) const;
  // What the guest may forget: it is in the log for good.
  uint64_t acknowledged(OutputStream stream) const;

  // The guest does not have what comes next: it is read on from where it has its oldest.
  void Forget(OutputStream stream);

  // `offset` is that of the first byte in the stream. What has been appended already is not appended again.
  void Append(OutputStream stream, uint64_t offset, std::string_view data, Time now);

  // Writes out what has no end of line yet.
  void Flush(Time now);

 private:
  ContainerLog(std::string path, const LogConfig& config, LogPositionFile position, UniqueFd fd,
               uint64_t size);
  static Result<std::unique_ptr<ContainerLog>> Make(std::string path, const LogConfig& config,
                                                    LogPositionFile position);

  // With mutex_ held.
  void AppendLines(OutputStream stream, std::string_view data, Time now);
  void SavePosition();
  void AppendPlain(OutputStream stream, std::string_view data, Time now);
  void WriteLine(OutputStream stream, bool whole, std::string_view line, Time now);
  void NoteLoss(Time now);
  std::string Record(OutputStream stream, bool whole, std::string_view line, Time now) const;
  bool WriteRecord(std::string_view record);
  bool Rotate();
  bool MoveAside();

  const std::string path_;
  const LogConfig config_;
  const size_t max_line_;  // of a line; what is longer is written in parts
  const LogPositionFile position_;
  mutable std::mutex mutex_;
  UniqueFd fd_;
  uint64_t size_;
  bool moved_ = false;        // the full file has its new name, and there is no new file yet
  uint64_t lost_ = 0;         // bytes of output since the last record
  std::string open_line_[2];  // of each stream
  std::optional<uint64_t> next_[2] = {0, 0};
  // What lies before is in finished records, or counted in lost_. Of no meaning without a next_.
  uint64_t recorded_[2] = {0, 0};
  uint64_t acknowledged_[2] = {0, 0};
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_CONTAINER_LOG_H_
