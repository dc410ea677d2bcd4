// Processes in pods: entered, attached to, found again.

#include <poll.h>

#include <filesystem>
#include <future>
#include <stop_token>

#include "runtime/test_runtime.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::StartsWith;

class ProcessTest : public RuntimeTest {
 protected:
  ContainerConfig Attached(const std::string& id, std::vector<std::string> args) const {
    ContainerConfig config = Container(id, std::move(args));
    config.output = ContainerOutput::kAttach;
    return config;
  }

  std::unique_ptr<Process> Enter(const std::string& container, std::vector<std::string> args) {
    auto process = container.empty()
                       ? runtime_.EnterPod("web", Command(std::move(args)), Soon())
                       : runtime_.EnterContainer("web", container, Command(std::move(args)), Soon());
    EXPECT_OK(process);
    return process ? std::move(*process) : nullptr;
  }
};

TEST_F(ProcessTest, Enter_Command_HasOutputAndStatus) {
  CreateAndStart(Pod("web", {Container("a")}));
  for (const char* container : {"", "a"}) {
    const auto process = Enter(container, {"echo", "hello", "you"});
    EXPECT_EQ(ReadToEnd(*process), "hello you\n");
    char buffer[10];
    EXPECT_EQ(process->ReadStderr(buffer, Soon()).value_or(99), 0u);
    EXPECT_EQ(process->Wait(Soon())->code, 0);
    EXPECT_EQ(process->Wait(Soon())->code, 0) << "waiting collects nothing";
    EXPECT_EQ(Enter(container, {"exit", "7"})->Wait(Soon())->code, 7);
  }
}

TEST_F(ProcessTest, WriteStdin_LargeInput_IsEchoed) {
  CreateAndStart(Pod("web", {Container("a")}));
  const auto process = Enter("a", {"cat"});
  std::string input;
  for (int i = 0; input.size() < (1 << 20); ++i) input += std::to_string(i) + "\n";
  std::future<Status> written = std::async(std::launch::async, [&]() -> Status {
    Status status = process->WriteStdin(input, Soon());
    if (status) status = process->CloseStdin(Soon());
    return status;
  });
  EXPECT_TRUE(ReadToEnd(*process) == input);
  EXPECT_OK(written.get());
  EXPECT_EQ(process->Wait(Soon())->code, 0);
  EXPECT_CODE(process->WriteStdin("more", Soon()), Code::kFailedPrecondition);
  EXPECT_OK(process->CloseStdin(Soon()));
}

TEST_F(ProcessTest, Read_DeadlinePasses_LosesNoOutput) {
  CreateAndStart(Pod("web"));
  const auto process = Enter("", {"cat"});
  char buffer[100];
  EXPECT_CODE(process->ReadStdout(buffer, Deadline::After(milliseconds(10))), Code::kDeadlineExceeded);
  EXPECT_CODE(process->ReadStdout(buffer, Passed()), Code::kDeadlineExceeded);
  EXPECT_CODE(process->Wait(Deadline::After(milliseconds(10))), Code::kDeadlineExceeded);
  EXPECT_CODE(process->ReadStdout({}, Soon()), Code::kInvalidArgument);
  ASSERT_OK(process->WriteStdin("kept", Soon()));
  const Result<size_t> got = process->ReadStdout(buffer, Deadline::After(std::chrono::hours(24 * 365 * 290)));
  ASSERT_OK(got);
  EXPECT_EQ(std::string(buffer, *got), "kept") << "given to the reader that had gone";
}

TEST_F(ProcessTest, SignalAndResize_Process_SucceedOrFail) {
  CreateAndStart(Pod("web", {Container("a")}));
  const auto process = Enter("a", {"cat"});
  EXPECT_CODE(process->Resize(10, 20, Soon()), Code::kFailedPrecondition);
  EXPECT_OK(process->Signal(0, Soon()));
  for (const int bad : {-1, 65}) EXPECT_CODE(process->Signal(bad, Soon()), Code::kInvalidArgument);
  ASSERT_OK(process->Signal(SIGINT, Soon()));
  EXPECT_EQ(process->Wait(Soon())->code, 128 + SIGINT);
  EXPECT_OK(process->Signal(SIGINT, Soon()));
  EXPECT_CODE(process->Signal(0, Soon()), Code::kFailedPrecondition);

  ProcessConfig terminal = Command({"cat"});
  terminal.terminal = true;
  const auto interactive = runtime_.EnterContainer("web", "a", terminal, Soon());
  ASSERT_OK(interactive);
  EXPECT_OK((*interactive)->Resize(10, 20, Soon()));
}

