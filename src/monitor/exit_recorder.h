// How a pod's processes end: seen, written down, told. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_EXIT_RECORDER_H_
#define VIRTCONTAINERS_SRC_MONITOR_EXIT_RECORDER_H_

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "monitor/container_log.h"
#include "monitor/event_outbox.h"
#include "monitor/process_table.h"
#include "monitor/record_keeper.h"
#include "virtcontainers/agent.h"

namespace virtcontainers {

// Its one job: a container is said to have stopped when all that it wrote is in its log, its exit is in the
// record, and the event is emitted, in this order; and only once. Thread-safe. The agent's threads must not
// wait for a disk: a thread of the object's own records the ends, and writes the record again where that
// failed.
class ExitRecorder {
 public:
  // All of them outlive the object.
  ExitRecorder(RecordKeeper& keeper, EventOutbox& events, Agent& agent, ProcessTable& processes);
  // Records the ends that were seen. The agent has been closed.
  ~ExitRecorder();

  ExitRecorder(const ExitRecorder&) = delete;
  ExitRecorder& operator=(const ExitRecorder&) = delete;

  // A container that has been made in the guest and not started: an end that it has before its start, by a
  // signal or for lack of memory, is recorded. Until Forget.
  void WatchUnstarted(const std::string& id);
  void ForgetUnstarted(const std::string& id);

  // A container is about to be said to run; `log` is null for one that does not log. Its end is recorded from
  // now on as one that is awaited.
  void Expect(const std::string& id, std::shared_ptr<ContainerLog> log);
  // After Expect: reads what the container logs, and waits for its end.
  void Follow(const std::string& id, const std::shared_ptr<ContainerLog>& log);
  // Keeps the exit status of a container whose end was recorded by another monitor, for those who wait for
  // it.
  void FollowRecorded(const std::string& id, bool readable);
  // An executed process; `container` is empty for one in the pod's own root. `emit_start`, if given, is
  // called before the event of its end.
  void FollowExec(const std::string& container, const ProcessRef& process, bool emit_end,
                  const std::function<void()>& emit_start = {});

  // Blocks while the container's end has been seen and is not recorded.
  void AwaitEnding(const std::string& id);
  // Blocks until the container has this state and its end, if it has ended, is told; or until the pod has
  // stopped or the container is gone. False if the deadline passes.
  bool WaitForState(const std::string& id, ContainerState state, Deadline deadline);

 private:
  // What comes before a container is said to have stopped: its exit, and the ends of its logged output.
  struct Ending {
    int open = 0;
    Result<ExitStatus> exit = ExitStatus{};
    std::shared_ptr<ContainerLog> log;
    std::function<void()> tell;  // those who wait for the process
    bool unstarted = false;      // the container was never started
  };

  void PumpOutput(const std::string& id, const std::shared_ptr<ContainerLog>& log, OutputStream stream);
  // One of the things that come before the end has come.
  void Finish(const std::string& id);
  void Enqueue(const std::string& id, const Ending& ending);
  void Run();
  void Record(const std::string& id, const Ending& ending);

  RecordKeeper& keeper_;
  EventOutbox& events_;
  Agent& agent_;
  ProcessTable& processes_;

  std::mutex mutex_;  // no other lock is taken under it
  std::condition_variable changed_;
  std::map<std::string, Ending> endings_;  // of containers that run, or whose end is not told yet
  // Containers that are made in the guest and not started, each with the number of its making.
  std::map<std::string, uint64_t> unstarted_;
  uint64_t makings_ = 0;
  std::deque<std::pair<std::string, Ending>> ended_;  // to be recorded
  bool unsaved_ = false;                              // the record is to be written again
  bool destroying_ = false;
  std::thread thread_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_EXIT_RECORDER_H_
