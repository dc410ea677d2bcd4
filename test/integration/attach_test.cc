// Containers whose output is kept for the one who attaches: every byte, in order, however late or slow the
// reader.

#include <future>
#include <thread>

#include "integration/fixture.h"

namespace virtcontainers::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class AttachTest : public SharedPodTest<AttachTest> {
 public:
  static PodConfig Config(const PodHost& host) {
    PodConfig pod;
    pod.id = kPod;
    pod.containers = {host.Container("logged", {"sleep", "1000"})};
    return pod;
  }

 protected:
  // A container of this test, gone when it ends.
  void TearDown() override {
    for (const std::string& id : mine_) {
      EXPECT_OK(runtime().StopContainer(kPod, id, milliseconds(0)));
      EXPECT_OK(runtime().DeleteContainer(kPod, id));
    }
    SharedPodTest::TearDown();
  }

  // Starts the process in a container of its own, with `files` at its root.
  std::unique_ptr<Process> Start(const std::string& id, ProcessConfig command,
                                 const std::map<std::string, std::string>& files = {}) {
    ContainerConfig config = Container(id);
    config.process = std::move(command);
    config.output = ContainerOutput::kAttach;
    for (const auto& [name, content] : files) WriteTo(config.rootfs + "/" + name, content);
    virtcontainers::Status started = runtime().CreateContainer(kPod, config);
    if (started) mine_.push_back(id);
    if (started) started = runtime().StartContainer(kPod, id);
    EXPECT_OK(started);
    if (!started) return nullptr;
    return Attach(id);
  }

  std::unique_ptr<Process> Attach(const std::string& id) {
    auto process = runtime().AttachContainer(kPod, id);
    EXPECT_OK(process);
    return process ? *std::move(process) : nullptr;
  }

  static std::string ReadUntil(Process& process, const std::string& text) {
    std::string out;
    char buffer[4096];
    while (out.find(text) == std::string::npos) {
      const auto count = process.ReadStdout(buffer, Deadline::After(seconds(60)));
      EXPECT_OK(count);
      if (!count || *count == 0) break;
      out.append(buffer, *count);
    }
    return out;
  }

 private:
  std::vector<std::string> mine_;
};

TEST_F(AttachTest, Read_BothStreams_ReturnsEveryByte) {
  const std::string out = NoiseBytes(3'000'000, 1), err = NoiseBytes(2'000'000, 2);
  auto process =
      Start("bytes", Shell("cat /out & cat /err >&2; wait; exit 21"), {{"out", out}, {"err", err}});
  ASSERT_NE(process, nullptr);
  EXPECT_EQ(process->id(), "") << "the container's first process";
  const Finished finished = Finish(std::move(process), "", Deadline::After(seconds(120)));
  EXPECT_EQ(finished.code, 21) << finished.err.substr(0, 200);
  EXPECT_TRUE(finished.out == out) << "of " << out.size() << " bytes came " << finished.out.size();
  EXPECT_TRUE(finished.err == err) << "of " << err.size() << " bytes came " << finished.err.size();
  const ContainerStatus status = WaitUntilStopped(kPod, "bytes");
  EXPECT_EQ(status.exit, ExitStatus{21});
  EXPECT_EQ(status.log, "") << "what is attached is not logged";
}

TEST_F(AttachTest, WriteStdin_LargeInput_ReachesFirstProcess) {
  const std::string noise = NoiseBytes(2'000'000, 3);
  auto process = Start("cat", Command({"cat"}));
  ASSERT_NE(process, nullptr);
  const Finished finished = Finish(std::move(process), noise, Deadline::After(seconds(120)));
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_TRUE(finished.out == noise) << "of " << noise.size() << " bytes came back " << finished.out.size();
}

TEST_F(AttachTest, WriteStdin_ProcessClosedItsInput_Fails) {
  auto process = Start("deaf", Shell("exec <&-; echo closed; sleep 1000"));
  ASSERT_NE(process, nullptr);
  EXPECT_EQ(ReadUntil(*process, "\n"), "closed\n");
  EXPECT_FAILS(process->WriteStdin("anybody there?", Deadline::After(seconds(60))), Code::kFailedPrecondition,
               "");
  ASSERT_OK(process->CloseStdin());
  EXPECT_OK(process->CloseStdin());  // once more is nothing
  EXPECT_FAILS(process->WriteStdin("x", Deadline::After(seconds(60))), Code::kFailedPrecondition, "");
}

TEST_F(AttachTest, Read_OutputJustBeforeEnd_IsReturned) {
  const std::string last =
      NoiseBytes(60'000, 4);  // less than a pipe holds: the process is gone before the reader
  auto process = Start("last", Shell("cat /last; echo gone >&2; exit 9"), {{"last", last}});
  ASSERT_NE(process, nullptr);
  EXPECT_EQ(WaitUntilStopped(kPod, "last").exit, ExitStatus{9}) << "nobody has read yet";
  process = Attach("last");
  ASSERT_NE(process, nullptr);
  const Finished finished = Finish(std::move(process));
  EXPECT_TRUE(finished.out == last) << finished.out.size();
  EXPECT_EQ(finished.err, "gone\n");
  EXPECT_EQ(finished.code, 9);

  for (int i = 0; i < 20; ++i) {
    const std::string word = "word " + std::to_string(i);
    const Finished echoed =
        Enter("logged", Shell("printf '" + word + "'; printf '" + word + "' >&2; exit 3"));
    EXPECT_EQ(echoed.out, word);
    EXPECT_EQ(echoed.err, word);
    EXPECT_EQ(echoed.code, 3);
  }
}

TEST_F(AttachTest, Process_NobodyReadsOutput_WaitsAndBlocksNoOther) {
  const std::string out = NoiseBytes(1'000'000, 5);
  auto process = Start("slow", Shell("cat /out; echo written >/done; exit 2"), {{"out", out}});
  ASSERT_NE(process, nullptr);
  // Others are heard meanwhile: nothing of it is in their way.
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Enter("logged", Command({"echo", "heard"})).out, "heard\n");
  EXPECT_EQ(StatusOf(kPod, "slow").state, ContainerState::kRunning);
  EXPECT_EQ(FileContent(dir() + "/rootfs/slow/done"), "") << "it waits, for its pipe is full";

  std::string read;
  char buffer[777];
  while (true) {
    const auto count = process->ReadStdout(buffer, Deadline::After(seconds(60)));
    ASSERT_OK(count);
    if (*count == 0) break;
    read.append(buffer, *count);
    if (read.size() % 100 < 10) std::this_thread::yield();
  }
  EXPECT_TRUE(read == out) << "of " << out.size() << " bytes came " << read.size();
  EXPECT_EQ(process->Wait().value_or(ExitStatus{-1}).code, 2);
  EXPECT_EQ(process->ReadStdout(buffer).value_or(99), 0u) << "the end stays the end";
}