TEST_F(ProcessTest, OpenProcess_OtherRuntime_FindsIt) {
  CreateAndStart(Pod("web", {Container("a")}));
  const auto process = Enter("a", {"cat"});
  Runtime other = Open();
  const auto again = other.OpenProcess("web", "a", process->id());
  ASSERT_OK(again);
  EXPECT_EQ((*again)->id(), process->id());
  ASSERT_OK((*again)->WriteStdin("from the other", Soon()));
  char buffer[100];
  EXPECT_EQ(process->ReadStdout(buffer, Soon()).value_or(0), 14u);
  ASSERT_OK((*again)->CloseStdin(Soon()));
  EXPECT_EQ(process->Wait(Soon())->code, 0);

  EXPECT_CODE(other.OpenProcess("web", "a", "exec-0"), Code::kNotFound);
  EXPECT_CODE(other.OpenProcess("web", "b", process->id()), Code::kNotFound);
  EXPECT_CODE(other.OpenProcess("web", "", process->id()), Code::kNotFound) << "it is the container's";
  EXPECT_EQ(other.OpenProcess("web", "a", "exec-0").error().ToString(),
            "open a process of pod 'web': no process 'exec-0'");
}

TEST_F(ProcessTest, Attach_OutputAttached_IsReadAndWritten) {
  CreateAndStart(Pod("web", {Attached("a", {"cat"})}));
  EXPECT_EQ(runtime_.ContainerStatus("web", "a")->log, "");
  const auto process = runtime_.AttachContainer("web", "a");
  ASSERT_OK(process);
  EXPECT_EQ((*process)->id(), "");
  ASSERT_OK((*process)->WriteStdin("hello", Soon()));
  ASSERT_OK((*process)->CloseStdin(Soon()));
  EXPECT_EQ(ReadToEnd(**process), "hello");
  EXPECT_EQ((*process)->Wait(Soon())->code, 0);
  // Who has waited sees the state.
  const ContainerStatus status = *runtime_.ContainerStatus("web", "a");
  EXPECT_EQ(status.state, ContainerState::kStopped);
  EXPECT_EQ(status.exit, ExitStatus{0});
}

TEST_F(ProcessTest, Attach_OutputLogged_IsOnlyWaitedFor) {
  CreateAndStart(Pod("web", {Container("a")}));
  const auto process = runtime_.AttachContainer("web", "a");
  ASSERT_OK(process);
  char buffer[10];
  const auto read = (*process)->ReadStdout(buffer, Soon());
  EXPECT_CODE(read, Code::kFailedPrecondition);
  EXPECT_THAT(read.error().ToString(), HasSubstr("the output of container 'a' goes to its log"));
  std::future<Result<ExitStatus>> exit =
      std::async(std::launch::async, [&] { return (*process)->Wait(Soon()); });
  ASSERT_OK(runtime_.StopContainer("web", "a", milliseconds(2000), Soon()));
  EXPECT_EQ(exit.get()->code, 128 + SIGTERM);
  EXPECT_EQ(runtime_.ContainerStatus("web", "a")->state, ContainerState::kStopped);
}

TEST_F(ProcessTest, OpenProcess_DeadlinePassesOrIsCancelled_Fails) {
  CreateAndStart(Pod("web"));
  const auto process = Enter("", {"cat"});
  EXPECT_CODE(runtime_.OpenProcess("web", "", process->id(), Passed()), Code::kDeadlineExceeded);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_CODE(runtime_.OpenProcess("web", "", process->id(), Soon().OrStopped(stop.get_token())),
              Code::kCancelled);
}

TEST_F(ProcessTest, Attach_MonitorDiedAndCallCancelled_IsCancelled) {
  CreateAndStart(Pod("web", {Attached("a", {"cat"})}));
  EXPECT_OK(runtime_.AttachContainer("web", "a", Passed())) << "a monitor that lives is not waited for";
  KillMonitor("web");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_CODE(runtime_.AttachContainer("web", "a", Soon().OrStopped(stop.get_token())), Code::kCancelled);
  EXPECT_TRUE(Eventually([&] { return StatusOf("web").reason.empty(); })) << "the take-over goes on";
}

