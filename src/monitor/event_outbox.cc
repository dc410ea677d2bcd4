#include "monitor/event_outbox.h"

#include <utility>

namespace virtcontainers {

void EventOutbox::Emit(EventType type, const std::string& container, const std::string& process,
                       std::optional<ExitStatus> exit, const std::string& reason) {
  Event event;
  event.type = type;
  event.container = container;
  event.process = process;
  event.exit = exit;
  event.reason = reason;
  const std::lock_guard lock(mutex_);
  if (deferring_) {
    deferred_.push_back(std::move(event));
  } else {
    writer_.Write(std::move(event));
  }
}

void EventOutbox::Defer() {
  const std::lock_guard lock(mutex_);
  deferring_ = true;
}

void EventOutbox::EmitDeferred(EventType first) {
  const std::lock_guard lock(mutex_);
  Event event;
  event.type = first;
  writer_.Write(std::move(event));
  for (Event& deferred : deferred_) writer_.Write(std::move(deferred));
  deferred_.clear();
  deferring_ = false;
}

}  // namespace virtcontainers
