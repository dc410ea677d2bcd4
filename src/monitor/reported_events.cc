#include "monitor/reported_events.h"

#include "pod/event_log.h"

namespace virtcontainers {

ReportedEvents::ReportedEvents(const std::string& root, const std::string& pod) {
  const EventLogPaths paths(root);
  if (const std::optional<Event> first = FirstEvent(paths)) oldest_ = first->time;
  for (const Event& event : EventsOf(paths, pod)) {
    const Key key{event.container, event.process};
    // Another pod had that name before.
    if (event.type == EventType::kPodCreated) {
      ended_.clear();
      whole_ = true;
    }
    if (event.type == EventType::kProcessStarted) ended_[key] = false;
    if (event.type == EventType::kProcessExited) ended_[key] = true;
    if (event.type == EventType::kContainerStarted) ended_[{event.container, ""}] = false;
    if (event.type == EventType::kContainerExited) ended_[{event.container, ""}] = true;
  }
}

bool ReportedEvents::HasEnd(const std::string& container, const std::string& process) const {
  const auto last = ended_.find({container, process});
  return last != ended_.end() && last->second;
}

bool ReportedEvents::HasStart(const std::string& container, const std::string& process) const {
  return !whole_ || ended_.count({container, process}) != 0;
}

bool ReportedEvents::HasEnd(const ContainerRecord& record) const {
  return HasEnd(record.id, "") || IsOlder(record.finished);
}

bool ReportedEvents::HasStart(const ContainerRecord& record) const {
  const auto last = ended_.find({record.id, ""});
  return (last != ended_.end() && !last->second) || IsOlder(record.started);
}

bool ReportedEvents::IsOlder(const std::optional<Time>& time) const {
  return !whole_ && time && *time < oldest_;
}

}  // namespace virtcontainers
