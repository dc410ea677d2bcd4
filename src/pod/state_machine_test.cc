#include "pod/state_machine.h"

#include <gtest/gtest.h>
#include <map>
#include <string>
#include <utility>

namespace virtcontainers {
namespace {

// One letter for each state, in the order ready, running, paused, stopped: d do it, n nothing to do, and what
// the caller is told to do first: s start, t stop, r resume.
constexpr std::pair<PodCall, const char*> kPodCells[] = {
    {PodCall::kStartPod, "dtrd"},  {PodCall::kStopPod, "sddn"},         {PodCall::kDeletePod, "dttd"},
    {PodCall::kEnterPod, "sdrs"},  {PodCall::kCreateContainer, "ddrd"}, {PodCall::kPausePod, "sdns"},
    {PodCall::kResumePod, "snds"}, {PodCall::kStatsPod, "sdds"},        {PodCall::kChangeNetworks, "sdrs"},
};

// Of a container in a pod that runs.
constexpr std::pair<ContainerCall, const char*> kContainerCells[] = {
    {ContainerCall::kStartContainer, "dtrd"},  {ContainerCall::kStopContainer, "sdrn"},
    {ContainerCall::kDeleteContainer, "dttd"}, {ContainerCall::kEnterContainer, "ddrs"},
    {ContainerCall::kAttachContainer, "sddd"}, {ContainerCall::kPauseContainer, "sdns"},
    {ContainerCall::kResumeContainer, "snds"}, {ContainerCall::kKillContainer, "dddn"},
    {ContainerCall::kWaitContainer, "sddd"},   {ContainerCall::kUpdateContainer, "dddd"},
    {ContainerCall::kStatsContainer, "sdds"},  {ContainerCall::kCopyFile, "sdrs"},
};

// Of a container, of the state that is the column's, in a pod that is ready or stopped.
constexpr std::pair<ContainerCall, const char*> kCellsWithoutVm[] = {
    {ContainerCall::kStartContainer, "ssss"},  {ContainerCall::kStopContainer, "sssn"},
    {ContainerCall::kDeleteContainer, "dddd"}, {ContainerCall::kEnterContainer, "ssss"},
    {ContainerCall::kAttachContainer, "ssss"}, {ContainerCall::kPauseContainer, "ssss"},
    {ContainerCall::kResumeContainer, "ssss"}, {ContainerCall::kKillContainer, "sssn"},
    {ContainerCall::kWaitContainer, "sddd"},   {ContainerCall::kUpdateContainer, "dddd"},
    {ContainerCall::kStatsContainer, "ssss"},  {ContainerCall::kCopyFile, "ssss"},
};

void ExpectAnswer(const Result<Step>& step, char cell, const std::string& subject, std::string_view state) {
  if (cell == 'd' || cell == 'n') {
    ASSERT_TRUE(step) << step.error().ToString();
    EXPECT_EQ(*step, cell == 'd' ? Step::kDo : Step::kNothing);
    return;
  }
  const std::map<char, std::string> way_out = {{'s', "start"}, {'t', "stop"}, {'r', "resume"}};
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(step.error().ToString(),
            subject + " is " + std::string(state) + ": " + way_out.at(cell) + " it first");
}

TEST(StateMachine, PodCalls_InEveryState_AreAllowedOrRefused) {
  ASSERT_EQ(std::size(kPodCells), std::size(kPodCalls));
  for (const auto& [call, cells] : kPodCells) {
    for (const PodState state : kPodStates) {
      SCOPED_TRACE(std::to_string(static_cast<int>(call)) + " on " + std::string(PodStateName(state)));
      ExpectAnswer(CheckPodCall("web", state, call), cells[static_cast<int>(state)], "pod 'web'",
                   PodStateName(state));
    }
  }
}

TEST(StateMachine, ContainerCalls_InEveryState_AreAllowedOrRefused) {
  ASSERT_EQ(std::size(kContainerCells), std::size(kContainerCalls));
  ASSERT_EQ(std::size(kCellsWithoutVm), std::size(kContainerCalls));
  for (const PodState pod : kPodStates) {
    for (size_t i = 0; i < std::size(kContainerCalls); ++i) {
      for (const ContainerState state : kContainerStates) {
        // What can be waited for does not depend on the pod.
        const bool waits = kContainerCalls[i] == ContainerCall::kWaitContainer;
        const bool runs = pod == PodState::kRunning || waits;
        const auto& [call, cells] = runs ? kContainerCells[i] : kCellsWithoutVm[i];
        const char cell = pod == PodState::kPaused && !waits ? 'r' : cells[static_cast<int>(state)];
        SCOPED_TRACE(std::to_string(static_cast<int>(call)) + " on " +
                     std::string(ContainerStateName(state)) + " in " + std::string(PodStateName(pod)));
        ExpectAnswer(CheckContainerCall("web", pod, "db", state, call), cell,
                     runs ? "container 'db'" : "pod 'web'",
                     runs ? ContainerStateName(state) : PodStateName(pod));
      }
    }
  }
}

TEST(StateMachine, Tables_OfCalls_AreComplete) {
  for (size_t i = 0; i < std::size(kPodCalls); ++i) {
    EXPECT_EQ(static_cast<size_t>(kPodCalls[i]), i);
    EXPECT_EQ(kPodCells[i].first, kPodCalls[i]);
  }
  for (size_t i = 0; i < std::size(kContainerCalls); ++i) {
    EXPECT_EQ(static_cast<size_t>(kContainerCalls[i]), i);
    EXPECT_EQ(kContainerCells[i].first, kContainerCalls[i]);
    EXPECT_EQ(kCellsWithoutVm[i].first, kContainerCalls[i]);
  }
}

// A paused pod could be neither stopped nor deleted.
TEST(OriginalDefectF, StopPod_Paused_ThenDeletePodSucceeds) {
  EXPECT_EQ(CheckPodCall("web", PodState::kPaused, PodCall::kStopPod).value(), Step::kDo);
  EXPECT_EQ(CheckPodCall("web", PodState::kStopped, PodCall::kDeletePod).value(), Step::kDo);
}

// Pausing and resuming a pod that was never started made it "running".
TEST(OriginalDefectG, PauseAndResumePod_NeverStarted_AreRefused) {
  EXPECT_EQ(CheckPodCall("web", PodState::kReady, PodCall::kPausePod).error().ToString(),
            "pod 'web' is ready: start it first");
  EXPECT_EQ(CheckPodCall("web", PodState::kReady, PodCall::kResumePod).error().ToString(),
            "pod 'web' is ready: start it first");
}

// A second StopPod failed.
TEST(OriginalDefectJ, StopPod_Stopped_DoesNothing) {
  EXPECT_EQ(CheckPodCall("web", PodState::kStopped, PodCall::kStopPod).value(), Step::kNothing);
}

}  // namespace
}  // namespace virtcontainers
