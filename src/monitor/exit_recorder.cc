#include "monitor/exit_recorder.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/errors.h"
#include "base/time_format.h"

namespace virtcontainers {
namespace {

constexpr uint32_t kLogRead = 64 << 10;

// Of a container that a signal or a lack of memory has ended before its start.
constexpr char kEndedUnstarted[] = "it ended before it was started";

// How often it is tried to write down what could not be.
constexpr std::chrono::seconds kSaveAgain{1};

}  // namespace

ExitRecorder::ExitRecorder(RecordKeeper& keeper, EventOutbox& events, Agent& agent, ProcessTable& processes)
    : keeper_(keeper), events_(events), agent_(agent), processes_(processes), thread_([this] { Run(); }) {
  keeper_.OnUnsaved([this] {
    const std::lock_guard lock(mutex_);
    unsaved_ = true;
    changed_.notify_all();
  });
}

ExitRecorder::~ExitRecorder() {
  {
    const std::lock_guard lock(mutex_);
    destroying_ = true;
    changed_.notify_all();
  }
  thread_.join();
  keeper_.OnUnsaved({});
}

void ExitRecorder::WatchUnstarted(const std::string& id) {
  uint64_t making = 0;
  {
    const std::lock_guard lock(mutex_);
    unstarted_[id] = making = ++makings_;
  }
  agent_.WaitProcess({id, ""}, [this, id, making](const Result<ExitStatus>& exit) {
    {
      const std::lock_guard lock(mutex_);
      const auto found = unstarted_.find(id);
      if (found == unstarted_.end() || found->second != making) return;
      unstarted_.erase(found);
    }
    // What ends with its VM is as it was when it was created.
    const bool ends_alone = exit && keeper_.Read([](const LivePod& pod) {
      return !pod.stopping && !pod.starting && !pod.stopped;
    });
    if (ends_alone) Enqueue(id, {.exit = *exit, .log = {}, .tell = [] {}, .unstarted = true});
  });
}

void ExitRecorder::ForgetUnstarted(const std::string& id) {
  const std::lock_guard lock(mutex_);
  unstarted_.erase(id);
}

void ExitRecorder::Expect(const std::string& id, std::shared_ptr<ContainerLog> log) {
  {
    const std::lock_guard lock(mutex_);
    const int open = log ? 3 : 1;
    endings_[id] = {.open = open, .log = std::move(log), .tell = {}};
  }
  keeper_.Update([&](LivePod& pod) { pod.endings[id] = false; });
}

void ExitRecorder::Follow(const std::string& id, const std::shared_ptr<ContainerLog>& log) {
  if (log) {
    PumpOutput(id, log, OutputStream::kStdout);
    PumpOutput(id, log, OutputStream::kStderr);
  }
  processes_.Add({id, ""}, !log, [this, id](const Result<ExitStatus>& exit, std::function<void()> tell) {
    {
      const std::lock_guard lock(mutex_);
      Ending& ending = endings_.at(id);
      ending.exit = exit;
      ending.tell = std::move(tell);
    }
    Finish(id);
  });
}

void ExitRecorder::FollowRecorded(const std::string& id, bool readable) {
  processes_.Add({id, ""}, readable,
                 [](const Result<ExitStatus>&, const std::function<void()>& tell) { tell(); });
}

void ExitRecorder::FollowExec(const std::string& container, const ProcessRef& process, bool emit_end,
                              const std::function<void()>& emit_start) {
  processes_.Add(process, true,
                 [this, container, name = process.exec, emit_end, emit_start](
                     const Result<ExitStatus>& exit, const std::function<void()>& tell) {
                   if (emit_start) emit_start();
                   // Of a process whose end was not seen, its pod's end tells.
                   if (exit && emit_end) events_.Emit(EventType::kProcessExited, container, name, *exit);
                   tell();
                 });
}

void ExitRecorder::PumpOutput(const std::string& id, const std::shared_ptr<ContainerLog>& log,
                              OutputStream stream) {
  const OutputRange range{
      .offset = log->next(stream), .acknowledged = log->acknowledged(stream), .size = kLogRead};
  const bool placed = range.offset.has_value();
  agent_.ReadOutputFrom({id, ""}, stream, range,
                        [this, id, log, stream, placed](const Result<OutputPiece>& piece) {
                          if (!piece && piece.error().code() == Code::kOutOfRange && placed) {
                            log->Forget(stream);
                            return PumpOutput(id, log, stream);
                          }
                          if (!piece || piece->data.empty()) return Finish(id);
                          log->Append(stream, piece->offset, piece->data, Now());
                          PumpOutput(id, log, stream);
                        });
}

void ExitRecorder::Finish(const std::string& id) {
  Ending ended;
  {
    const std::lock_guard lock(mutex_);
    const auto found = endings_.find(id);
    if (--found->second.open > 0) return;
    ended = found->second;
  }
  Enqueue(id, ended);
}

void ExitRecorder::Enqueue(const std::string& id, const Ending& ending) {
  keeper_.Update([&](LivePod& pod) { pod.endings[id] = true; });
  const std::lock_guard lock(mutex_);
  ended_.emplace_back(id, ending);
  changed_.notify_all();
}

void ExitRecorder::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    const auto due = [&] { return destroying_ || !ended_.empty(); };
    changed_.wait(lock, [&] { return due() || unsaved_; });
    if (!due() && !changed_.wait_for(lock, kSaveAgain, due)) {
      unsaved_ = false;
      lock.unlock();
      (void)keeper_.Save();
      lock.lock();
      continue;
    }
    if (ended_.empty()) return;
    const auto [id, ending] = std::move(ended_.front());
    ended_.pop_front();
    lock.unlock();
    Record(id, ending);
    lock.lock();
  }
}

