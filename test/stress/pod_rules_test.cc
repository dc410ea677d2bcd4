// The rules that others are measured by: each of them finds something wrong.

#include "stress/pod_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stress/usage.h"

namespace virtcontainers::stress {
namespace {

using testing::HasSubstr;

constexpr Weather kCalm = Weather::kCalm;

PodStatus Running() {
  PodStatus pod;
  pod.id = "p";
  pod.state = PodState::kRunning;
  pod.vm_pid = pod.monitor_pid = 7;
  pod.created = pod.started = Time();
  ContainerStatus container;
  container.id = "a";
  container.state = ContainerState::kRunning;
  container.created = container.started = Time();
  pod.containers = {container};
  return pod;
}

// The rules' word on one change of a pod that is right.
template <typename F>
std::string Fault(F change) {
  PodStatus pod = Running();
  change(pod);
  return WhatIsWrongWith(pod, kCalm);
}

TEST(StateRules, Check_SoundPod_FindsNothing) { EXPECT_EQ(WhatIsWrongWith(Running(), kCalm), ""); }

TEST(StateRules, Check_ImpossibleState_FindsIt) {
  EXPECT_THAT(Fault([](PodStatus& pod) { pod.vm_pid = 0; }), HasSubstr("having a VM"));
  EXPECT_THAT(Fault([](PodStatus& pod) { pod.started.reset(); }), HasSubstr("was never started"));
  EXPECT_THAT(Fault([](PodStatus& pod) { pod.finished = Time(); }), HasSubstr("has finished"));
  EXPECT_THAT(Fault([](PodStatus& pod) { pod.reason = "killed"; }), HasSubstr("nobody killed it"));
  EXPECT_THAT(Fault([](PodStatus& pod) {
                pod.state = PodState::kStopped;
                pod.vm_pid = 0;
                pod.finished = Time();
              }),
              HasSubstr("container a runs in a pod that does not"));
  EXPECT_THAT(Fault([](PodStatus& pod) { pod.containers[0].exit = ExitStatus{0}; }), HasSubstr("has ended"));
  EXPECT_THAT(Fault([](PodStatus& pod) { pod.containers.push_back(pod.containers[0]); }),
              HasSubstr("is there twice"));
  EXPECT_THAT(Fault([](PodStatus& pod) {
                pod.containers[0].state = ContainerState::kStopped;
                pod.containers[0].finished = Time();
              }),
              HasSubstr("nobody says how"));
}

TEST(CallRules, Check_RefusalNotOfStateMachine_FindsIt) {
  const Call start{"p", "", PodCall::kStartPod, {}, {}};
  const auto refused = [](const char* why) { return Error(Code::kFailedPrecondition, why); };
  EXPECT_EQ(WhatIsWrongWith(start, refused("pod 'p' is running: stop it first"), kCalm), "");
  EXPECT_NE(WhatIsWrongWith(start, refused("pod 'p' is ready: start it first"), kCalm), "");
  EXPECT_NE(WhatIsWrongWith(start, refused("pod 'q' is running: stop it first"), kCalm), "");
  EXPECT_EQ(WhatIsWrongWith(start, Error(Code::kNotFound, ""), kCalm), "");
  EXPECT_NE(WhatIsWrongWith(start, Error(Code::kDeadlineExceeded, ""), kCalm), "");
  EXPECT_NE(WhatIsWrongWith(start, Error(Code::kDeadlineExceeded, ""), Weather::kDeaths), "");
  EXPECT_NE(WhatIsWrongWith(start, Error(Code::kAborted, ""), kCalm), "");
  EXPECT_EQ(WhatIsWrongWith(start, Error(Code::kAborted, ""), Weather::kDeaths), "");
}

class EventRulesTest : public testing::Test {
 protected:
  std::string Tell(EventType type, const std::string& container = "", const std::string& process = "") {
    Event event;
    event.type = type;
    event.sequence = ++sequence_;
    event.pod = "p";
    event.container = container;
    event.process = process;
    return rules_.Apply(event, kCalm);
  }

