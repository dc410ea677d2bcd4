// What every Agent must do (include/virtcontainers/agent.h), as tests that run over each of them.
//
//   INSTANTIATE_TEST_SUITE_P(Noop, AgentContract, testing::Values(AgentUnderTest{…}), AgentName);
//
// in a test program of the implementation's own.

#ifndef VIRTCONTAINERS_TEST_CONTRACT_AGENT_CONTRACT_H_
#define VIRTCONTAINERS_TEST_CONTRACT_AGENT_CONTRACT_H_

#include <chrono>
#include <csignal>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "answer.h"
#include "base/test_deadline.h"
#include "virtcontainers/agent.h"

namespace virtcontainers {

// A guest, and the agent that talks to it. The guest has busybox's commands, or the noop agent's.
class AgentBed {
 public:
  virtual ~AgentBed() = default;

  // One that has not been connected.
  virtual std::unique_ptr<Agent> Make() = 0;
  virtual AgentAddress Address() = 0;

  // The path of a root file system in the guest.
  virtual std::string Rootfs() = 0;

  // What containers need for a terminal.
  virtual std::vector<Mount> Mounts() { return {}; }

  // A command that ends with that code.
  virtual std::vector<std::string> ExitWith(int code) = 0;

  // Whether the guest has a clock and a source of entropy of its own.
  virtual bool IsMachine() { return true; }

  // Whether its containers' processes are processes, which stand still and see files.
  virtual bool HasProcesses() { return true; }
};

struct AgentUnderTest {
  std::string name;
  std::function<std::unique_ptr<AgentBed>()> make;
  // Why it cannot be tried here; empty if it can.
  std::string skip_reason;
};

inline void PrintTo(const AgentUnderTest& agent, std::ostream* out) { *out << agent.name; }

inline std::string AgentName(const testing::TestParamInfo<AgentUnderTest>& info) { return info.param.name; }

class AgentContract : public testing::TestWithParam<AgentUnderTest> {
 protected:
  void SetUp() override {
    if (!GetParam().skip_reason.empty()) GTEST_SKIP() << GetParam().skip_reason;
    bed_ = GetParam().make();
    agent_ = bed_->Make();
  }

  static Code CodeOf(const Status& status) { return status ? Code{} : status.error().code(); }

  void Connect() {
    const Status connected = agent_->Connect(bed_->Address(), Soon());
    ASSERT_TRUE(connected) << connected.error().ToString();
  }

  void ConnectAndCreateSandbox() {
    Connect();
    const Status created = agent_->CreateSandbox({.id = "pod+", .hostname = "host"}, Soon());
    ASSERT_TRUE(created) << created.error().ToString();
  }

  GuestContainer Container(const std::string& id, std::vector<std::string> args) {
    GuestContainer container;
    container.config.id = id;
    container.config.process = Command(std::move(args));
    container.config.mounts = bed_->Mounts();
    container.rootfs = bed_->Rootfs();
    return container;
  }

  static ProcessConfig Command(std::vector<std::string> args) {
    ProcessConfig command;
    command.args = std::move(args);
    command.env = {"PATH=/bin"};
    return command;
  }

  void Create(const std::string& id, std::vector<std::string> args) {
    const Status created = agent_->CreateContainer(Container(id, std::move(args)), Soon());
    ASSERT_TRUE(created) << created.error().ToString();
  }

  void Run(const std::string& id, std::vector<std::string> args) {
    Create(id, std::move(args));
    const Status started = agent_->StartContainer(id, Soon());
    ASSERT_TRUE(started) << started.error().ToString();
  }

  void Exec(const ProcessRef& process, std::vector<std::string> args) {
    const Status executed = agent_->ExecProcess(process, Command(std::move(args)), Soon());
    ASSERT_TRUE(executed) << executed.error().ToString();
  }

  Result<ExitStatus> Wait(const ProcessRef& process) {
    Answer<ExitStatus> exit;
    agent_->WaitProcess(process, exit.callback());
    return exit.Await();
  }

  // The exit code; -1, and a failed test, if there is none.
  int ExitCodeOf(const ProcessRef& process) {
    const Result<ExitStatus> exit = Wait(process);
    EXPECT_TRUE(exit) << exit.error().ToString();
    return exit.value_or(ExitStatus{-1}).code;
  }

