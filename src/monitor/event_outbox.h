// The events of a running pod on their way to the log of events. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_EVENT_OUTBOX_H_
#define VIRTCONTAINERS_SRC_MONITOR_EVENT_OUTBOX_H_

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "monitor/event_writer.h"
#include "virtcontainers/event.h"
#include "virtcontainers/status.h"

namespace virtcontainers {

// Its one job: events are written in the order in which they happened, and those of a start only if the start
// succeeds. Thread-safe. Nobody waits for the disk (EventWriter).
class EventOutbox {
 public:
  EventOutbox(const std::string& root, const std::string& pod) : writer_(root, pod) {}

  void Emit(EventType type, const std::string& container = "", const std::string& process = "",
            std::optional<ExitStatus> exit = {}, const std::string& reason = "");
  // Writes an event whether or not others are deferred. `then` is called once it is written, as
  // EventWriter::Write says.
  void EmitNow(Event event, std::function<void()> then) { writer_.Write(std::move(event), std::move(then)); }

  // Keeps the events from now on, until EmitDeferred writes `first` and then all of them.
  void Defer();
  void EmitDeferred(EventType first);

  // Held from a change of a container's or the pod's life until its event has been emitted, by everybody who
  // makes such a change: a start is told before its end, and the end of a container before that of its pod.
  // Before every other lock.
  std::mutex& order() { return order_; }

 private:
  std::mutex order_;
  std::mutex mutex_;
  bool deferring_ = false;       // under mutex_
  std::vector<Event> deferred_;  // under mutex_
  EventWriter writer_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_EVENT_OUTBOX_H_
