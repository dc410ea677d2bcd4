#include "pod/state_machine.h"

#include "base/errors.h"

namespace virtcontainers {
namespace {

// What stands in a cell of the tables: do it, nothing to do, or what has to be done first.
struct Verdict {
  enum Kind { kDo, kNothing, kFirst } kind;
  const char* way_out = nullptr;
};

constexpr Verdict Do() { return {Verdict::kDo}; }
constexpr Verdict Nothing() { return {Verdict::kNothing}; }
constexpr Verdict First(const char* way_out) { return {Verdict::kFirst, way_out}; }

constexpr const char* kStartIt = "start it first";
constexpr const char* kStopIt = "stop it first";
constexpr const char* kResumeIt = "resume it first";

// Rows: calls, in the order of the enumeration. Columns: ready, running, paused, stopped.
constexpr Verdict kPodTable[][4] = {
    /* StartPod */ {Do(), First(kStopIt), First(kResumeIt), Do()},
    /* StopPod */ {First(kStartIt), Do(), Do(), Nothing()},
    /* DeletePod */ {Do(), First(kStopIt), First(kStopIt), Do()},
    /* EnterPod */ {First(kStartIt), Do(), First(kResumeIt), First(kStartIt)},
    /* CreateContainer */ {Do(), Do(), First(kResumeIt), Do()},
    /* PausePod */ {First(kStartIt), Do(), Nothing(), First(kStartIt)},
    /* ResumePod */ {First(kStartIt), Nothing(), Do(), First(kStartIt)},
    /* StatsPod */ {First(kStartIt), Do(), Do(), First(kStartIt)},
    /* ChangeNetworks */ {First(kStartIt), Do(), First(kResumeIt), First(kStartIt)},
};

// Of a container in a pod that runs: one that is ready there is what OCI calls created.
constexpr Verdict kContainerTable[][4] = {
    /* StartContainer */ {Do(), First(kStopIt), First(kResumeIt), Do()},
    /* StopContainer */ {First(kStartIt), Do(), First(kResumeIt), Nothing()},
    /* DeleteContainer */ {Do(), First(kStopIt), First(kStopIt), Do()},
    /* EnterContainer */ {Do(), Do(), First(kResumeIt), First(kStartIt)},
    /* AttachContainer */ {First(kStartIt), Do(), Do(), Do()},
    /* PauseContainer */ {First(kStartIt), Do(), Nothing(), First(kStartIt)},
    /* ResumeContainer */ {First(kStartIt), Nothing(), Do(), First(kStartIt)},
    /* KillContainer */ {Do(), Do(), Do(), Nothing()},
    /* WaitContainer */ {First(kStartIt), Do(), Do(), Do()},
    /* UpdateContainer */ {Do(), Do(), Do(), Do()},
    /* StatsContainer */ {First(kStartIt), Do(), Do(), First(kStartIt)},
    /* CopyFile */ {First(kStartIt), Do(), First(kResumeIt), First(kStartIt)},
};

static_assert(std::size(kPodTable) == std::size(kPodCalls));
static_assert(std::size(kContainerTable) == std::size(kContainerCalls));

// `not_running`: the reason where the way out is to start it.
Result<Step> Answer(const Verdict& verdict, Reason not_running, std::string_view what, std::string_view id,
                    std::string_view state) {
  switch (verdict.kind) {
    case Verdict::kDo:
      return Step::kDo;
    case Verdict::kNothing:
      return Step::kNothing;
    case Verdict::kFirst:
      break;
  }
  return Fail(Code::kFailedPrecondition, verdict.way_out == kStartIt ? not_running : Reason::kNone,
              std::string(what) + " " + Quoted(id) + " is " + std::string(state) + ": " + verdict.way_out);
}

}  // namespace

Result<Step> CheckPodCall(std::string_view pod, PodState state, PodCall call) {
  return Answer(kPodTable[static_cast<int>(call)][static_cast<int>(state)], Reason::kPodNotRunning, "pod",
                pod, PodStateName(state));
}

Result<Step> CheckContainerCall(std::string_view pod, PodState pod_state, std::string_view container,
                                ContainerState state, ContainerCall call) {
  // Its end is written down, whatever became of its pod; and what has no end yet can be waited for.
  const bool own_row = call == ContainerCall::kWaitContainer;
  if (pod_state == PodState::kPaused && !own_row) {
    return Answer(First(kResumeIt), Reason::kPodNotRunning, "pod", pod, PodStateName(pod_state));
  }
  if (pod_state != PodState::kRunning && !own_row) {
    // Without a VM there is nothing of a container but its record.
    if (call == ContainerCall::kDeleteContainer || call == ContainerCall::kUpdateContainer) return Step::kDo;
    const bool ends = call == ContainerCall::kStopContainer || call == ContainerCall::kKillContainer;
    if (ends && state == ContainerState::kStopped) return Step::kNothing;
    return Answer(First(kStartIt), Reason::kPodNotRunning, "pod", pod, PodStateName(pod_state));
  }
  return Answer(kContainerTable[static_cast<int>(call)][static_cast<int>(state)],
                Reason::kContainerNotRunning, "container", container, ContainerStateName(state));
}

Status SignalToStopped(std::string_view container, int signal) {
  if (signal != 0) return {};
  return Fail(Code::kFailedPrecondition, Reason::kContainerNotRunning,
              "container " + Quoted(container) + " is stopped");
}

}  // namespace virtcontainers
