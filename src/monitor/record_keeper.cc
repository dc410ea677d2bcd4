#include "monitor/record_keeper.h"

#include <cstdio>
#include <utility>

#include "base/errors.h"

namespace virtcontainers {

Status RecordKeeper::Load() {
  VC_ASSIGN_OR_RETURN(PodRecord record, files_.LoadRecord());
  const std::lock_guard lock(mutex_);
  pod_.record = std::move(record);
  return {};
}

Result<ContainerRecord> RecordKeeper::Find(std::string_view container, PodState* state) const {
  const std::lock_guard lock(mutex_);
  if (state != nullptr) *state = pod_.record.state;
  for (const ContainerRecord& record : pod_.record.containers) {
    if (record.id == container) return record;
  }
  return Fail(Code::kNotFound, Reason::kContainerNotFound,
              "no container " + Quoted(container) + " in pod " + Quoted(files_.id()));
}

void RecordKeeper::Update(const std::function<void(LivePod&)>& change) {
  const std::lock_guard lock(mutex_);
  change(pod_);
  changed_.notify_all();
}

Status RecordKeeper::Change(const std::function<void(LivePod&)>& change) {
  {
    const std::lock_guard lock(mutex_);
    change(pod_);
    ++version_;
  }
  const Status saved = Save();
  changed_.notify_all();
  return saved;
}

Status RecordKeeper::SetLiveState(const std::string& container, ContainerState state) {
  return Change([&](LivePod& pod) {
    ContainerRecord* record = pod.record.Find(container);
    if (record != nullptr && Lives(record->state)) record->state = state;
  });
}

Status RecordKeeper::Save() {
  const std::lock_guard saving(saving_);
  PodRecord record;
  uint64_t version;
  {
    const std::lock_guard lock(mutex_);
    if (saved_ == version_) return {};
    record = pod_.record;
    if (start_pending_) {
      record = before_;
      record.vm = pod_.record.vm;
      record.attachments = pod_.record.attachments;
      record.monitor = pod_.record.monitor;
    }
    version = version_;
  }
  Status saved = files_.SaveRecord(record);
  if (saved) saved_ = version;
  {
    const std::lock_guard lock(mutex_);
    if (!saved && !unsaved_) std::fprintf(stderr, "state not saved: %s\n", saved.error().ToString().c_str());
    unsaved_ = !saved;
  }
  if (!saved && unsaved_callback_) unsaved_callback_();
  return saved;
}

void RecordKeeper::BeginStart() {
  const std::lock_guard lock(mutex_);
  before_ = pod_.record;
  start_pending_ = true;
  pod_.starting = true;
}

Status RecordKeeper::CommitStart(const std::function<void(PodRecord&)>& change) {
  return Change([&](LivePod& pod) {
    if (pod.stopped) return;
    start_pending_ = false;
    change(pod.record);
  });
}

Status RecordKeeper::RollBackStart() {
  return Change([&](LivePod& pod) {
    start_pending_ = false;
    pod.record = before_;
  });
}

bool RecordKeeper::WaitUntil(Deadline deadline, const std::function<bool(const LivePod&)>& reached) const {
  std::unique_lock lock(mutex_);
  if (!deadline.infinite()) return changed_.wait_until(lock, deadline.time(), [&] { return reached(pod_); });
  changed_.wait(lock, [&] { return reached(pod_); });
  return true;
}

}  // namespace virtcontainers