// A container may have its pod's name: EnterPod is into the pod's own root nevertheless.
TEST_F(ProcessTest, Enter_ContainerHasPodsName_IsNotThePod) {
  CreateAndStart(Pod("web", {Container("web"), Container("pod")}));
  const auto in_pod = Enter("", {"cat"});
  const auto in_container = Enter("web", {"cat"});
  ASSERT_OK(runtime_.StopContainer("web", "web", milliseconds(2000), Soon()));
  EXPECT_EQ(in_container->Wait(Soon())->code, 128 + SIGKILL) << "it ended with its container";
  ASSERT_OK(in_pod->WriteStdin("still there", Soon()));
  char buffer[20];
  EXPECT_EQ(in_pod->ReadStdout(buffer, Soon()).value_or(0), 11u);
  EXPECT_CODE(runtime_.OpenProcess("web", "web", in_pod->id()), Code::kNotFound);
  EXPECT_OK(runtime_.OpenProcess("web", "", in_pod->id()));
}

TEST_F(ProcessTest, Calls_PodStops_AreUnavailable) {
  CreateAndStart(Pod("web", {Container("a")}));
  const auto process = Enter("", {"cat"});
  std::future<Result<ExitStatus>> wait =
      std::async(std::launch::async, [&] { return process->Wait(Soon()); });
  char buffer[10];
  std::future<Result<size_t>> read =
      std::async(std::launch::async, [&] { return process->ReadStdout(buffer, Soon()); });
  ASSERT_OK(runtime_.StopPod("web", milliseconds(2000), Soon()));
  EXPECT_CODE(wait.get(), Code::kUnavailable);
  EXPECT_CODE(read.get(), Code::kUnavailable);
  EXPECT_CODE(process->Signal(SIGTERM, Soon()), Code::kUnavailable);
}

TEST_F(ProcessTest, ReadOutput_Command_ReturnsOutputThenEnd) {
  CreateAndStart(Pod("web", {Container("a")}));
  const auto process = Enter("a", {"echo", "hello"});
  const auto output = process->ReadOutput(Soon());
  ASSERT_OK(output);
  EXPECT_EQ(output->stream, ProcessOutput::Stream::kStdout);
  EXPECT_EQ(output->data, "hello\n");
  for (int i = 0; i < 2; ++i) {
    const auto end = process->ReadOutput(Soon());
    ASSERT_OK(end);
    EXPECT_EQ(end->stream, ProcessOutput::Stream::kEnd);
    EXPECT_EQ(end->data, "");
  }
  EXPECT_EQ(ReadToEnd(*process), "") << "the end holds for every call";
  EXPECT_EQ(process->Wait(Soon())->code, 0);
}

TEST_F(ProcessTest, ReadOutput_LargeOutput_LosesNothing) {
  CreateAndStart(Pod("web"));
  const auto process = Enter("", {"cat"});
  std::string input;
  for (int i = 0; input.size() < (1 << 20); ++i) input += std::to_string(i) + "\n";
  std::future<Status> written = std::async(std::launch::async, [&]() -> Status {
    Status status = process->WriteStdin(input, Soon());
    if (status) status = process->CloseStdin(Soon());
    return status;
  });
  std::string all;
  for (bool ended = false, by_stream = false; !ended; by_stream = !by_stream) {
    char buffer[1000];
    if (by_stream) {
      const Result<size_t> count = process->ReadStdout(buffer, Soon());
      ASSERT_OK(count);
      all.append(buffer, *count);
      ended = *count == 0;
    } else {
      const auto output = process->ReadOutput(Soon());
      ASSERT_OK(output);
      all += output->data;
      ended = output->stream == ProcessOutput::Stream::kEnd;
    }
  }
  EXPECT_TRUE(all == input);
  EXPECT_OK(written.get());
}

TEST_F(ProcessTest, ReadOutput_DeadlinePassesOrIsCancelled_LosesNoOutput) {
  CreateAndStart(Pod("web"));
  const auto process = Enter("", {"cat"});
  EXPECT_CODE(process->ReadOutput(Deadline::After(milliseconds(10))), Code::kDeadlineExceeded);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_CODE(process->ReadOutput(Soon().OrStopped(stop.get_token())), Code::kCancelled);
  ASSERT_OK(process->WriteStdin("kept", Soon()));
  EXPECT_EQ(process->ReadOutput(Soon())->data, "kept");
}

