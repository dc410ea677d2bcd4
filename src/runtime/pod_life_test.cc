// The life of a pod, from its creation to its end, by the calls of a runtime.

#include "runtime/test_runtime.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

using PodLife = RuntimeTest;

TEST_F(PodLife, Pod_WholeLife_HasEachState) {
  PodConfig config = Pod("web", {Container("a"), Container("b", {"echo", "hello"})});
  config.annotations = {{"owner", "me"}};
  ASSERT_OK(runtime_.CreatePod(config));

  PodStatus pod = StatusOf("web");
  EXPECT_EQ(pod.state, PodState::kReady);
  EXPECT_EQ(pod.hypervisor, "mock");
  EXPECT_EQ(pod.agent, "noop");
  EXPECT_EQ(pod.vm_pid, 0);
  EXPECT_TRUE(pod.created);
  EXPECT_FALSE(pod.started);
  EXPECT_EQ(pod.annotations, config.annotations);
  ASSERT_EQ(pod.containers.size(), 2u);
  EXPECT_EQ(pod.containers[0].state, ContainerState::kReady);
  EXPECT_EQ(pod.containers[1].args, (std::vector<std::string>{"echo", "hello"}));

  ASSERT_OK(runtime_.StartPod("web", Soon()));
  pod = StatusOf("web");
  EXPECT_EQ(pod.state, PodState::kRunning);
  EXPECT_EQ(pod.hypervisor_version, "mock");
  EXPECT_GT(pod.vm_pid, 0);
  EXPECT_GT(pod.monitor_pid, 0);
  EXPECT_TRUE(pod.started);
  EXPECT_EQ(pod.containers[0].state, ContainerState::kRunning);

  // What a container says is in its log, and its end is known, without anybody's asking.
  ASSERT_TRUE(Eventually([&] { return StatusOf("web").containers[1].state == ContainerState::kStopped; }));
  const ContainerStatus echo = *runtime_.ContainerStatus("web", "b");
  EXPECT_EQ(echo.exit, ExitStatus{0});
  EXPECT_TRUE(echo.finished);
  EXPECT_EQ(echo.reason, "");
  EXPECT_THAT(TestDirectory::Read(echo.log), HasSubstr(" stdout F hello\n"));

  ASSERT_OK(runtime_.StopPod("web", milliseconds(2000), Soon()));
  pod = StatusOf("web");
  EXPECT_EQ(pod.state, PodState::kStopped);
  EXPECT_EQ(pod.reason, "");
  EXPECT_EQ(pod.vm_pid, 0);
  EXPECT_EQ(pod.monitor_pid, 0);
  EXPECT_TRUE(pod.finished);
  EXPECT_EQ(pod.containers[0].state, ContainerState::kStopped);
  EXPECT_EQ(pod.containers[0].exit, ExitStatus{128 + SIGTERM});

  ASSERT_OK(runtime_.DeletePod("web", Soon()));
  EXPECT_CODE(runtime_.PodStatus("web"), Code::kNotFound);
}

TEST_F(PodLife, StartPod_Stopped_RunsAgain) {
  CreateAndStart(Pod("web", {Container("a"), Container("b", {"exit", "3"})}));
  const pid_t first = StatusOf("web").vm_pid;
  ASSERT_OK(runtime_.StopPod("web", milliseconds(2000), Soon()));
  ASSERT_OK(runtime_.StartPod("web", Soon()));
  const PodStatus pod = StatusOf("web");
  EXPECT_EQ(pod.state, PodState::kRunning);
  EXPECT_NE(pod.vm_pid, first);
  EXPECT_FALSE(pod.finished);
  EXPECT_EQ(pod.containers[0].state, ContainerState::kRunning);
  EXPECT_FALSE(pod.containers[0].exit) << "that was of the last run";
  ASSERT_TRUE(Eventually([&] { return StatusOf("web").containers[1].exit == ExitStatus{3}; }));
}

// The original's defect J: a second StopPod failed, and deleted the pod's state.
TEST_F(PodLife, StopPod_Twice_ChangesNothing) {
  CreateAndStart(Pod("web", {Container("a")}));
  ASSERT_OK(runtime_.StopPod("web", milliseconds(2000), Soon()));
  const PodStatus before = StatusOf("web");
  ASSERT_OK(runtime_.StopPod("web", milliseconds(2000), Soon()));
  const PodStatus after = StatusOf("web");
  EXPECT_EQ(after.state, PodState::kStopped);
  EXPECT_EQ(after.finished, before.finished);
  EXPECT_EQ(after.containers.size(), 1u);
}