  uint64_t sequence_ = 0;
  EventRules rules_;
};

TEST_F(EventRulesTest, Check_SoundOrder_FindsNothing) {
  EXPECT_EQ(Tell(EventType::kPodCreated), "");
  EXPECT_EQ(Tell(EventType::kPodStarted), "");
  EXPECT_EQ(Tell(EventType::kContainerStarted, "a"), "");
  EXPECT_EQ(Tell(EventType::kProcessStarted, "a", "x"), "");
  EXPECT_EQ(Tell(EventType::kProcessExited, "a", "x"), "");
  EXPECT_EQ(Tell(EventType::kPodPaused), "");
  EXPECT_EQ(Tell(EventType::kPodResumed), "");
  EXPECT_EQ(Tell(EventType::kContainerExited, "a"), "");
  EXPECT_EQ(Tell(EventType::kPodStopped), "");
  EXPECT_EQ(Tell(EventType::kContainerDeleted, "a"), "");
  EXPECT_EQ(Tell(EventType::kPodDeleted), "");
  EXPECT_EQ(Tell(EventType::kPodCreated), "");
  EXPECT_EQ(rules_.count(EventType::kPodCreated), 2u);
}

TEST_F(EventRulesTest, Check_ImpossibleOrder_FindsIt) {
  EXPECT_THAT(Tell(EventType::kPodStarted), HasSubstr("the pod is not there"));
  EXPECT_THAT(Tell(EventType::kPodCreated), HasSubstr("the pod is running"));
  EXPECT_THAT(Tell(EventType::kPodResumed), HasSubstr("the pod is ready"));
  EXPECT_THAT(Tell(EventType::kPodDeleted), HasSubstr("the pod is running"));
  EXPECT_EQ(Tell(EventType::kPodCreated), "");
  EXPECT_THAT(Tell(EventType::kContainerStarted, "a"), HasSubstr("its pod is ready"));
  EXPECT_THAT(Tell(EventType::kContainerDeleted, "a"), HasSubstr("the container is running"));
  EXPECT_EQ(Tell(EventType::kPodStarted), "");
  EXPECT_EQ(Tell(EventType::kContainerStarted, "b"), "");
  EXPECT_THAT(Tell(EventType::kProcessExited, "b", "x"), HasSubstr("did not start"));
  EXPECT_EQ(Tell(EventType::kProcessStarted, "b", "x"), "");
  EXPECT_THAT(Tell(EventType::kProcessStarted, "b", "x"), HasSubstr("it has started before"));
  EXPECT_THAT(Tell(EventType::kPodStopped), HasSubstr("its container b runs"));
  EXPECT_THAT(Tell(EventType::kProcessStarted, "b", "y"), HasSubstr("its pod is stopped"));
  EXPECT_THAT(Tell(EventType::kContainerExited, "b"), HasSubstr("is stopped"));
}

TEST_F(EventRulesTest, ExitOfAContainer_WhoseStartFailed_IsLetPass) {
  EXPECT_EQ(Tell(EventType::kPodCreated), "");
  EXPECT_EQ(Tell(EventType::kPodStarted), "");
  EXPECT_EQ(Tell(EventType::kContainerCreated, "b"), "");
  Event event;
  event.type = EventType::kContainerExited;
  event.sequence = ++sequence_;
  event.pod = "p";
  event.container = "b";
  event.reason = "start failed: exec '/x': not executable";
  event.exit = ExitStatus{126};
  EXPECT_EQ(rules_.Apply(event, kCalm), "");
  EXPECT_EQ(Tell(EventType::kContainerStarted, "b"), "");
}

TEST_F(EventRulesTest, Check_MissingNumber_FindsIt) {
  EXPECT_EQ(Tell(EventType::kPodCreated), "");
  ++sequence_;
  EXPECT_THAT(Tell(EventType::kPodStarted), HasSubstr("comes after event 1"));
}

TEST(SlopeTest, Slope_OfSeries_IsItsGrowth) {
  EXPECT_EQ(Slope({}), 0);
  EXPECT_EQ(Slope({5}), 0);
  EXPECT_DOUBLE_EQ(Slope({1, 3, 5, 7}), 2);
  EXPECT_DOUBLE_EQ(Slope({4, 4, 4}), 0);
  EXPECT_LT(Slope({9, 1, 9, 1}), 0);
}

}  // namespace
}  // namespace virtcontainers::stress
