// Which call is legal in which state. Pure.

#ifndef VIRTCONTAINERS_SRC_POD_STATE_MACHINE_H_
#define VIRTCONTAINERS_SRC_POD_STATE_MACHINE_H_

#include <string_view>

#include "virtcontainers/error.h"
#include "virtcontainers/status.h"

namespace virtcontainers {

enum class PodCall {
  kStartPod,
  kStopPod,
  kDeletePod,
  kEnterPod,
  kCreateContainer,
  kPausePod,
  kResumePod,
  kStatsPod,
  kChangeNetworks,
};

enum class ContainerCall {
  kStartContainer,
  kStopContainer,
  kDeleteContainer,
  kEnterContainer,
  kAttachContainer,
  kPauseContainer,
  kResumeContainer,
  kKillContainer,
  kWaitContainer,
  kUpdateContainer,
  kStatsContainer,  // and the list of its processes
  kCopyFile,
};

inline constexpr PodState kPodStates[] = {PodState::kReady, PodState::kRunning, PodState::kPaused,
                                          PodState::kStopped};
inline constexpr ContainerState kContainerStates[] = {ContainerState::kReady, ContainerState::kRunning,
                                                      ContainerState::kPaused, ContainerState::kStopped};
inline constexpr PodCall kPodCalls[] = {
    PodCall::kStartPod,  PodCall::kStopPod,         PodCall::kDeletePod,
    PodCall::kEnterPod,  PodCall::kCreateContainer, PodCall::kPausePod,
    PodCall::kResumePod, PodCall::kStatsPod,        PodCall::kChangeNetworks};
inline constexpr ContainerCall kContainerCalls[] = {
    ContainerCall::kStartContainer,  ContainerCall::kStopContainer,   ContainerCall::kDeleteContainer,
    ContainerCall::kEnterContainer,  ContainerCall::kAttachContainer, ContainerCall::kPauseContainer,
    ContainerCall::kResumeContainer, ContainerCall::kKillContainer,   ContainerCall::kWaitContainer,
    ContainerCall::kUpdateContainer, ContainerCall::kStatsContainer,  ContainerCall::kCopyFile};

// What a legal call has to do.
enum class Step {
  kDo,       // what it says
  kNothing,  // it is so already
};

// Errors: FailedPrecondition, with the state and what to call first.
Result<Step> CheckPodCall(std::string_view pod, PodState state, PodCall call);

// The container's part of a call in a pod of state `pod_state`.
// Errors: FailedPrecondition, with the state of what stands in the way and what to call first.
Result<Step> CheckContainerCall(std::string_view pod, PodState pod_state, std::string_view container,
                                ContainerState state, ContainerCall call);

// A signal to a container that has stopped. Errors: FailedPrecondition for signal 0, which asks whether it
// runs; any other has nothing to do.
Status SignalToStopped(std::string_view container, int signal);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_POD_STATE_MACHINE_H_
