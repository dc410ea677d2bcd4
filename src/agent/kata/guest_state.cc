#include "agent/kata/guest_state.h"

namespace virtcontainers {

GuestState FromGuestState(const wire::GetStateResponse& answer) {
  GuestState state;
  state.sandbox = answer.sandbox_id();
  for (const wire::ContainerState& found : answer.containers()) {
    GuestState::Container& container = state.containers.emplace_back();
    container.id = found.id();
    container.execs.assign(found.execs().begin(), found.execs().end());
    switch (found.state()) {
      case wire::ContainerState::RUNNING:
        container.state = ContainerState::kRunning;
        break;
      case wire::ContainerState::PAUSED:
        container.state = ContainerState::kPaused;
        break;
      case wire::ContainerState::STOPPED:
        container.state = ContainerState::kStopped;
        break;
      default:
        container.state = ContainerState::kReady;
    }
  }
  state.execs.assign(answer.execs().begin(), answer.execs().end());
  return state;
}

}  // namespace virtcontainers
