#include "runtime/event_recorder.h"

#include "base/errors.h"
#include "base/time_format.h"
#include "pod/event_log.h"

namespace virtcontainers {

void EventRecorder::Record(EventType type, std::string_view pod, std::string_view container,
                           std::string_view reason) const {
  Event event;
  event.type = type;
  event.time = Now();
  event.pod = std::string(pod);
  event.container = std::string(container);
  event.reason = std::string(reason);
  const Status written = EventLog(root_).Append(event);
  log_.NoteFailure("write event " + std::string(EventTypeName(type)) + " of pod " + Quoted(pod), written);
}

Status EventRecorder::RecordDeletion(std::string_view pod, const std::function<Status()>& remove) const {
  Event event;
  event.type = EventType::kPodDeleted;
  event.time = Now();
  event.pod = std::string(pod);
  return EventLog(root_).Append(std::move(event), remove);
}

}  // namespace virtcontainers
