#include "monitor/process_table.h"

#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "../../test/contract/answer.h"
#include "agent/noop/noop_agent.h"
#include "base/errors.h"
#include "monitor/test_output.h"

namespace virtcontainers {
namespace {

using testing::ElementsAre;

// An agent whose processes end and speak when the test says so.
class ScriptedAgent final : public Agent {
 public:
  std::string_view name() const override { return "scripted"; }
  Status Connect(const AgentAddress&, Deadline) override { return {}; }
  void Close() override {}
  Status Check(Deadline) override { return {}; }
  Result<AgentDetails> GetDetails(Deadline) override { return AgentDetails{}; }
  Status CreateSandbox(const SandboxConfig&, Deadline) override { return {}; }
  Status DestroySandbox(Deadline) override { return {}; }
  Status SetGuestTime(Time, Deadline) override { return {}; }
  Status ReseedRandom(std::string_view, Deadline) override { return {}; }
  Status UpdateInterface(const NetworkInterface&, Deadline) override { return {}; }
  Status UpdateRoutes(const std::vector<NetworkInterface>&, Deadline) override { return {}; }
  Status CreateContainer(const GuestContainer&, Deadline) override { return {}; }
  Status StartContainer(const std::string&, Deadline) override { return {}; }
  Status RemoveContainer(const std::string&, Deadline) override { return {}; }
  Status PauseContainer(const std::string&, Deadline) override { return {}; }
  Status ResumeContainer(const std::string&, Deadline) override { return {}; }
  Status UpdateContainer(const std::string&, const ContainerResources&, Deadline) override { return {}; }
  Result<ContainerStats> StatsContainer(const std::string&, Deadline) override { return ContainerStats{}; }
  Result<std::vector<ProcessInfo>> ListProcesses(const std::string&, Deadline) override {
    return std::vector<ProcessInfo>{};
  }
  Status CopyFile(const std::string&, const FileChunk&, Deadline) override { return {}; }
  void NextOom(Callback<std::string>) override {}
  Status ExecProcess(const ProcessRef&, const ProcessConfig&, Deadline) override { return {}; }
  Status SignalProcess(const ProcessRef&, int, bool, Deadline) override { return {}; }
  Status ResizeTerminal(const ProcessRef&, uint16_t, uint16_t, Deadline) override { return {}; }
  Status CloseStdin(const ProcessRef&, const InputPosition&, Deadline) override { return {}; }
  void WriteStdin(const ProcessRef&, const InputPosition&, std::string, Deadline,
                  Callback<InputTaken> done) override {
    done(InputTaken{});
  }

  void WaitProcess(const ProcessRef& process, Callback<ExitStatus> done) override {
    waits.emplace_back(process.exec, std::move(done));
  }
  void AcknowledgeExits(const std::vector<ProcessRef>& processes) override {
    for (const ProcessRef& process : processes) acknowledged.push_back(process.exec);
  }
  void ReadOutput(const ProcessRef&, OutputStream, uint32_t, Callback<std::string>) override {
    ADD_FAILURE() << "the guest forgets what it answers so";
  }
  void ReadOutputFrom(const ProcessRef&, OutputStream, const OutputRange& range,
                      Callback<OutputPiece> done) override {
    asked.push_back(range.size);
    ranges.push_back(range);
    reads.push_back(std::move(done));
  }
  Result<GuestState> GetState(Deadline) override { return GuestState{}; }

  void End(Result<ExitStatus> exit) {
    auto wait = std::move(waits.front());
    waits.erase(waits.begin());
    wait.second(std::move(exit));
  }
  // The next bytes of the one stream that is read.
  void Say(const Result<std::string>& data) {
    auto read = std::move(reads.front());
    reads.erase(reads.begin());
    const uint64_t offset = said;
    if (data) said += data->size();
    read(data.map([&](const std::string& bytes) { return OutputPiece{offset, bytes}; }));
  }

