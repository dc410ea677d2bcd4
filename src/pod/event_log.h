// The events of a root's pods, in a file that any process appends to and any process reads.
//
//   <root>/events.log     one JSON object a line, in the order of `sequence`
//   <root>/events.log.1   the one before, whole
//   <root>/events.lock    held by whoever appends

#ifndef VIRTCONTAINERS_SRC_POD_EVENT_LOG_H_
#define VIRTCONTAINERS_SRC_POD_EVENT_LOG_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "os/file_lock.h"
#include "virtcontainers/error.h"
#include "virtcontainers/event.h"

namespace virtcontainers {

// Paths of the log below a root.
struct EventLogPaths {
  explicit EventLogPaths(std::string_view root) : directory(root) {}

  std::string directory;
  std::string current() const { return directory + "/events.log"; }
  std::string previous() const { return directory + "/events.log.1"; }
  std::string lock() const { return directory + "/events.lock"; }
};

// A line without its end.
std::string FormatEvent(const Event& event);
// Errors: InvalidArgument, for what FormatEvent never wrote.
Result<Event> ParseEvent(std::string_view line);

// Appends an event, under the next sequence number; the event's own is ignored. Whoever dies in the middle
// leaves at worst a line that is no event. Blocks for as long as others append, a second at most.
class EventLog {
 public:
  static constexpr uint64_t kMaxBytes = 2 << 20;  // of one of the two files

  explicit EventLog(std::string_view root, uint64_t max_bytes = kMaxBytes)
      : paths_(root), max_bytes_(max_bytes) {}

  Status Append(Event event) const;

  // The same of an event whose place among the others matters: `change` makes it so, and meanwhile nobody
  // appends. Should the log be locked by others for too long, that is no hindrance to the change.
  // Errors: the change's, and then nothing is appended.
  Status Append(Event event, const std::function<Status()>& change) const;

 private:
  Result<FileLock> Lock() const;
  Status AppendLocked(Event event) const;

  EventLogPaths paths_;
  uint64_t max_bytes_;
};

// A pod's events, as many as there still are, the oldest first.
std::vector<Event> EventsOf(const EventLogPaths& paths, std::string_view pod);

// The oldest that there still is, of any pod.
std::optional<Event> FirstEvent(const EventLogPaths& paths);

// The sequence number of the last event in a file; 0 without one.
uint64_t LastSequence(const std::string& path);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_EVENT_LOG_H_
