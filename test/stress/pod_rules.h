// What pods may answer and show to callers who know nothing of each other: refusals, states, events. Pure.

#ifndef VIRTCONTAINERS_TEST_STRESS_POD_RULES_H_
#define VIRTCONTAINERS_TEST_STRESS_POD_RULES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "pod/state_machine.h"
#include "virtcontainers/event.h"
#include "virtcontainers/status.h"

namespace virtcontainers::stress {

// Whether callers, monitors and VMs are being killed meanwhile.
enum class Weather { kCalm, kDeaths };

// A call, as far as it decides how it may fail.
struct Call {
  std::string pod;
  std::string container;  // empty: none
  std::optional<PodCall> pod_call;
  std::optional<ContainerCall> container_call;
  // The codes it may answer beside NotFound, and FailedPrecondition in the words of the state machine.
  std::set<Code> codes;
};

// Empty if the call may fail so.
std::string WhatIsWrongWith(const Call& call, const Error& error, Weather weather);

// Empty if a pod can be in this state.
std::string WhatIsWrongWith(const PodStatus& pod, Weather weather);

// Follows the events of a root from its first on.
class EventRules {
 public:
  // Empty if the event may come after those before it. What it tells is believed all the same.
  std::string Apply(const Event& event, Weather weather);

  uint64_t count(EventType type) const;

 private:
  struct Pod {
    std::optional<PodState> state;  // nothing: there is none
    // Those that are not in it have told nothing yet; nothing: deleted.
    std::map<std::string, std::optional<ContainerState>> containers;
    std::set<std::pair<std::string, std::string>> processes;  // {container, process} that run
  };

  std::string ApplyToPod(const Event& event, Weather weather);
  std::string ApplyToContainer(const Event& event);
  std::string ApplyToProcess(const Event& event, Weather weather);

  uint64_t last_ = 0;
  std::map<EventType, uint64_t> counts_;
  std::map<std::string, Pod> pods_;
};

}  // namespace virtcontainers::stress

#endif  // VIRTCONTAINERS_TEST_STRESS_POD_RULES_H_
