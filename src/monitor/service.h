// The monitor's calls, from the wire to the pod. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_SERVICE_H_
#define VIRTCONTAINERS_SRC_MONITOR_SERVICE_H_

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "monitor/pod_monitor.h"
#include "ttrpc/server.h"
#include "ttrpc/worker_pool.h"

namespace virtcontainers {

inline constexpr char kMonitorService[] = "virtcontainers.Monitor";

// Thread-safe. Calls that wait for a process hold no thread; those that change the pod run on a few of their
// own.
class MonitorService final : public ttrpc::Handler {
 public:
  explicit MonitorService(PodMonitor& pod);
  ~MonitorService() override;

  void Handle(ttrpc::Call call, ttrpc::Responder responder) override;

 private:
  // Answered at once or by a callback, on whatever thread.
  bool HandleProcessCall(const ttrpc::Call& call, ttrpc::Responder& responder);

  // The operations: each blocks.
  Result<std::string> Operate(const ttrpc::Call& call);

  // A read or a wait with a deadline has come.
  void NoteDeadline();
  void ExpireCalls();

  PodMonitor& pod_;
  std::mutex mutex_;
  std::condition_variable deadlines_changed_;
  bool ending_ = false;
  uint64_t deadlines_ = 0;
  std::thread expirer_;
  ttrpc::WorkerPool workers_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_SERVICE_H_