  Result<std::string> Read(const ProcessRef& process, OutputStream stream = OutputStream::kStdout,
                           uint32_t size = 4096) {
    Answer<std::string> data;
    agent_->ReadOutput(process, stream, size, data.callback());
    return data.Await();
  }

  std::string ReadToEnd(const ProcessRef& process, OutputStream stream = OutputStream::kStdout,
                        uint32_t size = 4096) {
    std::string all;
    while (true) {
      const Result<std::string> data = Read(process, stream, size);
      if (!data) return all + "[" + data.error().ToString() + "]";
      if (data->empty()) return all;
      EXPECT_LE(data->size(), size);
      all += *data;
    }
  }

  // By a writer that does not count, and as often as it takes.
  Status Write(const ProcessRef& process, std::string data) {
    do {
      const Result<InputTaken> answer = Write(process, {}, data);
      if (!answer) return tl::make_unexpected(answer.error());
      if (answer->closed)
        return tl::make_unexpected(Error(Code::kFailedPrecondition, "the process's input is closed"));
      data.erase(0, answer->taken);
    } while (!data.empty());
    return {};
  }

  Result<InputTaken> Write(const ProcessRef& process, const InputPosition& position, std::string data,
                           Deadline deadline = Deadline::Infinite()) {
    Answer<InputTaken> done;
    agent_->WriteStdin(process, position, std::move(data), deadline, done.callback());
    return done.Await();
  }

  Status CloseStdin(const ProcessRef& process) { return agent_->CloseStdin(process, {}, Soon()); }

  // Each call that takes a process.
  void ExpectOfProcess(const ProcessRef& process, Code code) {
    EXPECT_EQ(Wait(process).error().code(), code);
    EXPECT_EQ(Read(process, OutputStream::kStdout).error().code(), code);
    EXPECT_EQ(Read(process, OutputStream::kStderr).error().code(), code);
    EXPECT_EQ(CodeOf(Write(process, "x")), code);
    EXPECT_EQ(CodeOf(CloseStdin(process)), code);
    EXPECT_EQ(CodeOf(agent_->SignalProcess(process, SIGTERM, false, Soon())), code);
    EXPECT_EQ(CodeOf(agent_->ResizeTerminal(process, 24, 80, Soon())), code);
  }

  // Each call that takes a container, and those above.
  void ExpectOfContainer(const std::string& id, Code code) {
    EXPECT_EQ(CodeOf(agent_->StartContainer(id, Soon())), code);
    EXPECT_EQ(CodeOf(agent_->RemoveContainer(id, Soon())), code);
    EXPECT_EQ(CodeOf(agent_->ExecProcess({id, "e"}, Command({"true"}), Soon())), code);
    ExpectOfProcess({id, ""}, code);
  }

  // Each call on a running container. (One that does not run may have stats, processes and limits as well.)
  void ExpectOfOperations(const std::string& id, Code code) {
    EXPECT_EQ(CodeOf(agent_->PauseContainer(id, Soon())), code);
    EXPECT_EQ(CodeOf(agent_->ResumeContainer(id, Soon())), code);
    if (code == Code::kFailedPrecondition) return;
    EXPECT_EQ(agent_->StatsContainer(id, Soon()).error().code(), code);
    EXPECT_EQ(agent_->ListProcesses(id, Soon()).error().code(), code);
    EXPECT_EQ(CodeOf(agent_->CopyFile(id, {.copy = "1", .path = "/file"}, Soon())), code);
    EXPECT_EQ(CodeOf(agent_->UpdateContainer(id, {}, Soon())), code);
  }

  void ExpectUnavailable() {
    EXPECT_EQ(CodeOf(agent_->Check(Soon())), Code::kUnavailable);
    EXPECT_EQ(agent_->GetDetails(Soon()).error().code(), Code::kUnavailable);
    EXPECT_EQ(CodeOf(agent_->CreateSandbox({.id = "pod+"}, Soon())), Code::kUnavailable);
    EXPECT_EQ(CodeOf(agent_->DestroySandbox(Soon())), Code::kUnavailable);
    EXPECT_EQ(CodeOf(agent_->SetGuestTime(std::chrono::system_clock::now(), Soon())), Code::kUnavailable);
    EXPECT_EQ(CodeOf(agent_->ReseedRandom("entropy", Soon())), Code::kUnavailable);
    EXPECT_EQ(CodeOf(agent_->CreateContainer(Container("c", {"true"}), Soon())), Code::kUnavailable);
    ExpectOfContainer("c", Code::kUnavailable);
    ExpectOfOperations("c", Code::kUnavailable);
    Answer<std::string> oom;
    agent_->NextOom(oom.callback());
    EXPECT_EQ(oom.Await().error().code(), Code::kUnavailable);
  }

