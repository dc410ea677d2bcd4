// What happens to the pods of a root, as it happens.

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
  kPodStopped,  // `reason` says why, if not because StopPod was called: "vm exited: killed by signal 9"
  kPodDeleted,
  kContainerCreated,
  kContainerStarted,
  kContainerPaused,
  kContainerResumed,
  kContainerUpdated,
  kContainerExited,  // `exit` says how, if it was seen; also of a start that failed, with the reason
  kContainerOom,     // the kernel killed a process of it for lack of memory
  kContainerDeleted,
  kProcessStarted,  // by EnterContainer or EnterPod; `process` names it
  kProcessExited,
  kLost,  // events are missing here: more were written than the log holds, and this reader was too late
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

// The events of a root's pods, in the order in which they were written down; each is there once what it tells
// is so for every caller. Events are kept in a file of the root, some ten thousand of them: a reader may come
// late, and none holds anybody up. Not thread-safe.
class EventStream {
 public:
  virtual ~EventStream() = default;

  // A descriptor that can be read from (poll, epoll) when Next may have something; it stays the stream's own
  // and is never to be read. After it became readable, call Next until it answers nothing.
  virtual int fd() const = 0;

  // The next event; nothing when there is none until the deadline. Blocks no longer than that.
  virtual Result<std::optional<Event>> Next(Deadline deadline) = 0;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_EVENT_H_
