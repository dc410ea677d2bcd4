// Events of the pods of a root.

#ifndef VIRTCONTAINERS_EVENT_H_
#define VIRTCONTAINERS_EVENT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"
#include "virtcontainers/status.h"

namespace virtcontainers {

enum class EventType {
  kPodCreated,
  kPodStarted,
  kPodPaused,
  kPodResumed,
  kPodStopped,  // `reason` says why, unless StopPod was called: "vm exited: killed by signal 9"
  kPodDeleted,
  kContainerCreated,
  kContainerStarted,
  kContainerPaused,
  kContainerResumed,
  kContainerUpdated,
  kContainerExited,  // with `exit`, if the end was seen; also after a start that failed, with the reason
  kContainerOom,     // the kernel killed a process of the container for lack of memory
  kContainerDeleted,
  kProcessStarted,  // by EnterContainer or EnterPod; `process` names it
  kProcessExited,
  kLost,  // events are missing here: the log had no room for them any more when they were to be read
};

// "pod-created", "container-oom" ...
std::string_view EventTypeName(EventType type);

struct Event {
  EventType type = EventType::kLost;
  uint64_t sequence = 0;  // grows by one with each event of the root
  Time time;
  std::string pod;
  std::string container;  // empty for the pod's own
  std::string process;    // Process::id()
  std::optional<ExitStatus> exit;
  std::string reason;
};

// The events of a root's pods, in the order in which they were written. An event is written after its change
// is visible to every call. The root keeps about the last ten thousand events in a file: a reader can start
// in the past, and a slow reader delays nobody. Not thread-safe.
class EventStream {
 public:
  virtual ~EventStream() = default;

  // A descriptor for poll and epoll, which is readable when Next may return an event. The stream owns it; do
  // not read from it. When it has become readable, call Next until Next returns nothing.
  virtual int fd() const = 0;

  // Returns the next event, or nothing if there is none until the deadline, or until its token is stopped.
  virtual Result<std::optional<Event>> Next(Deadline deadline) = 0;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_EVENT_H_