// The original's defect I: the status of an unknown container succeeded, and was empty.
TEST_F(PodLife, Calls_UnknownIds_FailWithNotFound) {
  ASSERT_OK(runtime_.CreatePod(Pod("web", {Container("a")})));
  const std::vector<std::pair<std::string, std::string>> unknown = {{"web", "b"}, {"db", "a"}, {"db", ""}};
  for (const auto& [pod, container] : unknown) {
    SCOPED_TRACE(pod + "/" + container);
    if (container.empty()) {
      EXPECT_CODE(runtime_.StartPod(pod, Soon()), Code::kNotFound);
      EXPECT_CODE(runtime_.StopPod(pod, milliseconds(0), Soon()), Code::kNotFound);
      EXPECT_CODE(runtime_.DeletePod(pod, Soon()), Code::kNotFound);
      EXPECT_CODE(runtime_.PodStatus(pod), Code::kNotFound);
      EXPECT_CODE(runtime_.EnterPod(pod, Command({"true"}), Soon()), Code::kNotFound);
      EXPECT_CODE(runtime_.CreateContainer(pod, Container("c"), Soon()), Code::kNotFound);
      EXPECT_CODE(runtime_.OpenProcess(pod, "", "p"), Code::kNotFound);
      continue;
    }
    EXPECT_CODE(runtime_.StartContainer(pod, container, Soon()), Code::kNotFound);
    EXPECT_CODE(runtime_.StopContainer(pod, container, milliseconds(0), Soon()), Code::kNotFound);
    EXPECT_CODE(runtime_.DeleteContainer(pod, container, Soon()), Code::kNotFound);
    EXPECT_CODE(runtime_.ContainerStatus(pod, container), Code::kNotFound);
    EXPECT_CODE(runtime_.EnterContainer(pod, container, Command({"true"}), Soon()), Code::kNotFound);
    EXPECT_CODE(runtime_.AttachContainer(pod, container), Code::kNotFound);
  }
  EXPECT_EQ(runtime_.ContainerStatus("web", "b").error().ToString(),
            "status of container 'b' of pod 'web': no container 'b' in pod 'web'");
  EXPECT_EQ(runtime_.PodStatus("db").error().ToString(),
            "status of pod 'db': no pod 'db' in '" + Options().root + "'");
}

// Every call in every state of the pod, with containers that have run and have not.
TEST_F(PodLife, Calls_WrongState_FailAndChangeNothing) {
  ASSERT_OK(runtime_.CreatePod(Pod("web", {Container("a")})));
  const auto expect_not_running = [&](const std::string& state) {
    const std::string before = TestDirectory::Read(Paths("web").state());
    const std::string start_it = "pod 'web' is " + state + ": start it first";
    const auto refused = [&](const auto& result, const std::string& doing) {
      ASSERT_FALSE(result);
      EXPECT_EQ(result.error().code(), Code::kFailedPrecondition);
      EXPECT_EQ(result.error().ToString(), doing + ": " + start_it);
    };
    refused(runtime_.EnterPod("web", Command({"true"}), Soon()), "enter pod 'web'");
    refused(runtime_.StartContainer("web", "a", Soon()), "start container 'a' of pod 'web'");
    refused(runtime_.EnterContainer("web", "a", Command({"true"}), Soon()),
            "enter container 'a' of pod 'web'");
    refused(runtime_.AttachContainer("web", "a"), "attach to container 'a' of pod 'web'");
    refused(runtime_.OpenProcess("web", "a", "p"), "open a process of pod 'web'");
    EXPECT_EQ(TestDirectory::Read(Paths("web").state()), before);
  };
  expect_not_running("ready");
  EXPECT_EQ(runtime_.StopPod("web", milliseconds(0), Soon()).error().ToString(),
            "stop pod 'web': pod 'web' is ready: start it first");
  EXPECT_EQ(runtime_.StopContainer("web", "a", milliseconds(0), Soon()).error().code(),
            Code::kFailedPrecondition);

  ASSERT_OK(runtime_.StartPod("web", Soon()));
  const pid_t vm = StatusOf("web").vm_pid;
  EXPECT_EQ(runtime_.StartPod("web", Soon()).error().ToString(),
            "start pod 'web': pod 'web' is running: stop it first");
  EXPECT_EQ(runtime_.DeletePod("web", Soon()).error().ToString(),
            "delete pod 'web': pod 'web' is running: stop it first");
  EXPECT_EQ(runtime_.StartContainer("web", "a", Soon()).error().ToString(),
            "start container 'a' of pod 'web': container 'a' is running: stop it first");
  EXPECT_EQ(runtime_.DeleteContainer("web", "a", Soon()).error().ToString(),
            "delete container 'a' of pod 'web': container 'a' is running: stop it first");
  EXPECT_EQ(runtime_.CreateContainer("web", Container("a"), Soon()).error().code(), Code::kAlreadyExists);
  EXPECT_EQ(StatusOf("web").vm_pid, vm);
  EXPECT_EQ(StatusOf("web").containers[0].state, ContainerState::kRunning);

  ASSERT_OK(runtime_.StopContainer("web", "a", milliseconds(2000), Soon()));
  ASSERT_OK(runtime_.StopContainer("web", "a", milliseconds(0), Soon())) << "it is stopped already";
  EXPECT_EQ(runtime_.EnterContainer("web", "a", Command({"true"}), Soon()).error().ToString(),
            "enter container 'a' of pod 'web': container 'a' is stopped: start it first");

  ASSERT_OK(runtime_.StopPod("web", milliseconds(2000), Soon()));
  expect_not_running("stopped");
  ASSERT_OK(runtime_.StopContainer("web", "a", milliseconds(0), Soon()));
}

