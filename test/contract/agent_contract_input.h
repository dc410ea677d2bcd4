// The fourth part of agent_contract.h: what is written to processes.

#ifndef VIRTCONTAINERS_TEST_CONTRACT_AGENT_CONTRACT_INPUT_H_
#define VIRTCONTAINERS_TEST_CONTRACT_AGENT_CONTRACT_INPUT_H_

#include <chrono>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <string_view>

#include "agent_contract.h"

namespace virtcontainers {

// How much of a writer's input has been taken, with a "!" if no more will be; or the error's code.
inline std::string Show(const Result<InputTaken>& answer) {
  if (!answer) return std::string(CodeName(answer.error().code()));
  return std::to_string(answer->taken) + (answer->closed ? "!" : "");
}

// More than a process's pipe holds.
inline std::string MuchInput() {
  std::string input;
  for (int i = 0; input.size() < (200 << 10); ++i) input += std::to_string(i) + " ";
  return input;
}

TEST_P(AgentContract, Input_LargerThanThePipe_IsTakenWhole) {
  ConnectAndCreateSandbox();
  Run("c", {"cat"});
  std::string input;
  while (input.size() < (1 << 20)) input += MuchInput();
  // Taken only as the output is read.
  std::thread writer([&] { EXPECT_TRUE(Write({"c", ""}, input)); });
  std::string output;
  while (output.size() < input.size()) {
    const Result<std::string> data = Read({"c", ""}, OutputStream::kStdout, 64 << 10);
    EXPECT_TRUE(data && !data->empty());
    if (!data || data->empty()) break;
    output += *data;
  }
  writer.join();
  EXPECT_TRUE(output == input);
  ASSERT_TRUE(CloseStdin({"c", ""}));
  EXPECT_EQ(ReadToEnd({"c", ""}), "");
  EXPECT_EQ(ExitCodeOf({"c", ""}), 0);
}

TEST_P(AgentContract, Input_EmptyWrite_IsNotTheEnd) {
  ConnectAndCreateSandbox();
  Run("c", {"cat"});
  EXPECT_TRUE(Write({"c", ""}, ""));
  EXPECT_TRUE(Write({"c", ""}, "still"));
  EXPECT_EQ(Read({"c", ""}).value_or("[error]"), "still");
}

TEST_P(AgentContract, Input_Closed_TakesNothing) {
  ConnectAndCreateSandbox();
  Run("c", {"sleep", "1000"});
  ASSERT_TRUE(CloseStdin({"c", ""}));
  EXPECT_TRUE(CloseStdin({"c", ""})) << "closing is idempotent";
  EXPECT_EQ(CodeOf(Write({"c", ""}, "x")), Code::kFailedPrecondition);
}

TEST_P(AgentContract, Input_OfAProcessThatHasEnded_TakesNothing) {
  ConnectAndCreateSandbox();
  Run("c", {"true"});
  EXPECT_EQ(ExitCodeOf({"c", ""}), 0);
  EXPECT_EQ(CodeOf(Write({"c", ""}, "x")), Code::kFailedPrecondition);
  EXPECT_TRUE(CloseStdin({"c", ""}));
}

TEST_P(AgentContract, Input_RepeatedWrite_IsTakenOnce) {
  ConnectAndCreateSandbox();
  Run("c", {"cat"});
  EXPECT_EQ(Show(Write({"c", ""}, {.writer = "a"}, "hello")), "5");
  EXPECT_EQ(Show(Write({"c", ""}, {.writer = "a", .again = true}, "hello")), "5");
  EXPECT_EQ(Show(Write({"c", ""}, {.writer = "a", .offset = 2, .again = true}, "llo you")), "9")
      << "the rest";
  EXPECT_EQ(Show(Write({"c", ""}, {.writer = "a", .offset = 1}, "ell")), "9") << "long past";
  EXPECT_EQ(Show(Write({"c", ""}, {.writer = "b", .again = true}, "!")), "1") << "it never arrived";
  EXPECT_EQ(Show(Write({"c", ""}, {}, "?")), "1") << "not counted";
  EXPECT_EQ(Show(Write({"c", ""}, {}, "?")), "1");
  ASSERT_TRUE(CloseStdin({"c", ""}));
  EXPECT_EQ(ReadToEnd({"c", ""}), "hello you!??");
}

TEST_P(AgentContract, Input_OfSeveralWriters_IsCountedForEach) {
  ConnectAndCreateSandbox();
  Run("c", {"cat"});
  EXPECT_EQ(Show(Write({"c", ""}, {.writer = "a"}, "a1 ")), "3");
  EXPECT_EQ(Show(Write({"c", ""}, {.writer = "b"}, "b1 ")), "3");
  EXPECT_EQ(Show(Write({"c", ""}, {.writer = "a", .offset = 3}, "a2 ")), "6");
  EXPECT_EQ(Show(Write({"c", ""}, {.writer = "b", .again = true}, "b1 b2")), "5");
  ASSERT_TRUE(CloseStdin({"c", ""}));
  EXPECT_EQ(ReadToEnd({"c", ""}), "a1 b1 a2 b2");
}

TEST_P(AgentContract, Input_WithAGap_IsRefused) {
  ConnectAndCreateSandbox();
  Run("c", {"cat"});
  EXPECT_EQ(Show(Write({"c", ""}, {.writer = "a"}, "abc")), "3");
  EXPECT_EQ(Write({"c", ""}, {.writer = "a", .offset = 4}, "e").error().code(), Code::kOutOfRange);
  EXPECT_EQ(Write({"c", ""}, {.writer = "stranger", .offset = 3}, "d").error().code(), Code::kAborted);
  EXPECT_EQ(CodeOf(agent_->CloseStdin({"c", ""}, {.writer = "a", .offset = 4}, Soon())), Code::kOutOfRange);
  EXPECT_EQ(CodeOf(agent_->CloseStdin({"c", ""}, {.writer = "stranger", .offset = 1}, Soon())),
            Code::kAborted);
  EXPECT_EQ(Show(Write({"c", ""}, {.writer = "a", .offset = 3}, "d")), "4");
  ASSERT_TRUE(CloseStdin({"c", ""}));
  EXPECT_EQ(ReadToEnd({"c", ""}), "abcd");
}

TEST_P(AgentContract, Input_WithoutData_SaysHowMuchWasTaken) {
  ConnectAndCreateSandbox();
  Run("c", {"cat"});
  EXPECT_EQ(Show(Write({"c", ""}, {.writer = "a"}, "")), "0");
  EXPECT_EQ(Show(Write({"c", ""}, {.writer = "a"}, "abc")), "3");
  EXPECT_EQ(Show(Write({"c", ""}, {.writer = "a"}, "")), "3");
  EXPECT_EQ(Show(Write({"c", ""}, {.writer = "a", .offset = 3, .again = true}, "")), "3");
}

TEST_P(AgentContract, Input_ClosedByOneOfItsWriters_IsClosed) {
  ConnectAndCreateSandbox();
  Run("c", {"cat"});
  EXPECT_EQ(Show(Write({"c", ""}, {.writer = "a"}, "abc")), "3");
  EXPECT_TRUE(agent_->CloseStdin({"c", ""}, {.writer = "a", .offset = 3}, Soon()));
  EXPECT_TRUE(agent_->CloseStdin({"c", ""}, {.writer = "a", .offset = 3, .again = true}, Soon()));
  EXPECT_TRUE(agent_->CloseStdin({"c", ""}, {.writer = "b"}, Soon()));
  EXPECT_EQ(ReadToEnd({"c", ""}), "abc");
  EXPECT_EQ(ExitCodeOf({"c", ""}), 0);
  EXPECT_EQ(Show(Write({"c", ""}, {.writer = "a", .again = true}, "abc")), "3!") << "it is still known";
  EXPECT_EQ(Show(Write({"c", ""}, {.writer = "a", .offset = 3}, "d")), "3!");
  EXPECT_EQ(Show(Write({"c", ""}, {.writer = "b"}, "d")), "0!");
}

TEST_P(AgentContract, Input_DeadlinePasses_AnswersHowMuchWasTaken) {
  if (!bed_->HasProcesses()) GTEST_SKIP() << "its pipes hold everything";
  ConnectAndCreateSandbox();
  Run("c", {"sleep", "1000"});
  const std::string input = MuchInput();
  const auto moment = [] { return Deadline::After(std::chrono::milliseconds(50)); };
  const Result<InputTaken> first = Write({"c", ""}, {.writer = "a"}, input, moment());
  ASSERT_TRUE(first) << first.error().ToString();
  EXPECT_GT(first->taken, 4096u);
  EXPECT_LT(first->taken, input.size());
  EXPECT_FALSE(first->closed);
  EXPECT_EQ(Write({"c", ""}, {.writer = "a", .again = true}, input, moment())->taken, first->taken);
  EXPECT_EQ(Write({"c", ""}, {.writer = "a", .offset = first->taken}, "x", moment())->taken, first->taken);
  EXPECT_EQ(Show(Write({"c", ""}, {.writer = "b"}, "x", Deadline::After({}))), "0") << "nobody has room";
}

TEST_P(AgentContract, Input_SecondWriteOfAWriter_EndsTheFirst) {
  if (!bed_->HasProcesses()) GTEST_SKIP() << "its pipes hold everything";
  ConnectAndCreateSandbox();
  Run("c", {"sleep", "1000"});
  Answer<InputTaken> first, other;
  agent_->WriteStdin({"c", ""}, {.writer = "a"}, MuchInput(), Deadline::Infinite(), first.callback());
  agent_->WriteStdin({"c", ""}, {.writer = "b"}, MuchInput(), Deadline::Infinite(), other.callback());
  const Result<InputTaken> asked = Write({"c", ""}, {.writer = "a"}, "");
  ASSERT_TRUE(asked) << asked.error().ToString();
  EXPECT_EQ(first.Await()->taken, asked->taken);
  EXPECT_EQ(other.calls(), 0);
  ASSERT_TRUE(agent_->SignalProcess({"c", ""}, SIGKILL, true, Soon()));
  EXPECT_EQ(Show(other.Await()), "0!") << "the process has ended";
}

// A monitor that died in the middle of a write: the next one repeats it.
TEST_P(AgentContract, Input_TakenInPartOnALinkThatBroke_GoesOnOnTheNext) {
  if (!bed_->HasProcesses()) GTEST_SKIP() << "its guest ends with its link";
  ConnectAndCreateSandbox();
  Run("c", {"cat"});
  ASSERT_TRUE(agent_->PauseContainer("c", Soon()));
  const std::string input = MuchInput();
  Answer<InputTaken> broken;
  agent_->WriteStdin({"c", ""}, {.writer = "a"}, input, Deadline::Infinite(), broken.callback());
  ASSERT_TRUE(agent_->Check(Soon()));
  agent_->Close();
  EXPECT_EQ(broken.Await().error().code(), Code::kUnavailable);
  agent_ = bed_->Make();
  Connect();
  ASSERT_TRUE(agent_->ResumeContainer("c", Soon()));
  std::thread writer([&] {
    InputPosition position{.writer = "a", .offset = 0, .again = true};
    while (position.offset < input.size()) {
      const Result<InputTaken> answer = Write({"c", ""}, position, input.substr(position.offset));
      ASSERT_TRUE(answer) << answer.error().ToString();
      position.offset = answer->taken;
    }
    EXPECT_TRUE(agent_->CloseStdin({"c", ""}, position, Soon()));
  });
  const std::string output = ReadToEnd({"c", ""}, OutputStream::kStdout, 64 << 10);
  writer.join();
  EXPECT_TRUE(output == input) << "of " << input.size() << " bytes came " << output.size();
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_TEST_CONTRACT_AGENT_CONTRACT_INPUT_H_
