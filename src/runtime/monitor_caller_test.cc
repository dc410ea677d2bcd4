// Calls of a monitor that is a test's: it answers what the test tells it to.

#include "runtime/monitor_caller.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/errors.h"
#include "os/marked_process.h"
#include "os/subprocess.h"
#include "runtime/test_runtime.h"
#include "ttrpc/server.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Answers every call with the call's method.
class EchoingMonitor final : public ttrpc::Handler {
 public:
  void Handle(ttrpc::Call call, ttrpc::Responder responder) override {
    const std::lock_guard lock(mutex_);
    calls_.push_back(call.method);
    if (on_call_) on_call_();
    if (error_) return responder.Respond(Fail(*error_));
    responder.Respond(call.method);
  }

  std::vector<std::string> calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

  // Set while no call is under way.
  std::function<void()> on_call_;
  std::optional<Error> error_;

 private:
  std::mutex mutex_;
  std::vector<std::string> calls_;
};

// A pod that runs, with a process that sleeps as its VM and this process as its monitor.
class MonitorCallerTest : public testing::Test {
 protected:
  MonitorCallerTest() {
    PodConfig config;
    config.id = "web";
    config.containers.emplace_back().id = "a";
    EXPECT_OK(locker_.store().CreatePod(config));
    vm_ = Subprocess::Spawn({.argv = {"sleep", "1000"}, .env = MarkedEnvironment(Files().paths().mark)});
    EXPECT_OK(vm_);
    SetState(PodState::kRunning);
    monitor_lock_ = FileLock::Acquire(Files().paths().monitor_lock(), Soon());
    EXPECT_OK(monitor_lock_);
    std::filesystem::create_directories(Files().paths().run_dir);
    Serve();
  }

  ~MonitorCallerTest() override {
    (void)vm_->Kill(SIGKILL);
    (void)vm_->Wait(Soon());
  }

  PodFiles Files() const { return locker_.store().Pod("web"); }

  void Serve() {
    server_.emplace(monitor_);
    EXPECT_OK(server_->Listen(Files().paths().monitor_socket()));
  }

  void SetState(PodState state) {
    PodRecord record = *Files().LoadRecord();
    record.state = state;
    record.vm.emplace().info.process = *IdentifyProcess(vm_->pid());
    record.vm->mark = Files().paths().mark;
    record.monitor = *IdentifyProcess(::getpid());
    record.containers[0].state = ContainerState::kRunning;
    ASSERT_OK(Files().SaveRecord(record));
  }

  static wire::ContainerRequest Request() {
    wire::ContainerRequest request;
    request.set_container("a");
    return request;
  }

  Result<std::string> QueryContainer(std::string_view container, ContainerCall call) {
    return caller_.QueryContainer("web", container, call, "Stats", Request(), Soon());
  }

  const TestDirectory directory_;
  const PodLocker locker_{{.root = directory_ / "root", .run = directory_ / "run"},
                          *Store::Open(directory_ / "root", directory_ / "run")};
  const MonitorCaller caller_{locker_};
  Result<Subprocess> vm_ = Fail(Code::kUnavailable, "not started");
  Result<FileLock> monitor_lock_ = Fail(Code::kUnavailable, "not acquired");
  EchoingMonitor monitor_;
  std::optional<ttrpc::Server> server_;
};

TEST_F(MonitorCallerTest, QueryContainer_Legal_ReturnsAnswerWithoutPodsLock) {
  const auto held = locker_.LockPod("web", Soon());
  ASSERT_OK(held);
  EXPECT_EQ(QueryContainer("a", ContainerCall::kStatsContainer).value_or(""), "Stats");
}

TEST_F(MonitorCallerTest, QueryContainer_IllegalOrUnknown_IsNotSent) {
  EXPECT_CODE(QueryContainer("b", ContainerCall::kStatsContainer), Code::kNotFound);
  EXPECT_CODE(QueryContainer("../a", ContainerCall::kStatsContainer), Code::kInvalidArgument);
  EXPECT_CODE(QueryContainer("a", ContainerCall::kDeleteContainer), Code::kFailedPrecondition);
  EXPECT_THAT(monitor_.calls(), IsEmpty());
}

TEST_F(MonitorCallerTest, PerformOnPod_StateDiffers_IsSentWithPodsLockHeld) {
  bool locked = false;
  monitor_.on_call_ = [&] { locked = FileLock::IsHeld(Files().paths().lock()).value(); };
  ASSERT_OK(caller_.PerformOnPod("web", PodCall::kPausePod, "Pause", Soon()));
  EXPECT_THAT(monitor_.calls(), ElementsAre("Pause"));
  EXPECT_TRUE(locked);
  EXPECT_FALSE(FileLock::IsHeld(Files().paths().lock()).value()) << "it is released after the call";
}

TEST_F(MonitorCallerTest, PerformOnPod_StateAsRequested_IsNotSent) {
  EXPECT_OK(caller_.PerformOnPod("web", PodCall::kResumePod, "Resume", Soon()));
  EXPECT_OK(
      caller_.PerformOnContainer("web", "a", ContainerCall::kResumeContainer, "Resume", Request(), Soon()));
  EXPECT_THAT(monitor_.calls(), IsEmpty());
}

TEST_F(MonitorCallerTest, PerformOnContainer_MonitorRefuses_ReturnsItsError) {
  monitor_.error_ = Error(Code::kResourceExhausted, "no memory");
  const Status paused =
      caller_.PerformOnContainer("web", "a", ContainerCall::kPauseContainer, "Pause", Request(), Soon());
  EXPECT_CODE(paused, Code::kResourceExhausted);
  EXPECT_THAT(paused.error().ToString(), HasSubstr("no memory"));
}

TEST_F(MonitorCallerTest, Perform_PodStopsDuringCall_IsUnavailableWithReason) {
  monitor_.error_ = Error(Code::kUnavailable, "the guest is gone");
  monitor_.on_call_ = [&] {
    PodRecord record = *Files().LoadRecord();
    MarkStopped(record, "vm exited: killed by signal 9", Time());
    EXPECT_OK(Files().SaveRecord(record));
    monitor_lock_ = Fail(Code::kAborted, "released");
  };
  const Status paused = caller_.PerformOnPod("web", PodCall::kPausePod, "Pause", Soon());
  EXPECT_CODE(paused, Code::kUnavailable);
  EXPECT_EQ(paused.error().reason(), Reason::kVmDied);
  EXPECT_THAT(paused.error().ToString(), HasSubstr("the pod has stopped: vm exited: killed by signal 9"));
}

TEST_F(MonitorCallerTest, StopPod_MonitorEnds_Succeeds) {
  monitor_.on_call_ = [&] { monitor_lock_ = Fail(Code::kAborted, "released"); };
  EXPECT_OK(caller_.StopPod(Files(), milliseconds(0), Soon()));
  EXPECT_THAT(monitor_.calls(), ElementsAre("StopPod"));
}

TEST_F(MonitorCallerTest, StopPod_MonitorLivesAndIsNotReachable_IsUnavailable) {
  server_.reset();
  EXPECT_CODE(caller_.StopPod(Files(), milliseconds(0), Deadline::After(milliseconds(30))),
              Code::kUnavailable);
}

}  // namespace
}  // namespace virtcontainers