TEST_F(PodLife, Containers_PodRuns_AreAddedAndRemoved) {
  CreateAndStart(Pod("web"));
  ASSERT_OK(runtime_.CreateContainer("web", Container("late"), Soon()));
  EXPECT_EQ(runtime_.ContainerStatus("web", "late")->state, ContainerState::kReady);
  EXPECT_OK(runtime_.EnterContainer("web", "late", Command({"true"}), Soon())) << "as runc can";
  ASSERT_OK(runtime_.StartContainer("web", "late", Soon()));
  EXPECT_EQ(runtime_.ContainerStatus("web", "late")->state, ContainerState::kRunning);
  ASSERT_OK(runtime_.StopContainer("web", "late", milliseconds(2000), Soon()));
  const ContainerStatus stopped = *runtime_.ContainerStatus("web", "late");
  EXPECT_EQ(stopped.state, ContainerState::kStopped) << "StopContainer returned before that was written";
  EXPECT_EQ(stopped.exit, ExitStatus{128 + SIGTERM});

  ASSERT_OK(runtime_.StartContainer("web", "late", Soon())) << "once more";
  EXPECT_FALSE(runtime_.ContainerStatus("web", "late")->exit);
  ASSERT_OK(runtime_.StopContainer("web", "late", milliseconds(0), Soon()));
  EXPECT_EQ(runtime_.ContainerStatus("web", "late")->exit, ExitStatus{128 + SIGKILL}) << "without grace";

  const std::string log = runtime_.ContainerStatus("web", "late")->log;
  ASSERT_OK(runtime_.DeleteContainer("web", "late", Soon()));
  EXPECT_CODE(runtime_.ContainerStatus("web", "late"), Code::kNotFound);
  EXPECT_FALSE(FileExists(log));
  EXPECT_FALSE(FileExists(Paths("web").container("late")));
  ASSERT_OK(runtime_.CreateContainer("web", Container("late"), Soon())) << "the id is free again";
  ASSERT_OK(runtime_.StopPod("web", milliseconds(2000), Soon()));
  ASSERT_OK(runtime_.StartPod("web", Soon()));
  EXPECT_EQ(runtime_.ContainerStatus("web", "late")->state, ContainerState::kRunning)
      << "it starts with the pod";
}

TEST_F(PodLife, Containers_PodDoesNotRun_AreAddedAndRemoved) {
  ASSERT_OK(runtime_.CreatePod(Pod("web")));
  ASSERT_OK(runtime_.CreateContainer("web", Container("a"), Soon()));
  EXPECT_EQ(
      runtime_.CreateContainer("web", Container("a"), Soon()).error().ToString(),
      "create container 'a' of pod 'web': container 'a' exists already in pod 'web': choose another id, or "
      "delete it");
  ASSERT_OK(runtime_.CreateContainer("web", Container("b"), Soon()));
  ASSERT_OK(runtime_.DeleteContainer("web", "a", Soon()));
  ASSERT_OK(runtime_.StartPod("web", Soon()));
  ASSERT_EQ(StatusOf("web").containers.size(), 1u);
  EXPECT_EQ(StatusOf("web").containers[0].id, "b");
  EXPECT_EQ(StatusOf("web").containers[0].state, ContainerState::kRunning);
}

