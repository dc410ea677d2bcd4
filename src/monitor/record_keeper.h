// The record of a running pod: in memory, and written down. Host only.

#ifndef VIRTCONTAINERS_SRC_MONITOR_RECORD_KEEPER_H_
#define VIRTCONTAINERS_SRC_MONITOR_RECORD_KEEPER_H_

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "pod/pod_files.h"
#include "pod/record.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// Whether the container has a first process that has started and not ended.
inline bool Lives(ContainerState state) {
  return state == ContainerState::kRunning || state == ContainerState::kPaused;
}

// A pod that has a monitor: its record, and what only this monitor knows.
struct LivePod {
  PodRecord record;
  bool starting = false;  // a start is under way, or is being undone
  bool stopping = false;  // StopPod is under way: the VM's end is no accident
  bool stopped = false;   // the VM has ended
  // Containers whose end has still to be recorded and told. True: the container has ended.
  std::map<std::string, bool> endings;
};

// Its one job: what is on disk is the record, or will be as soon as that is possible. Nobody else writes the
// record while the object lives, and nobody is told of a change before it is written. Thread-safe. Its locks
// are held by no caller: callbacks run under them, must not block, and must not call the object.
class RecordKeeper {
 public:
  explicit RecordKeeper(PodFiles files) : files_(std::move(files)) {}

  // Reads the record. Once, before anything else.
  Status Load();

  // Answers with what `read` answers.
  template <typename F>
  auto Read(F read) const {
    const std::lock_guard lock(mutex_);
    return read(static_cast<const LivePod&>(pod_));
  }
  PodState state() const {
    return Read([](const LivePod& pod) { return pod.record.state; });
  }
  // The container's record, and the pod's state at that moment. Errors: NotFound.
  Result<ContainerRecord> Find(std::string_view container, PodState* state = nullptr) const;

  // Changes what is not written: everything but the record.
  void Update(const std::function<void(LivePod&)>& change);

  // Changes the record and writes it. Errors: those of writing; the change holds nevertheless, and is written
  // as soon as that is possible again.
  Status Change(const std::function<void(LivePod&)>& change);
  // Changes the state of a container, unless it has ended meanwhile. Errors: as Change.
  Status SetLiveState(const std::string& container, ContainerState state);
  // Writes what is not written yet.
  Status Save();

  // A start that may be undone: from BeginStart on, only the processes that have to be cleaned up after are
  // written, and the rest as it was. CommitStart changes the record and writes all of it, unless the VM has
  // ended meanwhile; RollBackStart restores the record of BeginStart.
  void BeginStart();
  Status CommitStart(const std::function<void(PodRecord&)>& change);
  Status RollBackStart();

  // Blocks until `reached` holds. False if the deadline passes.
  bool WaitUntil(Deadline deadline, const std::function<bool(const LivePod&)>& reached) const;

  // Called after a write has failed, on the writer's thread: Save should be called again.
  void OnUnsaved(std::function<void()> unsaved) { unsaved_callback_ = std::move(unsaved); }

  const PodFiles& files() const { return files_; }

 private:
  const PodFiles files_;
  std::function<void()> unsaved_callback_;

  std::mutex saving_;   // held while the record is written; before mutex_
  uint64_t saved_ = 0;  // the version that is on disk; under saving_

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  LivePod pod_;
  uint64_t version_ = 0;        // of the record
  bool unsaved_ = false;        // the last attempt to write it failed
  bool start_pending_ = false;  // before_ is written in the place of the record
  PodRecord before_;            // the record of BeginStart
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_MONITOR_RECORD_KEEPER_H_
