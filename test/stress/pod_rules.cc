#include "stress/pod_rules.h"

#include <algorithm>
#include <vector>

namespace virtcontainers::stress {
namespace {

bool Says(const Error& error, const Status& refusal) {
  // What a monitor refuses comes with the operation in front.
  return !refusal && error.ToString().ends_with(refusal.error().message());
}

Status Refusal(const Result<Step>& step) {
  if (!step) return tl::unexpected(step.error());
  return {};
}

// Whether the state machine has this refusal in some state.
bool IsRefusal(const Call& call, const Error& error) {
  for (const PodState pod : kPodStates) {
    if (call.pod_call && Says(error, Refusal(CheckPodCall(call.pod, pod, *call.pod_call)))) return true;
    if (!call.container_call) continue;
    for (const ContainerState container : kContainerStates) {
      if (Says(error,
               Refusal(CheckContainerCall(call.pod, pod, call.container, container, *call.container_call)))) {
        return true;
      }
    }
  }
  return false;
}

// Of this state, or of none that is known yet.
template <typename State>
bool IsOneOf(const std::optional<State>& state, std::initializer_list<State> expected) {
  return state && std::find(expected.begin(), expected.end(), *state) != expected.end();
}

std::string Name(const std::optional<PodState>& state) {
  return state ? std::string(PodStateName(*state)) : "not there";
}
std::string Name(const std::optional<ContainerState>& state) {
  return state ? std::string(ContainerStateName(*state)) : "not there";
}

std::string ContainerFault(const ContainerStatus& container, const PodStatus& pod) {
  const bool alive =
      container.state == ContainerState::kRunning || container.state == ContainerState::kPaused;
  const bool has_vm = pod.state == PodState::kRunning || pod.state == PodState::kPaused;
  const bool stopped = container.state == ContainerState::kStopped;
  if (!container.created) return "was never created";
  if (alive && !has_vm) return "runs in a pod that does not";
  if (alive && !container.started) return "runs and was never started";
  if (alive && (container.exit || container.finished)) return "runs and has ended";
  if (alive && !container.reason.empty()) return "runs, and says why it is stopped: " + container.reason;
  if (stopped && !container.finished) return "has stopped, and did not finish";
  if (stopped && !container.exit && container.reason.empty()) return "has stopped, and nobody says how";
  if (container.state == ContainerState::kReady && (container.exit || container.finished)) {
    return "was not started, and has ended";
  }
  return "";
}

}  // namespace

std::string WhatIsWrongWith(const Call& call, const Error& error, Weather weather) {
  const Code code = error.code();
  bool expected = code == Code::kNotFound || call.codes.count(code) != 0;
  if (code == Code::kFailedPrecondition) expected = IsRefusal(call, error);
  // Given up by somebody's death, and free to be tried again.
  if (weather == Weather::kDeaths && (code == Code::kUnavailable || code == Code::kAborted)) expected = true;
  return expected ? "" : std::string(CodeName(code)) + ": " + error.ToString();
}

std::string WhatIsWrongWith(const PodStatus& pod, Weather weather) {
  const bool has_vm = pod.state == PodState::kRunning || pod.state == PodState::kPaused;
  if (!pod.created) return "it was never created";
  if (has_vm != (pod.vm_pid != 0)) return "running and having a VM are the same";
  if (has_vm && pod.monitor_pid == 0) return "it runs and has no monitor";
  if (has_vm && !pod.started) return "it runs and was never started";
  if (has_vm && pod.finished) return "it runs and has finished";
  if (pod.state == PodState::kReady && (pod.started || pod.finished)) return "it is ready and was started";
  if (pod.state == PodState::kStopped && !pod.finished) return "it has stopped, and did not finish";
  // It may be seen before the monitor has said why.
  if (weather == Weather::kCalm && !pod.reason.empty() && pod.reason != "the VM has ended") {
    return "nobody killed it, and it says: " + pod.reason;
  }
  std::set<std::string> ids;
  for (const ContainerStatus& container : pod.containers) {
    if (!ids.insert(container.id).second) return "container " + container.id + " is there twice";
    const std::string fault = ContainerFault(container, pod);
    if (!fault.empty()) return "container " + container.id + " " + fault;
  }
  return "";
}

std::string EventRules::Apply(const Event& event, Weather weather) {
  if (event.type == EventType::kLost) return "events are lost: " + event.reason;
  ++counts_[event.type];
  std::string wrong;
  if (event.sequence != last_ + 1) {
    wrong = "event " + std::to_string(event.sequence) + " comes after event " + std::to_string(last_) + "; ";
  }
  last_ = event.sequence;
  if (!event.process.empty()) {
    wrong += ApplyToProcess(event, weather);
  } else if (!event.container.empty()) {
    wrong += ApplyToContainer(event);
  } else {
    wrong += ApplyToPod(event, weather);
  }
  if (wrong.empty()) return "";
  return "event " + std::to_string(event.sequence) + " (" + std::string(EventTypeName(event.type)) +
         " of pod " + event.pod + (event.container.empty() ? "" : ", container " + event.container) +
         "): " + wrong;
}

uint64_t EventRules::count(EventType type) const {
  const auto found = counts_.find(type);
  return found == counts_.end() ? 0 : found->second;
}

std::string EventRules::ApplyToPod(const Event& event, Weather weather) {
  using enum PodState;
  Pod& pod = pods_[event.pod];
  const std::optional<PodState> before = pod.state;
  bool legal = true;
  switch (event.type) {
    case EventType::kPodCreated:
      legal = !before;
      pod = {.state = kReady};
      break;
    case EventType::kPodStarted:
      legal = IsOneOf(before, {kReady, kStopped});
      pod.state = kRunning;
      pod.processes.clear();
      // All of them are made anew.
      for (auto& [id, container] : pod.containers) {
        if (container) container = ContainerState::kReady;
      }
      break;
    case EventType::kPodPaused:
      legal = IsOneOf(before, {kRunning});
      pod.state = kPaused;
      break;
    case EventType::kPodResumed:
      legal = IsOneOf(before, {kPaused});
      pod.state = kRunning;
      break;
    case EventType::kPodStopped: {
      legal = IsOneOf(before, {kRunning, kPaused});
      pod.state = kStopped;
      std::string alive;
      for (auto& [id, container] : pod.containers) {
        if (!IsOneOf(container, {ContainerState::kRunning, ContainerState::kPaused})) continue;
        container = ContainerState::kStopped;
        alive = id;
      }
      // Where there is no monitor, nobody knows of the containers.
      if (legal && !alive.empty() && weather == Weather::kCalm) return "its container " + alive + " runs";
      break;
    }
    case EventType::kPodDeleted:
      legal = IsOneOf(before, {kReady, kStopped});
      pod = {};
      break;
    default:
      return "it is no event of a pod";
  }
  return legal ? "" : "the pod is " + Name(before);
}

std::string EventRules::ApplyToContainer(const Event& event) {
  using enum ContainerState;
  Pod& pod = pods_[event.pod];
  // One that has told nothing yet was created with its pod, or is not there.
  const bool known = pod.containers.count(event.container) != 0;
  std::optional<ContainerState>& state = pod.containers[event.container];
  const std::optional<ContainerState> before = state;
  bool legal = true;
  bool in_guest = false;  // it takes a VM that runs
  switch (event.type) {
    case EventType::kContainerCreated:
      legal = !before;
      state = kReady;
      break;
    case EventType::kContainerStarted:
      legal = !known || IsOneOf(before, {kReady, kStopped});
      in_guest = true;
      state = kRunning;
      break;
    case EventType::kContainerPaused:
      legal = IsOneOf(before, {kRunning});
      in_guest = true;
      state = kPaused;
      break;
    case EventType::kContainerResumed:
      legal = IsOneOf(before, {kPaused});
      in_guest = true;
      state = kRunning;
      break;
    case EventType::kContainerUpdated:
    case EventType::kContainerOom:
      legal = !known || before;
      if (!known) state = kReady;
      break;
    case EventType::kContainerExited:
      // The VM may have been paused since. A start that failed is an end with a reason and an exit code.
      legal = (IsOneOf(before, {kRunning, kPaused}) || (!event.reason.empty() && event.exit)) &&
              IsOneOf(pod.state, {PodState::kRunning, PodState::kPaused});
      state = kStopped;
      break;
    case EventType::kContainerDeleted:
      legal = !known || IsOneOf(before, {kReady, kStopped});
      state = std::nullopt;
      break;
    default:
      return "it is no event of a container";
  }
  if (!pod.state) return "its pod is not there";
  if (in_guest && pod.state != PodState::kRunning) return "its pod is " + Name(pod.state);
  return legal ? "" : "the container is " + Name(before);
}

std::string EventRules::ApplyToProcess(const Event& event, Weather weather) {
  Pod& pod = pods_[event.pod];
  const std::pair process(event.container, event.process);
  if (event.type == EventType::kProcessStarted) {
    const bool fresh = pod.processes.insert(process).second;
    // To enter takes no turn: it may have been paused since.
    if (!IsOneOf(pod.state, {PodState::kRunning, PodState::kPaused})) return "its pod is " + Name(pod.state);
    return fresh ? "" : "it has started before";
  }
  if (event.type != EventType::kProcessExited) return "it is no event of a process";
  if (pod.processes.erase(process) != 0) return "";
  // Its start may have been what a dead monitor had yet to write.
  return weather == Weather::kDeaths ? "" : "it has ended before, or did not start";
}

}  // namespace virtcontainers::stress