TEST_F(PodLife, ListPod_SeveralPods_ListsThem) {
  ASSERT_OK(runtime_.CreatePod(Pod("b")));
  CreateAndStart(Pod("a"));
  const auto all = runtime_.ListPod();
  ASSERT_OK(all);
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ((*all)[0].id, "a");
  EXPECT_EQ((*all)[0].state, PodState::kRunning);
  EXPECT_EQ((*all)[1].state, PodState::kReady);
  const auto running = runtime_.ListPod(PodFilter::kRunning);
  ASSERT_OK(running);
  ASSERT_EQ(running->size(), 1u);
  EXPECT_EQ((*running)[0].id, "a");
}

TEST_F(PodLife, TwoRuntimes_OfOneRoot_SeeSamePod) {
  Runtime other = Open();
  ASSERT_OK(runtime_.CreatePod(Pod("web", {Container("a")})));
  EXPECT_CODE(other.CreatePod(Pod("web")), Code::kAlreadyExists);
  ASSERT_OK(other.StartPod("web", Soon()));
  EXPECT_EQ(StatusOf("web").state, PodState::kRunning);
  ASSERT_OK(runtime_.CreateContainer("web", Container("b"), Soon()));
  ASSERT_OK(other.StartContainer("web", "b", Soon()));
  ASSERT_OK(runtime_.StopPod("web", milliseconds(2000), Soon()));
  ASSERT_OK(other.DeletePod("web", Soon()));
  EXPECT_CODE(runtime_.PodStatus("web"), Code::kNotFound);
}

TEST_F(PodLife, StartPod_Fails_LeavesPodAsItWas) {
  PodConfig unknown = Pod("strange", {Container("a")});
  unknown.hypervisor.type = "mock2";
  const Status created = runtime_.CreatePod(unknown);
  if (created) {
    const Status started = runtime_.StartPod("strange", Soon());
    EXPECT_EQ(
        started.error().ToString(),
        "start pod 'strange': hypervisor 'mock2' is unknown to this monitor: use one of 'mock', 'qemu'");
    EXPECT_EQ(StatusOf("strange").state, PodState::kReady);
    EXPECT_EQ(StatusOf("strange").reason, "");
    EXPECT_FALSE(FileExists(Paths("strange").run_dir));
  } else {
    EXPECT_EQ(created.error().code(), Code::kInvalidArgument);
  }

  // The VM comes up, and the log of the second container cannot be made.
  ASSERT_OK(runtime_.CreatePod(Pod("web", {Container("a", {"true"}), Container("b")})));
  ASSERT_EQ(::mkdir(Paths("web").log("b").c_str(), 0700), 0);
  const Status started = runtime_.StartPod("web", Soon());
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().ToString(), HasSubstr("start pod 'web': start container 'b': open log"));
  const PodStatus pod = StatusOf("web");
  EXPECT_EQ(pod.state, PodState::kReady);
  EXPECT_EQ(pod.containers[0].state, ContainerState::kReady) << "it ran, and that has been undone";
  EXPECT_FALSE(pod.containers[0].exit);
  EXPECT_FALSE(FileExists(Paths("web").run_dir));
  EXPECT_EQ(PodFiles(Paths("web")).LoadRecord()->vm, std::nullopt) << "nothing runs";

  ASSERT_EQ(::rmdir(Paths("web").log("b").c_str()), 0);
  EXPECT_OK(runtime_.StartPod("web", Soon()));
}

TEST_F(PodLife, StartPod_MonitorIsMissing_NamesIt) {
  RuntimeOptions options = Options();
  options.monitor = directory_ / "no-monitor";
  Result<Runtime> runtime = Runtime::Open(options);
  ASSERT_OK(runtime);
  ASSERT_OK(runtime->CreatePod(Pod("web")));
  const Status started = runtime->StartPod("web", Soon());
  EXPECT_CODE(started, Code::kNotFound);
  EXPECT_THAT(started.error().ToString(), HasSubstr("the monitor program '" + options.monitor + "'"));
}

