#include "monitor/reconciler.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "base/errors.h"
#include "base/time_format.h"

namespace virtcontainers {
namespace {

constexpr char kEndUnseen[] = "its end was not seen";

}  // namespace

Reconciler::Reconciler(const Parts& parts)
    : parts_(parts), reported_(parts.keeper.files().paths().root(), parts.keeper.files().id()) {}

GuestState Reconciler::GuestOfRecord() const {
  GuestState state;
  state.sandbox = parts_.vm.sandbox();
  parts_.keeper.Read([&](const LivePod& pod) {
    for (const ContainerRecord& container : pod.record.containers) {
      // One that was made and never started is not told from one that was not made: it is made anew.
      if (!container.started) continue;
      // The guest was most likely asked to start it, and what is killed ends.
      const ContainerState seen = container.restarting ? ContainerState::kRunning : container.state;
      state.containers.push_back({container.id, seen, {}});
    }
  });
  return state;
}

Status Reconciler::Run(Deadline deadline) {
  Result<GuestState> guest = parts_.vm.agent()->GetState(deadline);
  if (!guest && guest.error().code() == Code::kUnimplemented) guest = GuestOfRecord();
  VC_RETURN_IF_ERROR(guest);
  if (guest->sandbox.empty()) VC_RETURN_IF_ERROR(parts_.vm.PrepareGuest(deadline));

  const std::vector<ContainerRecord> known =
      parts_.keeper.Read([](const LivePod& pod) { return pod.record.containers; });
  for (const GuestState::Container& found : guest->containers) {
    const auto record = std::find_if(known.begin(), known.end(),
                                     [&](const ContainerRecord& entry) { return entry.id == found.id; });
    if (record != known.end()) {
      VC_RETURN_IF_ERROR(AdoptContainer(*record, found));
      continue;
    }
    // Its creation had not been written down: it has not happened.
    parts_.guest.Discard(found.id, deadline);
  }
  for (const std::string& exec : guest->execs) AdoptExec("", exec);
  for (const ContainerRecord& record : known) {
    if (!parts_.guest.Has(record.id)) VC_RETURN_IF_ERROR(AdoptMissing(record));
  }
  return {};
}

Status Reconciler::AdoptMissing(const ContainerRecord& record) {
  VC_RETURN_IF_ERROR(parts_.vm.HideContainer(record.id));
  EmitStopped(record);
  if (!Lives(record.state)) return {};
  VC_RETURN_IF_ERROR(parts_.keeper.Change([&](LivePod& pod) {
    ContainerRecord* lost = pod.record.Find(record.id);
    lost->state = ContainerState::kStopped;
    lost->reason = kEndUnseen;
    lost->finished = Now();
  }));
  parts_.events.Emit(EventType::kContainerExited, record.id, "", {}, kEndUnseen);
  return {};
}

void Reconciler::EmitStopped(const ContainerRecord& record) {
  if (record.state != ContainerState::kStopped || reported_.HasEnd(record)) return;
  parts_.events.Emit(EventType::kContainerExited, record.id, "", record.exit, record.reason);
}

void Reconciler::AdoptExec(const std::string& container, const std::string& exec) {
  if (SocketForwards::IsOwn(exec)) return;
  const bool reported = reported_.HasEnd(container, exec);
  if (!reported && !reported_.HasStart(container, exec)) {
    parts_.events.Emit(EventType::kProcessStarted, container, exec);
  }
  parts_.exits.FollowExec(container, parts_.vm.RefOf(container, exec), !reported);
}

Status Reconciler::AdoptContainer(const ContainerRecord& record, const GuestState::Container& found) {
  const std::string& id = record.id;
  const PodFiles& files = parts_.keeper.files();
  VC_ASSIGN_OR_RETURN(const ContainerConfig config, files.LoadContainer(id));
  parts_.guest.Adopt(config);
  parts_.forwards.Adopt(config, found.execs, Lives(found.state));
  EmitStopped(record);
  // Made, and never started: by the record it is ready, or stopped since its last life.
  if (found.state == ContainerState::kReady) {
    parts_.exits.WatchUnstarted(id);
    for (const std::string& exec : found.execs) AdoptExec(id, exec);
    return {};
  }

  const bool logged = config.output == ContainerOutput::kLog;
  if (record.state == ContainerState::kStopped && !record.restarting && !Lives(found.state)) {
    parts_.exits.FollowRecorded(id, !logged);
  } else {
    std::shared_ptr<ContainerLog> log;
    if (logged) {
      VC_ASSIGN_OR_RETURN(log, ContainerLog::Resume(files.paths().log(id), config.log));
    }
    // Who has ended since is said to have stopped when all that it said is in its log.
    const bool started = !Lives(record.state);
    parts_.exits.Expect(id, log);
    VC_RETURN_IF_ERROR(parts_.keeper.Change([&](LivePod& pod) {
      ContainerRecord* container = pod.record.Find(id);
      container->state =
          found.state == ContainerState::kPaused ? ContainerState::kPaused : ContainerState::kRunning;
      if (started) NoteStart(*container);
    }));
    if (started || !reported_.HasStart(record)) parts_.events.Emit(EventType::kContainerStarted, id);
    parts_.exits.Follow(id, log);
  }
  for (const std::string& exec : found.execs) AdoptExec(id, exec);
  return {};
}

}  // namespace virtcontainers