void ExitRecorder::Record(const std::string& id, const Ending& ending) {
  if (ending.log) ending.log->Flush(Now());
  bool ended = false;
  // The pod's end is told after this one, or instead of it.
  std::unique_lock order(events_.order());
  // A lost agent is no container's exit: the VM's end says what became of it.
  if (ending.exit || ending.exit.error().code() != Code::kUnavailable) {
    (void)keeper_.Change([&](LivePod& pod) {
      ContainerRecord* container = pod.record.Find(id);
      // Stopped with its pod, or undone with its pod's start.
      if (container == nullptr) return;
      if (ending.unstarted ? container->state != ContainerState::kReady : !Lives(container->state)) return;
      ended = true;
      container->state = ContainerState::kStopped;
      container->finished = Now();
      if (ending.exit) {
        container->exit = *ending.exit;
        if (ending.unstarted) container->reason = kEndedUnstarted;
      } else {
        container->reason = "its end was not seen: " + ending.exit.error().ToString();
      }
    });
  }
  if (ended && ending.exit) {
    events_.Emit(EventType::kContainerExited, id, "", *ending.exit, ending.unstarted ? kEndedUnstarted : "");
  }
  if (ended && !ending.exit) {
    events_.Emit(EventType::kContainerExited, id, "", {}, ending.exit.error().ToString());
  }
  order.unlock();
  ending.tell();
  bool awaited = false;  // another end: the container was started in the meantime
  {
    const std::lock_guard lock(mutex_);
    if (!ending.unstarted) endings_.erase(id);
    awaited = endings_.count(id) != 0;
  }
  keeper_.Update([&](LivePod& pod) {
    if (awaited) {
      pod.endings[id] = false;
    } else {
      pod.endings.erase(id);
    }
  });
}

void ExitRecorder::AwaitEnding(const std::string& id) {
  keeper_.WaitUntil(Deadline::Infinite(), [&](const LivePod& pod) {
    const auto ending = pod.endings.find(id);
    return ending == pod.endings.end() || !ending->second;
  });
}

bool ExitRecorder::WaitForState(const std::string& id, ContainerState state, Deadline deadline) {
  return keeper_.WaitUntil(deadline, [&](const LivePod& pod) {
    const auto& containers = pod.record.containers;
    const auto record = std::find_if(containers.begin(), containers.end(),
                                     [&](const ContainerRecord& container) { return container.id == id; });
    return pod.stopped || record == containers.end() ||
           (record->state == state && pod.endings.count(id) == 0);
  });
}

}  // namespace virtcontainers
