// The third part of agent_contract.h: what one who takes a guest over asks it.

#ifndef VIRTCONTAINERS_TEST_CONTRACT_AGENT_CONTRACT_RESUME_H_
#define VIRTCONTAINERS_TEST_CONTRACT_AGENT_CONTRACT_RESUME_H_

#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <string>

#include "agent_contract.h"

namespace virtcontainers {

// What is read of c's first process, "offset:data", or the error.
inline std::string Show(Agent& agent, const OutputRange& range) {
  Answer<OutputPiece> answer;
  agent.ReadOutputFrom({"c", ""}, OutputStream::kStdout, range, answer.callback());
  const Result<OutputPiece> piece = answer.Await();
  if (!piece) return piece.error().code() == Code::kOutOfRange ? "out of range" : piece.error().ToString();
  return std::to_string(piece->offset) + ":" + piece->data;
}

inline std::optional<ContainerState> StateOf(Agent& agent, const std::string& container) {
  const Result<GuestState> state = agent.GetState(Deadline::After(std::chrono::seconds(30)));
  EXPECT_TRUE(state) << state.error().ToString();
  if (!state) return {};
  for (const GuestState::Container& found : state->containers) {
    if (found.id == container) return found.state;
  }
  return {};
}

TEST_P(AgentContract, ReadOutputFrom_NotAcknowledged_ReturnsItAgain) {
  ConnectAndCreateSandbox();
  Run("c", {"cat"});
  ASSERT_TRUE(Write({"c", ""}, "abcdef"));
  EXPECT_EQ(Show(*agent_, {.size = 6}), "0:abcdef");
  EXPECT_EQ(Show(*agent_, {.offset = 0, .size = 6}), "0:abcdef");
  EXPECT_EQ(Show(*agent_, {.offset = 2, .size = 2}), "2:cd");
  EXPECT_EQ(Show(*agent_, {.offset = 3, .acknowledged = 3, .size = 100}), "3:def");
  EXPECT_EQ(Show(*agent_, {.offset = 2, .acknowledged = 3, .size = 100}), "out of range") << "forgotten";
  EXPECT_EQ(Show(*agent_, {.size = 100}), "3:def") << "the oldest";
  EXPECT_EQ(Show(*agent_, {.offset = 7, .size = 100}), "out of range") << "has yet to come";
  EXPECT_EQ(Show(*agent_, {.offset = 6, .acknowledged = 7, .size = 100}), "out of range");
  ASSERT_TRUE(CloseStdin({"c", ""}));
  EXPECT_EQ(ExitCodeOf({"c", ""}), 0);
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(Show(*agent_, {.offset = 6, .acknowledged = 3, .size = 100}), "6:") << "the end";
  EXPECT_EQ(Show(*agent_, {.acknowledged = 3, .size = 100}), "3:def");
  EXPECT_EQ(Show(*agent_, {.acknowledged = 6, .size = 100}), "6:");
}

TEST_P(AgentContract, GetState_ContainersAndExecs_AreListed) {
  Connect();
  Result<GuestState> state = agent_->GetState(Soon());
  ASSERT_TRUE(state) << state.error().ToString();
  EXPECT_EQ(state->sandbox, "");
  ASSERT_TRUE(agent_->CreateSandbox({.id = "pod+", .hostname = "host"}, Soon()));
  Create("c", {"cat"});
  EXPECT_EQ(StateOf(*agent_, "c"), ContainerState::kReady);
  ASSERT_TRUE(agent_->StartContainer("c", Soon()));
  EXPECT_EQ(StateOf(*agent_, "c"), ContainerState::kRunning);
  Exec({"c", "ended"}, bed_->ExitWith(3));
  Exec({"c", "runs"}, {"cat"});
  Exec({"pod+", "own"}, {"cat"});
  for (int i = 0; i < 2; ++i) EXPECT_EQ(ExitCodeOf({"c", "ended"}), 3);
  state = agent_->GetState(Soon());
  ASSERT_TRUE(state) << state.error().ToString();
  EXPECT_EQ(state->sandbox, "pod+");
  ASSERT_EQ(state->containers.size(), 1u);
  EXPECT_THAT(state->containers[0].execs, testing::UnorderedElementsAre("ended", "runs"));
  EXPECT_THAT(state->execs, testing::ElementsAre("own"));
  ASSERT_TRUE(agent_->PauseContainer("c", Soon()));
  EXPECT_EQ(StateOf(*agent_, "c"), ContainerState::kPaused);
  ASSERT_TRUE(agent_->ResumeContainer("c", Soon()));
  ASSERT_TRUE(CloseStdin({"c", ""}));
  EXPECT_EQ(ExitCodeOf({"c", ""}), 0);
  EXPECT_EQ(StateOf(*agent_, "c"), ContainerState::kStopped);
  ASSERT_TRUE(agent_->RemoveContainer("c", Soon()));
  EXPECT_EQ(StateOf(*agent_, "c"), std::nullopt);
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_TEST_CONTRACT_AGENT_CONTRACT_RESUME_H_
