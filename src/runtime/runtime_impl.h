// The parts that the calls of a Runtime are made of. Host only.
//
// Job: holds the parts, and does nothing itself. pod_calls.cc, container_calls.cc, process_calls.cc, copy.cc,
//   command.cc and garbage.cc implement the calls.
// Locks, threads: none of its own; see the parts.

#ifndef VIRTCONTAINERS_SRC_RUNTIME_RUNTIME_IMPL_H_
#define VIRTCONTAINERS_SRC_RUNTIME_RUNTIME_IMPL_H_

#include <utility>

#include "runtime/event_recorder.h"
#include "runtime/monitor_caller.h"
#include "runtime/pod_locker.h"
#include "virtcontainers/runtime.h"

namespace virtcontainers {

class Runtime::Impl {
 public:
  Impl(RuntimeOptions options, Store store) : pods_(std::move(options), std::move(store)), monitors_(pods_) {}

  const RuntimeOptions& options() const { return pods_.options(); }
  const Store& store() const { return pods_.store(); }
  const EventRecorder& events() const { return pods_.events(); }
  const PodLocker& pods() const { return pods_; }
  const MonitorCaller& monitors() const { return monitors_; }

 private:
  const PodLocker pods_;
  const MonitorCaller monitors_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_RUNTIME_RUNTIME_IMPL_H_
