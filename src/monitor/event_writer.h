// Writes a pod's events to its root's log, on a thread of its own. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_EVENT_WRITER_H_
#define VIRTCONTAINERS_SRC_MONITOR_EVENT_WRITER_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "pod/event_log.h"

namespace virtcontainers {

// Thread-safe. Nobody waits for the disk: events are written in the order in which they were given, a little
// later. When more than kMaxWaiting wait, further ones are dropped, and monitor.log says how many.
class EventWriter {
 public:
  static constexpr size_t kMaxWaiting = 4096;

  EventWriter(const std::string& root, std::string pod);
  // Writes what waits.
  ~EventWriter();

  // Of the writer's pod, from now. `then` is called once it is written, on the writer's thread; not if it was
  // dropped.
  void Write(Event event, std::function<void()> then = {});

 private:
  void Loop();

  const EventLog log_;
  const std::string pod_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<Event, std::function<void()>>> waiting_;
  uint64_t dropped_ = 0;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_EVENT_WRITER_H_