TEST_F(PodLife, StartPod_MonitorIsOtherProgram_NamesIt) {
  RuntimeOptions options = Options();
  options.monitor = directory_.Write("monitor", "#!/bin/sh\necho what am I to do >&2\n");
  ASSERT_EQ(::chmod(options.monitor.c_str(), 0755), 0);
  Result<Runtime> runtime = Runtime::Open(options);
  ASSERT_OK(runtime->CreatePod(Pod("web")));
  const Status started = runtime->StartPod("web", Soon());
  EXPECT_CODE(started, Code::kAborted);
  EXPECT_THAT(started.error().ToString(), HasSubstr("what am I to do"));
  EXPECT_EQ(StatusOf("web").state, PodState::kReady);
}

TEST_F(PodLife, Calls_DeadlineHasPassed_ChangeNothing) {
  ASSERT_OK(runtime_.CreatePod(Pod("web", {Container("a"), Container("b")})));
  EXPECT_CODE(runtime_.StartPod("web", Passed()), Code::kDeadlineExceeded);
  EXPECT_EQ(StatusOf("web").state, PodState::kReady);
  ASSERT_OK(runtime_.StartPod("web", Soon()));

  EXPECT_CODE(runtime_.CreateContainer("web", Container("c"), Passed()), Code::kDeadlineExceeded);
  EXPECT_CODE(runtime_.StopContainer("web", "a", milliseconds(0), Passed()), Code::kDeadlineExceeded);
  EXPECT_CODE(runtime_.EnterPod("web", Command({"true"}), Passed()), Code::kDeadlineExceeded);
  EXPECT_CODE(runtime_.EnterContainer("web", "a", Command({"true"}), Passed()), Code::kDeadlineExceeded);
  EXPECT_CODE(runtime_.StopPod("web", milliseconds(0), Passed()), Code::kDeadlineExceeded);
  const PodStatus pod = StatusOf("web");
  EXPECT_EQ(pod.state, PodState::kRunning);
  EXPECT_EQ(pod.containers.size(), 2u);
  EXPECT_EQ(pod.containers[0].state, ContainerState::kRunning);
}

TEST_F(PodLife, Calls_PodIsLocked_WaitUntilDeadline) {
  ASSERT_OK(runtime_.CreatePod(Pod("web")));
  {
    const auto lock = FileLock::Acquire(Paths("web").lock(), Soon());
    ASSERT_OK(lock);
    const Status started = runtime_.StartPod("web", Deadline::After(milliseconds(20)));
    EXPECT_EQ(started.error().ToString(), "start pod 'web': another operation is still under way");
    EXPECT_CODE(started, Code::kDeadlineExceeded);
    EXPECT_CODE(runtime_.DeletePod("web", Passed()), Code::kDeadlineExceeded);
    EXPECT_OK(runtime_.PodStatus("web"));
    EXPECT_OK(runtime_.ListPod());
  }
  EXPECT_OK(runtime_.StartPod("web", Soon()));
}

TEST_F(PodLife, Open_RootCannotBeUsed_Fails) {
  RuntimeOptions options = Options();
  options.root = directory_.Write("a-file");
  EXPECT_CODE(Runtime::Open(options), Code::kInvalidArgument);
  options.root = "/proc/virtcontainers";
  const Result<Runtime> runtime = Runtime::Open(options);
  ASSERT_FALSE(runtime);
  EXPECT_THAT(runtime.error().ToString(), HasSubstr("'/proc/virtcontainers'"));
}

TEST_F(PodLife, Pod_LongRootAndId_Runs) {
  RuntimeOptions options = Options();
  options.root = directory_ / std::string(100, 'r') + "/" + std::string(100, 's');
  options.run = directory_ / std::string(100, 'u') + "/" + std::string(100, 'v');
  Result<Runtime> runtime = Runtime::Open(options);
  ASSERT_OK(runtime);
  const std::string id(64, 'p');
  ASSERT_OK(runtime->CreatePod(Pod(id, {Container(std::string(64, 'c'))})));
  ASSERT_OK(runtime->StartPod(id, Soon()));
  EXPECT_OK(runtime->EnterContainer(id, std::string(64, 'c'), Command({"true"}), Soon()));
  EXPECT_OK(runtime->StopPod(id, milliseconds(2000), Soon()));
  EXPECT_OK(runtime->DeletePod(id, Soon()));
}

}  // namespace
}  // namespace virtcontainers
