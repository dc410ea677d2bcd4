#include "monitor/guest_containers.h"

#include <signal.h>

#include <cstdio>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "base/time_format.h"
#include "monitor/undo_time.h"
#include "pod/defaults.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// What the guest may take to remove a container that nobody waits for.
constexpr seconds kDiscard{5};
// What the guest may take, in StopAll, to continue or to kill containers.
constexpr seconds kStopAll{2};

}  // namespace

void NoteStart(ContainerRecord& container) {
  container.reason.clear();
  container.exit.reset();
  container.started = Now();
  container.finished.reset();
  container.restarting = false;
}

void GuestContainers::Adopt(const ContainerConfig& config) {
  known_.insert(config.id);
  parts_.vm.KeepStopHooks(config);
}

Status GuestContainers::Create(const ContainerConfig& config, Deadline deadline) {
  // The monitor before may have come just so far with it.
  if (taken_over_) VC_RETURN_IF_ERROR(parts_.vm.HideContainer(config.id));
  for (const std::string& warning : WarningsOf(config)) {
    std::fprintf(stderr, "container '%s': %s\n", config.id.c_str(), warning.c_str());
  }
  VC_RETURN_IF_ERROR(parts_.vm.CreateContainer(CompleteContainer(config), deadline));
  known_.insert(config.id);
  parts_.exits.WatchUnstarted(config.id);
  Status hooked = parts_.vm.RunCreateHooks(config, deadline);
  if (!hooked) Discard(config.id, Deadline::After(kDiscard));
  return hooked;
}

Status GuestContainers::Start(const ContainerConfig& config, Deadline deadline) {
  const std::string& id = config.id;
  const bool logged = config.output == ContainerOutput::kLog;
  std::shared_ptr<ContainerLog> log;
  if (logged) {
    auto opened = ContainerLog::Open(parts_.keeper.files().paths().log(id), config.log);
    if (!opened) {
      Discard(id, Deadline::After(kUndo));
      return Fail(std::move(opened.error()));
    }
    log = std::move(*opened);
  }
  parts_.exits.ForgetUnstarted(id);
  Status started = parts_.forwards.Open(config, deadline);
  if (started) started = agent().StartContainer(id, deadline);
  if (!started) {
    // The guest starts a container once, successfully or not: the next attempt makes it anew. One that came
    // too late would run, and nobody would know.
    Discard(id, Deadline::After(kUndo));
    return started;
  }
  if (logged) (void)agent().CloseStdin({id, ""}, {}, deadline);
  // Followed before it is said to run: whoever is told so may attach to it at once. Its end is not recorded
  // before its start.
  std::unique_lock order(parts_.events.order());
  parts_.exits.Expect(id, log);
  parts_.exits.Follow(id, log);
  bool stopped = false;
  Status saved = parts_.keeper.Change([&](LivePod& pod) {
    // The VM may have ended just now, and the container with it.
    stopped = pod.stopped;
    if (stopped) return;
    ContainerRecord* container = pod.record.Find(id);
    container->state = ContainerState::kRunning;
    NoteStart(*container);
  });
  if (stopped) return Fail(Code::kUnavailable, Reason::kVmDied, "the VM has ended");
  parts_.events.Emit(EventType::kContainerStarted, id);
  order.unlock();
  if (saved) parts_.vm.RunStartHooks(config, deadline);
  return saved;
}

void GuestContainers::UndoStart(const ContainerRecord& before) {
  // What nobody can read of must not run.
  const Deadline deadline = Deadline::After(kUndo);
  (void)Stop(before.id, milliseconds(0), deadline);
  Discard(before.id, deadline);
  parts_.processes.Remove(before.id);
  (void)parts_.keeper.Change([&](LivePod& pod) {
    if (ContainerRecord* const container = pod.record.Find(before.id)) *container = before;
  });
}

Status GuestContainers::Remove(const std::string& id, Deadline deadline) {
  if (Has(id)) {
    parts_.exits.ForgetUnstarted(id);
    VC_RETURN_IF_ERROR(agent().RemoveContainer(id, deadline));
    known_.erase(id);
  }
  VC_RETURN_IF_ERROR(parts_.vm.HideContainer(id));
  parts_.processes.Remove(id);
  return {};
}

void GuestContainers::Discard(const std::string& id, Deadline deadline) {
  parts_.exits.ForgetUnstarted(id);
  (void)agent().RemoveContainer(id, Min(deadline, Deadline::After(kDiscard)));
  (void)parts_.vm.HideContainer(id);
  known_.erase(id);
}

Status GuestContainers::Stop(const std::string& id, milliseconds grace, Deadline deadline) {
  const Deadline patience = Min(deadline, Deadline::After(grace));
  if (grace.count() > 0) {
    // One that ends by itself just now is as good as stopped: the signals' errors tell nothing.
    (void)agent().SignalProcess({id, ""}, SIGTERM, false, patience);
    if (parts_.exits.WaitForState(id, ContainerState::kStopped, patience)) return {};
  }
  const Status killed = agent().SignalProcess({id, ""}, SIGKILL, true, deadline);
  if (parts_.exits.WaitForState(id, ContainerState::kStopped,
                                killed ? deadline : Deadline::After(seconds(0)))) {
    return {};
  }
  VC_RETURN_IF_ERROR(killed);
  return Fail(Code::kDeadlineExceeded, "container " + Quoted(id) + " was killed and does not end");
}

void GuestContainers::StopAll(milliseconds grace, Deadline deadline) {
  std::vector<std::string> running, paused;
  parts_.keeper.Read([&](const LivePod& pod) {
    for (const ContainerRecord& container : pod.record.containers) {
      if (container.state == ContainerState::kPaused) paused.push_back(container.id);
      if (Lives(container.state)) running.push_back(container.id);
    }
  });
  // What stands still hears nothing.
  const Deadline moment = Min(deadline, Deadline::After(kStopAll));
  for (const std::string& id : paused) {
    if (agent().ResumeContainer(id, moment)) {
      (void)parts_.keeper.SetLiveState(id, ContainerState::kRunning);
    }
  }
  // A guest that answers nothing any more must not take more time than one that does.
  const Deadline patience = Min(deadline, Deadline::After(grace));
  if (grace.count() > 0) {
    for (const std::string& id : running) (void)agent().SignalProcess({id, ""}, SIGTERM, false, patience);
  }
  std::vector<std::string> alive;
  for (const std::string& id : running) {
    if (!parts_.exits.WaitForState(id, ContainerState::kStopped, patience)) alive.push_back(id);
  }
  const Deadline end = Min(deadline, Deadline::After(kStopAll));
  for (const std::string& id : alive) (void)agent().SignalProcess({id, ""}, SIGKILL, true, end);
  for (const std::string& id : alive) (void)parts_.exits.WaitForState(id, ContainerState::kStopped, end);
}

}  // namespace virtcontainers
