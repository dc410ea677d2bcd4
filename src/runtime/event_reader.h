// Reads a root's event log as it grows. Host only.

#ifndef VIRTCONTAINERS_SRC_RUNTIME_EVENT_READER_H_
#define VIRTCONTAINERS_SRC_RUNTIME_EVENT_READER_H_

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "pod/event_log.h"
#include "virtcontainers/event.h"

namespace virtcontainers {

class EventReader final : public EventStream {
 public:
  // As Runtime::Events. Errors: ResourceExhausted when the host gives no more inotify instances.
  static Result<std::unique_ptr<EventStream>> Open(const std::string& root, std::optional<uint64_t> after);

  int fd() const override { return notify_.get(); }
  Result<std::optional<Event>> Next(Deadline deadline) override;

 private:
  EventReader(EventLogPaths paths, UniqueFd notify) : paths_(std::move(paths)), notify_(std::move(notify)) {}

  // Takes over what the files have beyond what was read.
  Status Fill();
  Status ReadFile();
  void Take(std::string_view line);
  void DrainNotifications();

  const EventLogPaths paths_;
  const UniqueFd notify_;  // inotify
  UniqueFd file_;          // the one being read; it may have been put away since
  std::string partial_;    // a line without its end
  uint64_t last_ = 0;      // sequence number of the last event taken, or that is passed over
  std::deque<Event> events_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_RUNTIME_EVENT_READER_H_
