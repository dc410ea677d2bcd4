// Writes the events of calls that no monitor performs. Host only.
//
// Job: appends to the root's event log what a caller has done to a pod that does not run.
// Locks: each append holds the log's own file lock (pod/event_log.h), and nothing between appends.
// Threads: none. Thread-safe, because it never changes.

#ifndef VIRTCONTAINERS_SRC_RUNTIME_EVENT_RECORDER_H_
#define VIRTCONTAINERS_SRC_RUNTIME_EVENT_RECORDER_H_

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/log.h"
#include "virtcontainers/error.h"
#include "virtcontainers/event.h"

namespace virtcontainers {

class EventRecorder {
 public:
  EventRecorder(std::string root, Log log) : root_(std::move(root)), log_(std::move(log)) {}

  // Appends an event that has happened now. An event that cannot be written is logged and dropped: no call
  // fails for want of an event.
  void Record(EventType type, std::string_view pod, std::string_view container = "",
              std::string_view reason = "") const;

  // Calls `remove`, which deletes the pod, and appends the event before an event of the next pod of that name
  // can be appended. Errors: those of `remove`.
  Status RecordDeletion(std::string_view pod, const std::function<Status()>& remove) const;

 private:
  std::string root_;
  Log log_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_RUNTIME_EVENT_RECORDER_H_
