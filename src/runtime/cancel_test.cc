// Calls that another thread cancels.

#include <functional>
#include <future>
#include <stop_token>

#include "os/marked_process.h"
#include "pod/pod_mark.h"
#include "runtime/test_runtime.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;

class CancelTest : public RuntimeTest {
 protected:
  // The error of a call that is cancelled once it has been under way for a moment.
  static Error Cancel(const std::function<Status(Deadline)>& call) {
    std::stop_source source;
    auto calling = std::async(std::launch::async,
                              [&] { return call(Deadline::Infinite().OrStopped(source.get_token())); });
    EXPECT_EQ(calling.wait_for(milliseconds(50)), std::future_status::timeout) << "it did not wait";
    source.request_stop();
    if (calling.wait_for(std::chrono::seconds(20)) != std::future_status::ready) {
      ADD_FAILURE() << "it goes on";
      std::abort();
    }
    const Status outcome = calling.get();
    return outcome ? Error(Code::kUnknown, "it succeeded") : outcome.error();
  }

  static Status StatusOnly(const auto& result) {
    if (result) return {};
    return tl::make_unexpected(result.error());
  }
};

TEST_F(CancelTest, WaitContainer_Cancelled_AnswersCancelled) {
  CreateAndStart(Pod("p", {Container("c")}));
  const Error error =
      Cancel([&](Deadline deadline) { return StatusOnly(runtime_.WaitContainer("p", "c", deadline)); });
  EXPECT_EQ(error.code(), Code::kCancelled);
  EXPECT_EQ(error.ToString(), "wait for container 'c' of pod 'p': the caller cancelled the call");
}

TEST_F(CancelTest, StartPod_Cancelled_UndoesTheStart) {
  PodConfig pod = Pod("p", {Container("c")});
  pod.containers[0].hooks.create_runtime = {{.path = "/bin/sleep", .args = {"sleep", "60"}}};
  ASSERT_OK(runtime_.CreatePod(pod));
  const Error error = Cancel([&](Deadline deadline) { return runtime_.StartPod("p", deadline); });
  EXPECT_EQ(error.code(), Code::kCancelled);
  EXPECT_EQ(error.ToString(), "start pod 'p': the caller cancelled the call");
  EXPECT_EQ(StatusOf("p").state, PodState::kReady);
  const auto left = FindMarkedProcesses(ProcessesOfPod(Paths("p").mark));
  ASSERT_OK(left);
  EXPECT_EQ(left->size(), 0u);
  // A start that is cancelled early has not made it yet.
  if (FileExists(directory_ / "run")) {
    EXPECT_EQ(directory_.Entries("run"), 0u);
  }
  const auto garbage = runtime_.CollectGarbage({.dry_run = true}, Soon());
  ASSERT_OK(garbage);
  EXPECT_EQ(garbage->size(), 0u);
  ASSERT_OK(runtime_.DeletePod("p", Soon()));
}

TEST_F(CancelTest, RunPod_Cancelled_DeletesThePod) {
  PodConfig pod = Pod("p", {Container("c")});
  pod.containers[0].hooks.create_runtime = {{.path = "/bin/sleep", .args = {"sleep", "60"}}};
  EXPECT_EQ(Cancel([&](Deadline deadline) { return runtime_.RunPod(pod, deadline); }).code(),
            Code::kCancelled);
  EXPECT_CODE(runtime_.PodStatus("p"), Code::kNotFound);
}

TEST_F(CancelTest, StopPod_CancelledWhileAnotherCallHasThePod_ChangesNothing) {
  CreateAndStart(Pod("p"));
  const Result<FileLock> lock = FileLock::Acquire(Paths("p").lock(), Soon());
  ASSERT_OK(lock);
  const Error error =
      Cancel([&](Deadline deadline) { return runtime_.StopPod("p", milliseconds(0), deadline); });
  EXPECT_EQ(error.code(), Code::kCancelled);
  EXPECT_EQ(StatusOf("p").state, PodState::kRunning);
}

TEST_F(CancelTest, Read_Cancelled_LosesNoByte) {
  CreateAndStart(Pod("p", {Container("c")}));
  const auto cat = runtime_.EnterContainer("p", "c", Command({"cat"}), Soon());
  ASSERT_OK(cat);
  Process& process = **cat;
  std::string buffer(10, '\0');
  for (const auto read : {&Process::ReadStdout, &Process::ReadStderr}) {
    const Error error =
        Cancel([&](Deadline deadline) { return StatusOnly((process.*read)(buffer, deadline)); });
    EXPECT_EQ(error.code(), Code::kCancelled);
  }
  ASSERT_OK(process.WriteStdin("hello", Soon()));
  ASSERT_OK(process.CloseStdin(Soon()));
  EXPECT_EQ(ReadToEnd(process), "hello");
}

TEST_F(CancelTest, Call_TokenStoppedBefore_AnswersCancelled) {
  CreateAndStart(Pod("p", {Container("c")}));
  std::stop_source source;
  source.request_stop();
  const Deadline deadline = Soon().OrStopped(source.get_token());
  EXPECT_CODE(runtime_.PausePod("p", deadline), Code::kCancelled);
  EXPECT_CODE(runtime_.EnterContainer("p", "c", Command({"true"}), deadline), Code::kCancelled);
  EXPECT_EQ(StatusOf("p").state, PodState::kRunning);
}

TEST_F(CancelTest, Events_TokenStopped_ReturnsNothing) {
  const auto events = runtime_.Events();
  ASSERT_OK(events);
  std::stop_source source;
  auto next = std::async(std::launch::async,
                         [&] { return (*events)->Next(Deadline::Infinite().OrStopped(source.get_token())); });
  EXPECT_EQ(next.wait_for(milliseconds(20)), std::future_status::timeout);
  source.request_stop();
  const auto event = next.get();
  ASSERT_OK(event);
  EXPECT_FALSE(*event);
}

}  // namespace
}  // namespace virtcontainers