TEST_F(AttachTest, Read_DeadlinePasses_LosesNoOutput) {
  auto process = Start("late", Shell("read line; echo \"$line\"; cat"));
  ASSERT_NE(process, nullptr);
  char buffer[64];
  EXPECT_FAILS(process->ReadStdout(buffer, Deadline::After(milliseconds(50))), Code::kDeadlineExceeded, "");
  EXPECT_FAILS(process->Wait(Deadline::After(milliseconds(50))), Code::kDeadlineExceeded, "");
  ASSERT_OK(process->WriteStdin("for whoever comes\n"));
  // The next reader, on a handle of its own.
  EXPECT_EQ(ReadUntil(*Attach("late"), "\n"), "for whoever comes\n");
  EXPECT_EQ(StatusOf(kPod, "late").state, ContainerState::kRunning);
}

TEST_F(AttachTest, Wait_ManyCallers_AllAreAnswered) {
  auto process = Start("waited", Shell("trap 'exit 77' TERM; echo ready; sleep 1000 & wait"));
  ASSERT_NE(process, nullptr);
  EXPECT_EQ(ReadUntil(*process, "\n"), "ready\n");
  Runtime other = OpenAgain();
  const auto elsewhere = other.AttachContainer(kPod, "waited");
  ASSERT_OK(elsewhere);
  std::vector<std::future<int>> waiters;
  for (int i = 0; i < 8; ++i) {
    Process& handle = i % 2 == 0 ? *process : **elsewhere;
    waiters.push_back(std::async(std::launch::async, [&handle] {
      return handle.Wait(Deadline::After(seconds(60))).value_or(ExitStatus{-1}).code;
    }));
  }
  ASSERT_OK(process->Signal(15));
  for (auto& waiter : waiters) EXPECT_EQ(waiter.get(), 77);
  EXPECT_EQ(process->Wait().value_or(ExitStatus{-1}).code, 77) << "and afterwards";
  EXPECT_EQ(WaitUntilStopped(kPod, "waited").exit, ExitStatus{77});
}

TEST_F(AttachTest, Signal_ToFirstProcess_IsHandled) {
  auto process = Start("signalled", Shell("trap 'echo usr1' USR1; trap 'echo hup; exit 3' HUP; echo ready;"
                                          "while :; do sleep 1000 & wait; done"));
  ASSERT_NE(process, nullptr);
  EXPECT_EQ(ReadUntil(*process, "\n"), "ready\n");
  ASSERT_OK(process->Signal(10));
  EXPECT_EQ(ReadUntil(*process, "\n"), "usr1\n");
  ASSERT_OK(process->Signal(1));
  EXPECT_EQ(ReadUntil(*process, "\n"), "hup\n");
  EXPECT_EQ(process->Wait().value_or(ExitStatus{-1}).code, 3);
}

TEST_F(AttachTest, Resize_Terminal_ProcessSeesNewSize) {
  ProcessConfig command = Shell("stty size; while read line; do echo \"got $line\"; stty size; done; exit 6");
  command.terminal = true;
  command.rows = 40;
  command.columns = 120;
  auto process = Start("tty", command);
  ASSERT_NE(process, nullptr);
  EXPECT_EQ(ReadUntil(*process, "\n"), "40 120\r\n");
  ASSERT_OK(process->Resize(10, 20));
  ASSERT_OK(process->WriteStdin("on\n"));
  EXPECT_EQ(ReadUntil(*process, "10 20\r\n"), "on\r\ngot on\r\n10 20\r\n") << "with the terminal's echo";
  ASSERT_OK(process->WriteStdin("\x04"));  // the end of the input, to a terminal
  EXPECT_EQ(process->Wait().value_or(ExitStatus{-1}).code, 6);

  auto plain = Start("plain", Command({"sleep", "1000"}));
  ASSERT_NE(plain, nullptr);
  EXPECT_FAILS(plain->Resize(10, 20), Code::kFailedPrecondition, "terminal");
}

TEST_F(AttachTest, Read_OutputGoesToLog_Fails) {
  auto process = Attach("logged");
  ASSERT_NE(process, nullptr);
  char buffer[16];
  EXPECT_FAILS(process->ReadStdout(buffer, Deadline::After(seconds(60))), Code::kFailedPrecondition,
               "goes to its log");
  EXPECT_FAILS(process->Wait(Deadline::After(milliseconds(50))), Code::kDeadlineExceeded, "");
}

}  // namespace
}  // namespace virtcontainers::test
