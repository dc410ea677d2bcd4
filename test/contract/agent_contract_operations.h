// The second part of agent_contract.h: what is done to containers and processes that run.

#ifndef VIRTCONTAINERS_TEST_CONTRACT_AGENT_CONTRACT_OPERATIONS_H_
#define VIRTCONTAINERS_TEST_CONTRACT_AGENT_CONTRACT_OPERATIONS_H_

#include <chrono>
#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <vector>

#include "agent_contract.h"

namespace virtcontainers {

TEST_P(AgentContract, SignalProcess_ExecutedProcess_EndsWithSignal) {
  ConnectAndCreateSandbox();
  Run("c", {"sleep", "1000"});
  Exec({"c", "e"}, {"cat"});
  ASSERT_TRUE(agent_->SignalProcess({"c", "e"}, SIGINT, false, Soon()));
  EXPECT_EQ(ExitCodeOf({"c", "e"}), 128 + SIGINT);
  // A first process that does not handle it may be killed in its stead: it must not be ignored.
  ASSERT_TRUE(agent_->SignalProcess({"c", ""}, SIGTERM, false, Soon()));
  EXPECT_THAT(ExitCodeOf({"c", ""}), testing::AnyOf(128 + SIGTERM, 128 + SIGKILL));
  EXPECT_TRUE(agent_->SignalProcess({"c", ""}, SIGTERM, false, Soon())) << "of one that has ended";
}

TEST_P(AgentContract, ExecProcess_InCreatedContainer_Succeeds) {
  ConnectAndCreateSandbox();
  Create("c", {"cat"});
  Exec({"c", "e"}, bed_->ExitWith(3));
  EXPECT_EQ(ExitCodeOf({"c", "e"}), 3);
  ASSERT_TRUE(agent_->StartContainer("c", Soon()));
  ASSERT_TRUE(CloseStdin({"c", ""}));
  EXPECT_EQ(ExitCodeOf({"c", ""}), 0);
}

TEST_P(AgentContract, SignalProcess_ToCreatedContainer_EndsIt) {
  ConnectAndCreateSandbox();
  Create("c", {"cat"});
  ASSERT_TRUE(agent_->SignalProcess({"c", ""}, SIGTERM, false, Soon()));
  EXPECT_THAT(ExitCodeOf({"c", ""}), testing::AnyOf(128 + SIGTERM, 128 + SIGKILL));
  EXPECT_EQ(CodeOf(agent_->StartContainer("c", Soon())), Code::kFailedPrecondition);
  EXPECT_TRUE(agent_->RemoveContainer("c", Soon()));
}

TEST_P(AgentContract, SignalProcess_WithZero_SaysWhetherTheProcessRuns) {
  ConnectAndCreateSandbox();
  Run("c", {"cat"});
  EXPECT_TRUE(agent_->SignalProcess({"c", ""}, 0, false, Soon()));
  ASSERT_TRUE(CloseStdin({"c", ""}));
  EXPECT_EQ(ExitCodeOf({"c", ""}), 0);
  EXPECT_EQ(CodeOf(agent_->SignalProcess({"c", ""}, 0, false, Soon())), Code::kFailedPrecondition);
}

TEST_P(AgentContract, SignalProcess_KillOfAll_EndsAllProcesses) {
  ConnectAndCreateSandbox();
  Run("c", {"sleep", "1000"});
  Exec({"c", "e"}, {"cat"});
  Answer<ExitStatus> first, second;
  agent_->WaitProcess({"c", ""}, first.callback());
  agent_->WaitProcess({"c", "e"}, second.callback());
  ASSERT_TRUE(agent_->SignalProcess({"c", ""}, SIGKILL, true, Soon()));
  EXPECT_EQ(first.Await().value_or(ExitStatus{-1}).code, 128 + SIGKILL);
  EXPECT_EQ(second.Await().value_or(ExitStatus{-1}).code, 128 + SIGKILL);
}

TEST_P(AgentContract, ResizeTerminal_WithAndWithoutTerminal_SucceedsOrFails) {
  ConnectAndCreateSandbox();
  Run("c", {"sleep", "1000"});
  EXPECT_EQ(CodeOf(agent_->ResizeTerminal({"c", ""}, 10, 20, Soon())), Code::kFailedPrecondition);
  ProcessConfig command = Command({"cat"});
  command.terminal = true;
  ASSERT_TRUE(agent_->ExecProcess({"c", "t"}, command, Soon()));
  EXPECT_TRUE(agent_->ResizeTerminal({"c", "t"}, 10, 20, Soon()));
  // All is on the one stream.
  EXPECT_EQ(Read({"c", "t"}, OutputStream::kStderr).value_or("[error]"), "");
}

// Calls on containers that run

TEST_P(AgentContract, Operations_ContainerDoesNotRun_Fail) {
  ConnectAndCreateSandbox();
  ExpectOfOperations("c", Code::kNotFound);
  Create("c", {"cat"});
  ExpectOfOperations("c", Code::kFailedPrecondition);
  ASSERT_TRUE(agent_->StartContainer("c", Soon()));
  EXPECT_TRUE(agent_->StatsContainer("c", Soon()));
  ASSERT_TRUE(CloseStdin({"c", ""}));
  EXPECT_EQ(ExitCodeOf({"c", ""}), 0);
  ExpectOfOperations("c", Code::kFailedPrecondition);
  ASSERT_TRUE(agent_->RemoveContainer("c", Soon()));
  ExpectOfOperations("c", Code::kNotFound);
}

TEST_P(AgentContract, PauseContainer_Running_StopsUntilResumed) {
  ConnectAndCreateSandbox();
  Run("c", {"cat"});
  const Status paused = agent_->PauseContainer("c", Soon());
  ASSERT_TRUE(paused) << paused.error().ToString();
  if (bed_->HasProcesses()) {
    Answer<std::string> output;
    agent_->ReadOutput({"c", ""}, OutputStream::kStdout, 100, output.callback());
    EXPECT_TRUE(Write({"c", ""}, "hello")) << "there is room in the pipe";
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    EXPECT_EQ(output.calls(), 0) << "a paused process has written";
    ASSERT_TRUE(agent_->ResumeContainer("c", Soon()));
    EXPECT_EQ(output.Await().value_or("[error]"), "hello");
  } else {
    ASSERT_TRUE(agent_->ResumeContainer("c", Soon()));
  }
  // And again.
  ASSERT_TRUE(agent_->PauseContainer("c", Soon()));
  ASSERT_TRUE(agent_->ResumeContainer("c", Soon()));
  ASSERT_TRUE(CloseStdin({"c", ""}));
  EXPECT_EQ(ExitCodeOf({"c", ""}), 0);
}

TEST_P(AgentContract, PauseContainer_OfTwo_OtherGoesOn) {
  ConnectAndCreateSandbox();
  Run("c", {"cat"});
  Run("d", {"cat"});
  ASSERT_TRUE(agent_->PauseContainer("c", Soon()));
  EXPECT_TRUE(Write({"d", ""}, "goes on"));
  EXPECT_EQ(Read({"d", ""}).value_or("[error]"), "goes on");
  ASSERT_TRUE(agent_->ResumeContainer("c", Soon()));
}

TEST_P(AgentContract, SignalProcess_KillOfPausedContainer_EndsIt) {
  ConnectAndCreateSandbox();
  Run("c", {"sleep", "1000"});
  Exec({"c", "e"}, {"cat"});
  ASSERT_TRUE(agent_->PauseContainer("c", Soon()));
  EXPECT_TRUE(agent_->StatsContainer("c", Soon())) << "it uses what it used";
  EXPECT_TRUE(agent_->ListProcesses("c", Soon()));
  ASSERT_TRUE(agent_->SignalProcess({"c", ""}, SIGKILL, true, Soon()));
  EXPECT_EQ(ExitCodeOf({"c", ""}), 128 + SIGKILL);
  EXPECT_EQ(ExitCodeOf({"c", "e"}), 128 + SIGKILL);
  EXPECT_TRUE(agent_->RemoveContainer("c", Soon()));
}

TEST_P(AgentContract, UpdateContainer_Empty_ChangesNothing) {
  ConnectAndCreateSandbox();
  Run("c", {"cat"});
  const Status updated = agent_->UpdateContainer("c", {}, Soon());
  EXPECT_TRUE(updated) << updated.error().ToString();
  EXPECT_TRUE(Write({"c", ""}, "still"));
  EXPECT_EQ(Read({"c", ""}).value_or("[error]"), "still");
}

TEST_P(AgentContract, StatsContainer_Running_HasIdAndTime) {
  ConnectAndCreateSandbox();
  Run("c", {"cat"});
  const Time before = std::chrono::system_clock::now();
  const Result<ContainerStats> stats = agent_->StatsContainer("c", Soon());
  ASSERT_TRUE(stats) << stats.error().ToString();
  EXPECT_EQ(stats->id, "c");
  EXPECT_GE(stats->time, before);
  EXPECT_LE(stats->time, std::chrono::system_clock::now());
  EXPECT_GE(stats->cpu.total.count(), 0);
}

TEST_P(AgentContract, ListProcesses_SeveralProcesses_FirstProcessIsFirst) {
  ConnectAndCreateSandbox();
  Run("c", {"sleep", "1000"});
  Run("other", {"cat"});
  for (const char* exec : {"e", "f"}) Exec({"c", exec}, {"cat"});
  // A process may not have begun its program yet.
  Result<std::vector<ProcessInfo>> list = agent_->ListProcesses("c", Soon());
  for (int i = 0; i < 200 && list && (list->size() != 3 || list->back().args.front() != "cat"); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    list = agent_->ListProcesses("c", Soon());
  }
  ASSERT_TRUE(list) << list.error().ToString();
  ASSERT_EQ(list->size(), 3u);
  EXPECT_EQ(list->at(0).pid, 1) << "as the container sees it";
  EXPECT_THAT(list->at(0).args, testing::ElementsAre("sleep", "1000"));
  EXPECT_THAT(list->at(1).args, testing::ElementsAre("cat"));
  EXPECT_THAT(list->at(2).args, testing::ElementsAre("cat"));
  EXPECT_FALSE(list->at(0).name.empty());
  EXPECT_LT(list->at(1).pid, list->at(2).pid);

  for (const char* exec : {"e", "f"}) ASSERT_TRUE(CloseStdin({"c", exec}));
  for (const char* exec : {"e", "f"}) EXPECT_EQ(ExitCodeOf({"c", exec}), 0);
  list = agent_->ListProcesses("c", Soon());
  ASSERT_TRUE(list) << list.error().ToString();
  EXPECT_EQ(list->size(), 1u);
}

TEST_P(AgentContract, CopyFile_InParts_Succeeds) {
  ConnectAndCreateSandbox();
  Run("c", {"sleep", "1000"});
  const std::string text = "one two three";
  FileChunk chunk{.copy = "first", .path = "/tmp/file", .size = text.size()};
  const auto shown = [&](const std::string& exec) {
    Exec({"c", exec}, {"cat", "/tmp/file"});
    return ReadToEnd({"c", exec});
  };
  for (size_t at = 0; at < text.size(); at += chunk.data.size()) {
    if (bed_->HasProcesses() && at > 0) {
      EXPECT_EQ(shown("before" + std::to_string(at)), "") << "half a file has the name";
    }
    chunk.offset = at;
    chunk.data = text.substr(at, 4);
    const Status copied = agent_->CopyFile("c", chunk, Soon());
    ASSERT_TRUE(copied) << copied.error().ToString();
  }
  if (bed_->HasProcesses()) {
    EXPECT_EQ(shown("after"), text);
  }
  // An empty one, in its place.
  ASSERT_TRUE(agent_->CopyFile("c", {.copy = "second", .path = "/tmp/file"}, Soon()));
  if (bed_->HasProcesses()) {
    EXPECT_EQ(shown("emptied"), "");
  }
}

TEST_P(AgentContract, CopyFile_PartIsMissing_Fails) {
  ConnectAndCreateSandbox();
  Run("c", {"sleep", "1000"});
  const auto part = [&](uint64_t offset, const std::string& data) {
    return CodeOf(agent_->CopyFile(
        "c", {.copy = "one", .path = "/tmp/f", .size = 6, .offset = offset, .data = data}, Soon()));
  };
  EXPECT_EQ(part(2, "cd"), Code::kInvalidArgument) << "does not begin at the beginning";
  EXPECT_EQ(part(0, "ab"), Code{});
  EXPECT_EQ(part(4, "ef"), Code::kInvalidArgument) << "a gap";
  EXPECT_EQ(part(0, "abcdefg"), Code::kInvalidArgument) << "more than there is to be";
  // From the beginning it can be tried again.
  EXPECT_EQ(part(0, "abc"), Code{});
  EXPECT_EQ(part(3, "def"), Code{});
}

TEST_P(AgentContract, NextOom_AgentCloses_IsAnswered) {
  ConnectAndCreateSandbox();
  Run("c", {"cat"});
  Answer<std::string> oom;
  agent_->NextOom(oom.callback());
  EXPECT_TRUE(agent_->Check(Soon()));
  EXPECT_EQ(oom.calls(), 0);
  agent_->Close();
  ASSERT_EQ(oom.calls(), 1);
  EXPECT_EQ(oom.Await().error().code(), Code::kUnavailable);
  agent_.reset();
  EXPECT_EQ(oom.calls(), 1);
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_TEST_CONTRACT_AGENT_CONTRACT_OPERATIONS_H_
