// How far a container's log has come, for the monitor after one that was killed. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_LOG_POSITION_H_
#define VIRTCONTAINERS_SRC_MONITOR_LOG_POSITION_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// Of a stream of which it is not known.
inline constexpr uint64_t kUnknownOffset = UINT64_MAX;

// The file that it says of has exactly the records that come from the output before `offsets`. What was
// appended since is not finished: whoever goes on cuts it off, and asks the guest for it again.
struct LogPosition {
  uint64_t inode = 0;  // of the log's file
  uint64_t size = 0;
  uint64_t offsets[2] = {0, 0};  // of standard output and standard error
  uint64_t lost = 0;             // bytes of output that there was no room for, and no word of yet

  friend bool operator==(const LogPosition&, const LogPosition&) = default;
};

// The file that keeps one. Written in place, by one write of less than a page: a process that is killed has
// written all of it or nothing.
class LogPositionFile {
 public:
  // Made if it is not there.
  static Result<LogPositionFile> Open(const std::string& path);

  // Errors: those of writing; there is none then, as an old one would cut off what is in the log.
  Status Write(const LogPosition& position) const;
  // Nothing if there is none, or none that can be believed.
  std::optional<LogPosition> Read() const;

 private:
  explicit LogPositionFile(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

// Puts the files of a log back to what they were at `position`: what has been appended since is cut off, and
// files that a rotation has begun since are removed. What cannot be found stays as it is.
Status RestoreLog(const std::string& path, uint32_t max_files, const LogPosition& position);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_LOG_POSITION_H_
