// When a pod's monitor runs the hooks that are the host's.

#include <signal.h>
#include <sys/stat.h>

#include <gmock/gmock.h>

#include "monitor/test_pod.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class PodMonitorHooksTest : public PodMonitorTest {
 protected:
  // A container whose hooks write down that they are run, one on a line.
  ContainerConfig Hooked(const std::string& id) const {
    const std::string path =
        directory_.Write("hook", "#!/bin/sh\necho \"$1\" >>\"$LOG\"\n[ -z \"$FAIL\" ]\n");
    EXPECT_EQ(::chmod(path.c_str(), 0755), 0);
    ContainerConfig config = Container(id);
    const auto hook = [&](const std::string& turn) {
      return std::vector<Hook>{{path, {"hook", turn + " " + id}, {"LOG=" + (directory_ / "log")}, {}}};
    };
    config.hooks = {.prestart = hook("prestart"),
                    .create_runtime = hook("createRuntime"),
                    .create_container = {},
                    .start_container = {},
                    .poststart = hook("poststart"),
                    .poststop = hook("poststop")};
    return config;
  }
  // What was run since the last look.
  std::string Log() const {
    std::string log = ReadFile(directory_ / "log", 1 << 20).value_or("");
    (void)RemoveTree(directory_ / "log");
    return log;
  }
};

TEST_F(PodMonitorHooksTest, Hooks_WholeLife_RunInOrder) {
  Start({Hooked("a")});
  EXPECT_EQ(Log(), "prestart a\ncreateRuntime a\npoststart a\n");
  ASSERT_TRUE(pod_->StopContainer("a", milliseconds(0), Soon()));
  EXPECT_EQ(Log(), "") << "a container that has ended is still there";
  ASSERT_TRUE(pod_->StartContainer("a", Soon()));
  EXPECT_EQ(Log(), "poststop a\nprestart a\ncreateRuntime a\npoststart a\n") << "it is made anew";
  ASSERT_TRUE(pod_->StopContainer("a", milliseconds(0), Soon()));
  ASSERT_TRUE(pod_->DeleteContainer("a", Soon()));
  EXPECT_EQ(Log(), "poststop a\n");
  ASSERT_TRUE(pod_->CreateContainer(Hooked("b"), Soon()));
  EXPECT_EQ(Log(), "prestart b\ncreateRuntime b\n");
  ASSERT_TRUE(pod_->StartContainer("b", Soon()));
  EXPECT_EQ(Log(), "poststart b\n");
  ASSERT_TRUE(pod_->StopPod(milliseconds(0), Soon()));
  pod_->WaitUntilStopped();
  EXPECT_EQ(Log(), "poststop b\n") << "once, with the pod";
}

TEST_F(PodMonitorHooksTest, Hooks_VmDies_PoststopRuns) {
  Start({Hooked("a")});
  (void)Log();
  ASSERT_EQ(::kill(Record().vm->info.process.pid, SIGKILL), 0);
  pod_->WaitUntilStopped();
  EXPECT_EQ(Log(), "poststop a\n");
}

TEST_F(PodMonitorHooksTest, CreateContainer_HookFails_UndoesContainer) {
  Start({});
  ContainerConfig config = Hooked("a");
  config.hooks.create_runtime[0].env.emplace_back("FAIL=1");
  const Status created = pod_->CreateContainer(config, Soon());
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code(), Code::kAborted);
  EXPECT_THAT(created.error().ToString(),
              HasSubstr("createRuntime: hook '" + config.hooks.prestart[0].path + "' exited with status 1"));
  EXPECT_EQ(Log(), "prestart a\ncreateRuntime a\npoststop a\n");
  EXPECT_EQ(Record().Find("a"), nullptr);
  // Nothing of it is left in the guest either.
  EXPECT_TRUE(pod_->CreateContainer(Hooked("a"), Soon()));
}

TEST_F(PodMonitorHooksTest, StartPod_HookFails_UndoesStart) {
  std::vector<ContainerConfig> containers = {Hooked("a"), Hooked("b")};
  containers[1].hooks.prestart[0].env.emplace_back("FAIL=1");
  Create(containers);
  const Status started = pod_->Start(Soon());
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().ToString(), HasSubstr("create container 'b': prestart: hook '"));
  EXPECT_EQ(Log(), "prestart a\ncreateRuntime a\nprestart b\npoststop b\npoststop a\n");
  pod_.reset();
  EXPECT_EQ(Record().state, PodState::kReady);
}

TEST_F(PodMonitorHooksTest, PoststartHook_Fails_IsLogged) {
  Start({});
  ContainerConfig config = Hooked("a");
  config.hooks.poststart[0].env.emplace_back("FAIL=1");
  ASSERT_TRUE(pod_->CreateContainer(config, Soon()));
  testing::internal::CaptureStderr();
  ASSERT_TRUE(pod_->StartContainer("a", Soon()));
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("poststart: hook '"));
  EXPECT_EQ(Record().Find("a")->state, ContainerState::kRunning);
}

}  // namespace
}  // namespace virtcontainers