  std::unique_ptr<AgentBed> bed_;
  std::unique_ptr<Agent> agent_;  // gone before its guest
};

TEST_P(AgentContract, Calls_BeforeConnect_AreUnavailable) {
  EXPECT_FALSE(agent_->name().empty());
  ExpectUnavailable();
}

TEST_P(AgentContract, Connect_GuestAnswers_Succeeds) {
  Connect();
  EXPECT_TRUE(agent_->Check(Soon()));
  const Result<AgentDetails> details = agent_->GetDetails(Soon());
  ASSERT_TRUE(details) << details.error().ToString();
  EXPECT_FALSE(details->version.empty());
  EXPECT_EQ(CodeOf(agent_->Connect(bed_->Address(), Soon())), Code::kFailedPrecondition);
  EXPECT_TRUE(agent_->Check(Soon()));
}

TEST_P(AgentContract, Close_ThenConnect_Fails) {
  ConnectAndCreateSandbox();
  agent_->Close();
  ExpectUnavailable();
  agent_->Close();
  EXPECT_FALSE(agent_->Connect(bed_->Address(), Soon()));
  ExpectUnavailable();
}

TEST_P(AgentContract, SetTimeAndReseedRandom_OnMachine_Succeed) {
  if (!bed_->IsMachine()) GTEST_SKIP() << "the guest has this machine's";
  Connect();
  EXPECT_TRUE(agent_->ReseedRandom("sixteen bytes ok", Soon()));
  EXPECT_TRUE(agent_->SetGuestTime(std::chrono::system_clock::now(), Soon()));
}

TEST_P(AgentContract, CreateSandbox_Twice_Fails) {
  Connect();
  EXPECT_EQ(CodeOf(agent_->CreateContainer(Container("c", {"true"}), Soon())), Code::kFailedPrecondition);
  ASSERT_TRUE(agent_->CreateSandbox({.id = "pod+", .hostname = "host"}, Soon()));
  EXPECT_EQ(CodeOf(agent_->CreateSandbox({.id = "pod+", .hostname = "host"}, Soon())), Code::kAlreadyExists);
}

TEST_P(AgentContract, Container_CreatedStartedAndRemoved_HasEachState) {
  ConnectAndCreateSandbox();
  ExpectOfContainer("c", Code::kNotFound);
  Create("c", {"cat"});
  EXPECT_EQ(CodeOf(agent_->CreateContainer(Container("c", {"cat"}), Soon())), Code::kAlreadyExists);

  ASSERT_TRUE(agent_->StartContainer("c", Soon()));
  EXPECT_EQ(CodeOf(agent_->StartContainer("c", Soon())), Code::kFailedPrecondition);
  EXPECT_EQ(CodeOf(agent_->CreateContainer(Container("c", {"cat"}), Soon())), Code::kAlreadyExists);

  ASSERT_TRUE(CloseStdin({"c", ""}));
  EXPECT_EQ(ExitCodeOf({"c", ""}), 0);
  EXPECT_EQ(CodeOf(agent_->StartContainer("c", Soon())), Code::kFailedPrecondition);
  EXPECT_EQ(CodeOf(agent_->ExecProcess({"c", "e"}, Command({"true"}), Soon())), Code::kFailedPrecondition);

  EXPECT_TRUE(agent_->RemoveContainer("c", Soon()));
  ExpectOfContainer("c", Code::kNotFound);

  // The id is free again.
  Run("c", bed_->ExitWith(3));
  EXPECT_EQ(ExitCodeOf({"c", ""}), 3);
  EXPECT_TRUE(agent_->RemoveContainer("c", Soon()));
}

TEST_P(AgentContract, RemoveContainer_NeverStarted_AnswersWaiters) {
  ConnectAndCreateSandbox();
  Create("c", {"cat"});
  Answer<ExitStatus> exit;
  Answer<std::string> output;
  agent_->WaitProcess({"c", ""}, exit.callback());
  agent_->ReadOutput({"c", ""}, OutputStream::kStdout, 10, output.callback());
  EXPECT_TRUE(agent_->RemoveContainer("c", Soon()));
  // Told something, and once.
  (void)exit.Await();
  (void)output.Await();
  agent_->Close();
  EXPECT_EQ(exit.calls(), 1);
  EXPECT_EQ(output.calls(), 1);
}

TEST_P(AgentContract, WaitProcess_AnyExitCode_IsTheCode) {
  ConnectAndCreateSandbox();
  Run("c", {"cat"});
  for (const int code : {0, 1, 7, 255}) {
    const std::string id = "exit-" + std::to_string(code);
    Run(id, bed_->ExitWith(code));
    EXPECT_EQ(ExitCodeOf({id, ""}), code);
    Exec({"c", id}, bed_->ExitWith(code));
    EXPECT_EQ(ExitCodeOf({"c", id}), code);
  }
}

TEST_P(AgentContract, WaitProcess_ManyWaiters_AllAreAnswered) {
  ConnectAndCreateSandbox();
  Run("c", {"cat"});
  std::vector<Answer<ExitStatus>> waiters(20);
  for (auto& waiter : waiters) agent_->WaitProcess({"c", ""}, waiter.callback());
  ASSERT_TRUE(CloseStdin({"c", ""}));
  for (auto& waiter : waiters) EXPECT_EQ(waiter.Await().value_or(ExitStatus{-1}).code, 0);
  // And those who come late.
  EXPECT_EQ(ExitCodeOf({"c", ""}), 0);
  EXPECT_EQ(ExitCodeOf({"c", ""}), 0);
  agent_->Close();
  for (auto& waiter : waiters) EXPECT_EQ(waiter.calls(), 1);
}

TEST_P(AgentContract, ReadOutput_ProcessHasEnded_ReturnsAllAndThenEnd) {
  ConnectAndCreateSandbox();
  Run("c", {"echo", "one", "two"});
  EXPECT_EQ(ExitCodeOf({"c", ""}), 0);
  // Nothing of it is lost by the process's end, and the end stays.
  EXPECT_EQ(ReadToEnd({"c", ""}), "one two\n");
  EXPECT_EQ(ReadToEnd({"c", ""}), "");
  EXPECT_EQ(ReadToEnd({"c", ""}, OutputStream::kStderr), "");
}

TEST_P(AgentContract, ReadOutput_SmallPieces_ReturnsEachByte) {
  ConnectAndCreateSandbox();
  Run("c", {"echo", "abcdef"});
  EXPECT_EQ(ReadToEnd({"c", ""}, OutputStream::kStdout, 1), "abcdef\n");
}

TEST_P(AgentContract, ReadOutput_NothingThere_WaitsForOutput) {
  ConnectAndCreateSandbox();
  Run("c", {"cat"});
  Answer<std::string> output;
  agent_->ReadOutput({"c", ""}, OutputStream::kStdout, 100, output.callback());
  EXPECT_TRUE(Write({"c", ""}, "hello"));
  EXPECT_EQ(output.Await().value_or("[error]"), "hello");
  Answer<std::string> end;
  agent_->ReadOutput({"c", ""}, OutputStream::kStdout, 100, end.callback());
  ASSERT_TRUE(CloseStdin({"c", ""}));
  EXPECT_EQ(end.Await().value_or("[error]"), "");
}

TEST_P(AgentContract, ExecProcess_InContainer_HasOwnStreamsAndStatus) {
  ConnectAndCreateSandbox();
  Run("c", {"cat"});
  ExpectOfProcess({"c", "e"}, Code::kNotFound);
  Exec({"c", "e"}, {"cat"});
  EXPECT_EQ(CodeOf(agent_->ExecProcess({"c", "e"}, Command({"cat"}), Soon())), Code::kAlreadyExists);
  EXPECT_TRUE(Write({"c", "e"}, "to the second"));
  EXPECT_EQ(Read({"c", "e"}).value_or("[error]"), "to the second");
  ASSERT_TRUE(CloseStdin({"c", "e"}));
  EXPECT_EQ(ExitCodeOf({"c", "e"}), 0);
  // The first is not concerned.
  EXPECT_TRUE(Write({"c", ""}, "to the first"));
  EXPECT_EQ(Read({"c", ""}).value_or("[error]"), "to the first");
}

TEST_P(AgentContract, ExecProcess_InGuest_HasOwnStreamsAndStatus) {
  ConnectAndCreateSandbox();
  Exec({"pod+", "e"}, {"echo", "hello"});
  EXPECT_EQ(ReadToEnd({"pod+", "e"}), "hello\n");
  EXPECT_EQ(ExitCodeOf({"pod+", "e"}), 0);
  EXPECT_EQ(CodeOf(agent_->ExecProcess({"pod", "e"}, Command({"true"}), Soon())), Code::kNotFound);
}

TEST_P(AgentContract, Close_CallsWait_EachIsAnsweredOnce) {
  ConnectAndCreateSandbox();
  Run("c", {"sleep", "1000"});
  Exec({"c", "e"}, {"cat"});
  std::vector<Answer<ExitStatus>> waiters(5);
  std::vector<Answer<std::string>> readers(5);
  for (auto& waiter : waiters) agent_->WaitProcess({"c", ""}, waiter.callback());
  for (auto& reader : readers) agent_->ReadOutput({"c", "e"}, OutputStream::kStdout, 10, reader.callback());
  agent_->Close();
  // All have been told when Close returns, and nobody is told again.
  for (auto& waiter : waiters) {
    ASSERT_EQ(waiter.calls(), 1);
    EXPECT_EQ(waiter.Await().error().code(), Code::kUnavailable);
  }
  for (auto& reader : readers) {
    ASSERT_EQ(reader.calls(), 1);
    EXPECT_EQ(reader.Await().error().code(), Code::kUnavailable);
  }
  agent_.reset();
  for (auto& waiter : waiters) EXPECT_EQ(waiter.calls(), 1);
  for (auto& reader : readers) EXPECT_EQ(reader.calls(), 1);
}

TEST_P(AgentContract, Destructor_CallsWait_EachIsAnsweredOnce) {
  ConnectAndCreateSandbox();
  Run("c", {"sleep", "1000"});
  Answer<ExitStatus> exit;
  agent_->WaitProcess({"c", ""}, exit.callback());
  agent_.reset();
  EXPECT_EQ(exit.calls(), 1);
}

TEST_P(AgentContract, Callbacks_CallTheAgent_Succeed) {
  ConnectAndCreateSandbox();
  Run("c", {"echo", "abc"});
  Answer<ExitStatus> exit;
  // Each callback asks for more, as whoever reads a stream does.
  std::string all;
  std::function<void(Result<std::string>)> read = [&](const Result<std::string>& data) {
    if (!data || data->empty()) return agent_->WaitProcess({"c", ""}, exit.callback());
    all += *data;
    agent_->ReadOutput({"c", ""}, OutputStream::kStdout, 1, read);
  };
  agent_->ReadOutput({"c", ""}, OutputStream::kStdout, 1, read);
  EXPECT_EQ(exit.Await().value_or(ExitStatus{-1}).code, 0);
  agent_->Close();
  EXPECT_EQ(all, "abc\n");
}

TEST_P(AgentContract, DestroySandbox_ProcessesRun_EndsAll) {
  ConnectAndCreateSandbox();
  Run("c", {"sleep", "1000"});
  Exec({"pod+", "e"}, {"cat"});
  Answer<ExitStatus> container, guest;
  agent_->WaitProcess({"c", ""}, container.callback());
  agent_->WaitProcess({"pod+", "e"}, guest.callback());
  ASSERT_TRUE(agent_->DestroySandbox(Soon()));
  (void)container.Await();
  (void)guest.Await();
  EXPECT_FALSE(agent_->StartContainer("c", Soon()));
  agent_->Close();
  EXPECT_EQ(container.calls(), 1);
  EXPECT_EQ(guest.calls(), 1);
}

TEST_P(AgentContract, Calls_FromManyThreads_Succeed) {
  ConnectAndCreateSandbox();
  Run("c", {"cat"});
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([this, thread] {
      for (int i = 0; i < 5; ++i) {
        const ProcessRef process{"c", "e" + std::to_string(thread) + "-" + std::to_string(i)};
        Exec(process, {"cat"});
        EXPECT_TRUE(Write(process, "x"));
        EXPECT_EQ(Read(process).value_or("[error]"), "x");
        EXPECT_TRUE(CloseStdin(process));
        EXPECT_EQ(ExitCodeOf(process), 0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_TEST_CONTRACT_AGENT_CONTRACT_H_
