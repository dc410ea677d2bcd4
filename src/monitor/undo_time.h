// How long the monitor undoes. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_UNDO_TIME_H_
#define VIRTCONTAINERS_SRC_MONITOR_UNDO_TIME_H_

#include <chrono>

namespace virtcontainers {

// What undoing something may take, when its caller's deadline has passed or nobody may be waiting any more.
inline constexpr std::chrono::seconds kUndo{10};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_UNDO_TIME_H_