TEST_F(ProcessTest, Fd_OutputAndExit_BecomeReadableOnce) {
  CreateAndStart(Pod("web"));
  const auto process = Enter("", {"cat"});
  const Result<int> fd = process->fd();
  ASSERT_OK(fd);
  const auto readable = [&](int timeout_ms) {
    pollfd entry = {*fd, POLLIN, 0};
    return ::poll(&entry, 1, timeout_ms) == 1;
  };
  EXPECT_FALSE(readable(0));
  ASSERT_OK(process->WriteStdin("hello", Soon()));
  ASSERT_TRUE(readable(10'000));
  EXPECT_EQ(process->ReadOutput(Passed())->data, "hello");
  EXPECT_FALSE(readable(0));
  ASSERT_OK(process->CloseStdin(Soon()));
  // As the header says: until the end, then the exit.
  bool ended = false, exited = false;
  while (!(ended && exited)) {
    ASSERT_TRUE(readable(10'000));
    const auto output = process->ReadOutput(Passed());
    if (output) ended = output->stream == ProcessOutput::Stream::kEnd;
    const auto exit = process->Wait(Passed());
    if (exit) exited = exit->code == 0;
  }
  EXPECT_FALSE(readable(0));
}

TEST_F(ProcessTest, Fd_OutputLogged_AnnouncesExit) {
  CreateAndStart(Pod("web", {Container("a", {"cat"})}));
  const auto process = runtime_.AttachContainer("web", "a", Soon());
  ASSERT_OK(process);
  EXPECT_CODE((*process)->ReadOutput(Soon()), Code::kFailedPrecondition);
  const Result<int> fd = (*process)->fd();
  ASSERT_OK(fd);
  pollfd entry = {*fd, POLLIN, 0};
  EXPECT_EQ(::poll(&entry, 1, 0), 0);
  ASSERT_OK(runtime_.StopContainer("web", "a", milliseconds(0), Soon()));
  EXPECT_EQ(::poll(&entry, 1, 10'000), 1);
  EXPECT_OK((*process)->Wait(Passed()));
}

TEST_F(ProcessTest, Fd_PodStops_AnnouncesErrors) {
  CreateAndStart(Pod("web"));
  const auto process = Enter("", {"cat"});
  const Result<int> fd = process->fd();
  ASSERT_OK(fd);
  ASSERT_OK(runtime_.StopPod("web", milliseconds(0), Soon()));
  pollfd entry = {*fd, POLLIN, 0};
  EXPECT_EQ(::poll(&entry, 1, 10'000), 1);
  EXPECT_CODE(process->ReadOutput(Soon()), Code::kUnavailable);
  EXPECT_CODE(process->Wait(Soon()), Code::kUnavailable);
}

TEST_F(ProcessTest, Fd_HandleDestroyed_LeavesNoThreadOrDescriptor) {
  CreateAndStart(Pod("web"));
  const auto count = [](const char* directory) {
    const std::filesystem::directory_iterator begin(directory);
    return std::distance(begin, std::filesystem::directory_iterator());
  };
  (void)Enter("", {"cat"});
  const auto threads = count("/proc/self/task"), descriptors = count("/proc/self/fd");
  for (int i = 0; i < 20; ++i) {
    const auto process = Enter("", {"cat"});
    ASSERT_OK(process->fd());
    EXPECT_CODE(process->ReadOutput(Passed()), Code::kDeadlineExceeded);
  }
  EXPECT_EQ(count("/proc/self/task"), threads);
  EXPECT_EQ(count("/proc/self/fd"), descriptors);
}

TEST_F(ProcessTest, Processes_ManyHandles_AreIndependent) {
  CreateAndStart(Pod("web", {Container("a")}));
  std::vector<std::unique_ptr<Process>> processes;
  for (int i = 0; i < 200; ++i) {
    auto process = runtime_.EnterContainer("web", "a", Command({"cat"}), Soon());
    ASSERT_OK(process);
    processes.push_back(std::move(*process));
  }
  for (const auto& process : processes) ASSERT_OK(process->CloseStdin(Soon()));
  for (const auto& process : processes) EXPECT_EQ(process->Wait(Soon())->code, 0);
}

TEST_F(ProcessTest, Enter_EmptyOrInvalidCommand_IsRefused) {
  CreateAndStart(Pod("web"));
  EXPECT_CODE(runtime_.EnterPod("web", Command({}), Soon()), Code::kInvalidArgument);
  ProcessConfig relative = Command({"true"});
  relative.cwd = "tmp";
  EXPECT_CODE(runtime_.EnterPod("web", relative, Soon()), Code::kInvalidArgument);
}

}  // namespace
}  // namespace virtcontainers