  std::vector<std::pair<std::string, Callback<ExitStatus>>> waits;
  std::vector<Callback<OutputPiece>> reads;
  std::vector<uint32_t> asked;
  std::vector<OutputRange> ranges;
  std::vector<std::string> acknowledged;
  uint64_t said = 0;
};

// For who wants the bytes alone.
ProcessTable::Callback<OutputPiece> BytesOf(ProcessTable::Callback<std::string> done) {
  return [done = std::move(done)](const Result<OutputPiece>& piece) {
    done(piece.map([](const OutputPiece& got) { return got.data; }));
  };
}

class ProcessTableTest : public testing::Test {
 protected:
  Answer<ExitStatus> Wait(const ProcessRef& process) {
    Answer<ExitStatus> answer;
    table_.Wait(process, Deadline::Infinite(), answer.callback());
    return answer;
  }
  Answer<std::string> Read(const ProcessRef& process, uint32_t size = 100,
                           Deadline deadline = Deadline::Infinite(), std::function<bool()> gone = {}) {
    Answer<std::string> answer;
    table_.Read(process, kOut, size, deadline, BytesOf(answer.callback()), std::move(gone));
    return answer;
  }

  const std::shared_ptr<ScriptedAgent> agent_ = std::make_shared<ScriptedAgent>();
  ProcessTable table_{agent_};
  const ProcessRef first_{"c", ""};
  const ProcessRef exec_{"c", "e"};
};

TEST_F(ProcessTableTest, Calls_UnknownProcess_FailWithNotFound) {
  EXPECT_EQ(Wait(first_).Await().error().ToString(), "container 'c' has no process: start it first");
  EXPECT_EQ(Wait(exec_).Await().error().code(), Code::kNotFound);
  EXPECT_EQ(Read(exec_).Await().error().ToString(), "no process 'e'");
  EXPECT_EQ(table_.Check(exec_).error().code(), Code::kNotFound);
}

TEST_F(ProcessTableTest, Wait_BeforeAndAfterEnd_ReturnsStatus) {
  table_.Add(exec_, true, {});
  EXPECT_TRUE(table_.Check(exec_));
  const auto before = Wait(exec_), too = Wait(exec_);
  EXPECT_EQ(before.calls(), 0);
  agent_->End(ExitStatus{3});
  EXPECT_EQ(before.calls() + too.calls(), 2);
  EXPECT_EQ(Answer<ExitStatus>(before).Await()->code, 3);
  EXPECT_EQ(Wait(exec_).Await()->code, 3);
  EXPECT_TRUE(agent_->waits.empty()) << "the agent is asked once";
}

TEST_F(ProcessTableTest, Wait_ExitHandlerPending_AnswersWhenHandlerIsDone) {
  std::function<void()> tell;
  std::vector<int> exits;
  table_.Add(first_, false, [&](const Result<ExitStatus>& exit, std::function<void()> told) {
    exits.push_back(exit->code);
    tell = std::move(told);
  });
  const auto waiter = Wait(first_);
  agent_->End(ExitStatus{7});
  EXPECT_THAT(exits, ElementsAre(7));
  EXPECT_EQ(waiter.calls(), 0);
  const auto late = Wait(first_);
  EXPECT_EQ(late.calls(), 0) << "before it has been told, nobody is";
  tell();
  EXPECT_EQ(waiter.calls() + late.calls(), 2);
}

TEST_F(ProcessTableTest, Calls_AgentIsLost_AreUnavailable) {
  table_.Add(exec_, true, {});
  const auto waiter = Wait(exec_);
  const auto reader = Read(exec_);
  agent_->Say(Fail(Code::kUnavailable, "gone"));
  agent_->End(Fail(Code::kUnavailable, "gone"));
  EXPECT_EQ(Answer<ExitStatus>(waiter).Await().error().code(), Code::kUnavailable);
  EXPECT_EQ(Answer<std::string>(reader).Await().error().code(), Code::kUnavailable);
  EXPECT_EQ(Wait(exec_).Await().error().code(), Code::kUnavailable);
  EXPECT_EQ(Read(exec_).Await().error().code(), Code::kUnavailable);
}

TEST_F(ProcessTableTest, Read_SeveralReaders_AreServedInOrder) {
  table_.Add(exec_, true, {});
  auto a = Read(exec_, 2), b = Read(exec_, 100), c = Read(exec_, 100);
  EXPECT_EQ(agent_->reads.size(), 1u) << "one call at a time";
  EXPECT_EQ(agent_->asked.back(), 2u) << "no more than is wanted";
  agent_->Say(std::string("ab"));
  EXPECT_EQ(a.Await().value(), "ab");
  EXPECT_EQ(b.calls(), 0);
  agent_->Say(std::string("cd"));
  EXPECT_EQ(b.Await().value(), "cd");
  agent_->Say(std::string());
  EXPECT_EQ(c.Await().value(), "");
  EXPECT_EQ(Read(exec_).Await().value(), "") << "the end stays";
  EXPECT_TRUE(agent_->reads.empty()) << "and is not asked for again";
}

TEST_F(ProcessTableTest, Read_NoReader_FetchesNothing) {
  table_.Add(exec_, true, {});
  EXPECT_TRUE(agent_->reads.empty());
  auto a = Read(exec_, 0);
  EXPECT_EQ(agent_->asked.back(), 1u);
  EXPECT_EQ(a.calls(), 0);
}

TEST_F(ProcessTableTest, Read_Reader_OnePieceIsFetchedAhead) {
  table_.Add(exec_, true, {});
  auto a = Read(exec_, UINT32_MAX);
  ASSERT_LE(agent_->asked.back(), 256u << 10);
  agent_->Say(std::string("first"));
  EXPECT_EQ(a.Await().value(), "first");
  ASSERT_EQ(agent_->reads.size(), 1u) << "nobody has asked yet";
  agent_->Say(std::string("second"));
  EXPECT_TRUE(agent_->reads.empty()) << "and no more than one";
  EXPECT_EQ(Read(exec_, 3).Await().value(), "sec");
  EXPECT_TRUE(agent_->reads.empty()) << "there is something left";
  EXPECT_EQ(Read(exec_, 100).Await().value(), "ond");
  EXPECT_EQ(agent_->reads.size(), 1u);
}

TEST_F(ProcessTableTest, Read_DeadlinePasses_NextReaderGetsOutput) {
  table_.Add(exec_, true, {});
  auto late = Read(exec_, 100, Deadline::After(std::chrono::seconds(-1)));
  auto patient = Read(exec_, 3, Deadline::After(std::chrono::hours(1)));
  EXPECT_FALSE(table_.Expire().infinite()) << "the next deadline";
  EXPECT_EQ(late.Await().error().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(patient.calls(), 0);
  agent_->Say(std::string("abcdef"));
  EXPECT_EQ(patient.Await().value(), "abc");
  EXPECT_EQ(Read(exec_, 100).Await().value(), "def");
  EXPECT_TRUE(table_.Expire().infinite());
  EXPECT_EQ(late.calls(), 1);
}

TEST_F(ProcessTableTest, Wait_DeadlinePasses_FailsOnceAndIgnoresLaterExit) {
  table_.Add(exec_, true, {});
  Answer<ExitStatus> late;
  table_.Wait(exec_, Deadline::After(std::chrono::seconds(-1)), late.callback());
  const auto patient = Wait(exec_);
  EXPECT_TRUE(table_.Expire().infinite());
  EXPECT_EQ(late.Await().error().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(patient.calls(), 0);
  agent_->End(ExitStatus{3});
  EXPECT_EQ(patient.calls(), 1);
  EXPECT_EQ(late.calls(), 1);
}

TEST_F(ProcessTableTest, Read_ReaderIsGone_NextReaderGetsOutput) {
  table_.Add(exec_, true, {});
  bool gone = false;
  auto dead = Read(exec_, 100, Deadline::Infinite(), [&] { return gone; });
  gone = true;
  agent_->Say(std::string("precious"));
  EXPECT_EQ(dead.calls(), 0);
  EXPECT_EQ(Read(exec_).Await().value(), "precious");
}

TEST_F(ProcessTableTest, Read_OutputGoesToLog_Fails) {
  table_.Add(first_, false, {});
  EXPECT_EQ(Read(first_).Await().error().code(), Code::kFailedPrecondition);
}

TEST_F(ProcessTableTest, Remove_Container_ForgetsProcessesAndFailsPendingCalls) {
  table_.Add(first_, true, {});
  table_.Add(exec_, true, {});
  table_.Add({"cc", ""}, true, {});
  auto waiter = Wait(exec_);
  auto reader = Read(first_);
  auto other = Wait({"cc", ""});
  table_.Remove("c");
  EXPECT_EQ(waiter.Await().error().code(), Code::kUnavailable);
  EXPECT_EQ(reader.Await().error().code(), Code::kUnavailable);
  EXPECT_EQ(other.calls(), 0);
  EXPECT_FALSE(table_.Check(first_));
  EXPECT_TRUE(table_.Check({"cc", ""}));
  // The agent's answers come later, and find nobody.
  agent_->Say(std::string("x"));
  while (!agent_->waits.empty()) agent_->End(ExitStatus{0});
  EXPECT_EQ(waiter.calls() + reader.calls() + other.calls(), 3);
}

TEST_F(ProcessTableTest, Add_SameName_ReplacesOldProcess) {
  table_.Add(first_, true, {});
  agent_->End(ExitStatus{1});
  table_.Add(first_, true, {});
  auto waiter = Wait(first_);
  EXPECT_EQ(waiter.calls(), 0) << "that was of the last run";
  agent_->End(ExitStatus{2});
  EXPECT_EQ(waiter.Await()->code, 2);
}

TEST_F(ProcessTableTest, Ended_MoreThanAreKept_OldestIsForgotten) {
  table_.Add(first_, true, {});
  agent_->End(ExitStatus{0});
  for (size_t i = 0; i < ProcessTable::kMaxEnded + 10; ++i) {
    table_.Add({"c", "e" + std::to_string(i)}, true, {});
    agent_->End(ExitStatus{0});
  }
  EXPECT_FALSE(table_.Check({"c", "e0"}));
  EXPECT_FALSE(table_.Check({"c", "e9"}));
  EXPECT_TRUE(table_.Check({"c", "e10"}));
  EXPECT_TRUE(table_.Check(first_)) << "first processes are remembered with their containers";
}

// Thousands run in between, and their callers wait for them.
TEST_F(ProcessTableTest, Ended_ReportedExits_AreForgottenFirst) {
  table_.Add(exec_, true, {});
  // Its caller gave up waiting, for now.
  Answer<ExitStatus> late;
  table_.Wait(exec_, Deadline::Infinite(), late.callback(), [] { return true; });
  agent_->End(ExitStatus{3});
  for (size_t i = 0; i < 3 * ProcessTable::kMaxEnded; ++i) {
    const ProcessRef other{"c", "other" + std::to_string(i)};
    table_.Add(other, true, {});
    if (i % 2 == 0) {
      const auto before = Wait(other);
      agent_->End(ExitStatus{0});
      EXPECT_EQ(before.calls(), 1);
    } else {
      agent_->End(ExitStatus{0});
      EXPECT_TRUE(Wait(other).Await());
    }
  }
  EXPECT_THAT(agent_->acknowledged, testing::Not(testing::Contains("e")));
  const auto exit = Wait(exec_).Await();
  ASSERT_TRUE(exit) << exit.error().ToString();
  EXPECT_EQ(exit->code, 3);
  EXPECT_FALSE(table_.Check({"c", "other0"}));
  // Once each, and in groups.
  EXPECT_EQ(agent_->acknowledged.size(),
            (3 * ProcessTable::kMaxEnded + 1) / ProcessTable::kAcknowledged * ProcessTable::kAcknowledged);
}

TEST_F(ProcessTableTest, Destructor_CallsWait_AreAnswered) {
  Answer<ExitStatus> waiter;
  Answer<std::string> reader;
  {
    ProcessTable table(agent_);
    table.Add(exec_, true, {});
    table.Wait(exec_, Deadline::Infinite(), waiter.callback());
    table.Read(exec_, kOut, 1, Deadline::Infinite(), BytesOf(reader.callback()));
  }
  EXPECT_EQ(waiter.calls() + reader.calls(), 2);
}

TEST_F(ProcessTableTest, Calls_ManyThreads_Succeed) {
  const auto agent = std::make_shared<NoopAgent>();
  ASSERT_TRUE(agent->Connect({}, Deadline::Infinite()));
  ASSERT_TRUE(agent->CreateSandbox({.id = "pod"}, Deadline::Infinite()));
  {
    ProcessTable table(agent);
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 50; ++i) {
          const ProcessRef process{"pod", std::to_string(thread) + "-" + std::to_string(i)};
          ProcessConfig cat;
          cat.args = {"cat"};
          EXPECT_TRUE(agent->ExecProcess(process, cat, Deadline::Infinite()));
          table.Add(process, true, {});
          Answer<std::string> reader;
          Answer<ExitStatus> waiter;
          table.Read(process, kOut, 100, Deadline::After(std::chrono::seconds(30)),
                     BytesOf(reader.callback()));
          table.Wait(process, Deadline::Infinite(), waiter.callback());
          agent->WriteStdin(process, {}, "x", Deadline::Infinite(), [](const Result<InputTaken>&) {});
          EXPECT_EQ(reader.Await().value_or("[error]"), "x");
          EXPECT_TRUE(agent->CloseStdin(process, {}, Deadline::Infinite()));
          EXPECT_EQ(waiter.Await()->code, 0);
          (void)table.Expire();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    agent->Close();
  }
}

// ---- acknowledgements

TEST_F(ProcessTableTest, Read_Again_AcknowledgesLastPiece) {
  table_.Add(exec_, true, {});
  auto first = Read(exec_);
  ASSERT_EQ(agent_->ranges.size(), 1u);
  EXPECT_EQ(agent_->ranges[0].offset, std::nullopt) << "the oldest there is";
  agent_->Say("abc");
  EXPECT_EQ(first.Await().value_or("[error]"), "abc");
  ASSERT_EQ(agent_->ranges.size(), 2u) << "read ahead";
  EXPECT_EQ(agent_->ranges[1].offset, 3u);
  EXPECT_EQ(agent_->ranges[1].acknowledged, 0u) << "nobody has asked again";
  auto second = Read(exec_);
  agent_->Say("de");
  EXPECT_EQ(second.Await().value_or("[error]"), "de");
  ASSERT_EQ(agent_->ranges.size(), 3u);
  EXPECT_EQ(agent_->ranges[2].offset, 5u);
  EXPECT_EQ(agent_->ranges[2].acknowledged, 3u);
}

TEST_F(ProcessTableTest, Read_AfterTakeOver_ContinuesAtOffset) {
  table_.Add(exec_, true, {});
  Answer<OutputPiece> piece;
  table_.Read(exec_, kOut, 10, Deadline::Infinite(), piece.callback(), {}, 7);
  ASSERT_EQ(agent_->ranges.size(), 1u);
  EXPECT_EQ(agent_->ranges[0].offset, 7u);
  EXPECT_EQ(agent_->ranges[0].acknowledged, 7u);
  agent_->said = 7;
  agent_->Say("x");
  ASSERT_TRUE(piece.Await());
  EXPECT_EQ(piece.Await()->offset, 7u);
  EXPECT_EQ(piece.Await()->data, "x");
}

TEST_F(ProcessTableTest, Read_OffsetOutOfRange_FailsAndNextReaderSucceeds) {
  table_.Add(exec_, true, {});
  Answer<OutputPiece> wrong;
  table_.Read(exec_, kOut, 10, Deadline::Infinite(), wrong.callback(), {}, 100);
  agent_->Say(Fail(Code::kOutOfRange, "not there"));
  EXPECT_EQ(wrong.Await().error().code(), Code::kOutOfRange);
  auto next = Read(exec_);
  ASSERT_EQ(agent_->ranges.size(), 2u);
  EXPECT_EQ(agent_->ranges[1].offset, std::nullopt);
  EXPECT_EQ(agent_->ranges[1].acknowledged, 0u);
  agent_->Say("abc");
  EXPECT_EQ(next.Await().value_or("[error]"), "abc");
}

}  // namespace
}  // namespace virtcontainers
