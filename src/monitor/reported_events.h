// What the log of events says of a pod's containers and processes. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_REPORTED_EVENTS_H_
#define VIRTCONTAINERS_SRC_MONITOR_REPORTED_EVENTS_H_

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "pod/record.h"

namespace virtcontainers {

// Its one job: whether a start or an end has been reported, so that the event which a dead monitor had yet to
// write is written once. What is older than the log was reported when it happened. Thread-compatible.
class ReportedEvents {
 public:
  // Reads the log of the root.
  ReportedEvents(const std::string& root, const std::string& pod);

  // Of a process; of a container's first process, with an empty `process`: since its last start.
  bool HasEnd(const std::string& container, const std::string& process) const;
  // Of a process whose end has not been reported.
  bool HasStart(const std::string& container, const std::string& process) const;

  // The end of the container's life that its record tells of, and the start of one that runs.
  bool HasEnd(const ContainerRecord& record) const;
  bool HasStart(const ContainerRecord& record) const;

 private:
  using Key = std::pair<std::string, std::string>;

  bool IsOlder(const std::optional<Time>& time) const;

  std::map<Key, bool> ended_;  // of each the last event: its end, or its start
  bool whole_ = false;         // the log goes back to the pod's beginning
  Time oldest_{};
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_REPORTED_EVENTS_H_
