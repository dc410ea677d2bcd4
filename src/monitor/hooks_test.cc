#include "monitor/hooks.h"

#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "base/json.h"
#include "base/test_deadline.h"
#include "base/unique_fd.h"
#include "os/file.h"
#include "os/marked_process.h"
#include "os/pidfd.h"
#include "os/poll.h"
#include "os/test_directory.h"

namespace virtcontainers {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class HooksTest : public ::testing::Test {
 protected:
  // A hook that is a shell script.
  Hook Script(const std::string& name, const std::string& body) const {
    Hook hook;
    hook.path = dir_.Write(name, "#!/bin/sh\n" + body + "\n");
    EXPECT_EQ(::chmod(hook.path.c_str(), 0755), 0);
    return hook;
  }
  std::string Written(const std::string& name) const {
    return ReadFile(dir_ / name, 1 << 20).value_or("nothing");
  }

  const TestDirectory dir_;
};

TEST_F(HooksTest, RunHook_WithArgsAndEnvironment_PassesArgsEnvironmentAndState) {
  Hook hook = Script("hook", "cat >\"$1\"; echo \"$2 $A $HOME\" >\"$1.seen\"");
  hook.args = {"ignored", dir_ / "out", "two words"};
  hook.env = {"A=b=c", "PATH=/usr/bin:/bin"};
  ContainerConfig container;
  container.id = "db";
  container.bundle = "/srv/bundle";
  container.annotations = {{"a", "b"}};
  const Status run = RunHook(hook, HookState(container, "created", 77), Soon());
  ASSERT_TRUE(run) << run.error().ToString();
  const Json state = ParseJson(Written("out")).value();
  EXPECT_EQ(state["ociVersion"], "1.2.0");
  EXPECT_EQ(state["id"], "db");
  EXPECT_EQ(state["status"], "created");
  EXPECT_EQ(state["pid"], 77);
  EXPECT_EQ(state["bundle"], "/srv/bundle");
  EXPECT_EQ(state["annotations"]["a"], "b");
  EXPECT_EQ(Written("out.seen"), "two words b=c \n");
}

TEST_F(HooksTest, RunHook_WithArgs_UsesFirstArgAsProgramName) {
  Hook hook;
  hook.path = "/bin/bash";
  hook.args = {"multi-call", "-c",
               "read -r -d '' name </proc/$$/cmdline; echo \"$name\" >" + (dir_ / "name")};
  const Status run = RunHook(hook, "{}", Soon());
  ASSERT_TRUE(run) << run.error().ToString();
  EXPECT_EQ(Written("name"), "multi-call\n");
}

TEST_F(HooksTest, RunHook_WithoutArgs_UsesPathAsProgramName) {
  const Hook hook = Script("hook", "echo \"$0\" >" + (dir_ / "name"));
  ASSERT_TRUE(RunHook(hook, "{}", Soon()));
  EXPECT_EQ(Written("name"), hook.path + "\n");
}

TEST_F(HooksTest, HookState_Stopped_HasNoPid) {
  const Json state = ParseJson(HookState(ContainerConfig{}, "stopped", 77)).value();
  EXPECT_EQ(state["status"], "stopped");
  EXPECT_EQ(state.count("pid"), 0u);
}

TEST_F(HooksTest, Run_HookFails_NamesHookStatusAndOutput) {
  const Hook hook = Script("hook", "echo out; echo first >&2; echo 'no \001 network' >&2; echo >&2; exit 3");
  const Status run = RunHook(hook, "{}", Soon());
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code(), Code::kAborted);
  EXPECT_EQ(run.error().ToString(), "hook '" + hook.path + "' exited with status 3: no ? network");
  EXPECT_THAT(RunHook(Script("killed", "kill -9 $$"), "{}", Soon()).error().ToString(),
              EndsWith("killed by signal 9"));
  Hook missing;
  missing.path = dir_ / "missing";
  EXPECT_EQ(RunHook(missing, "{}", Soon()).error().code(), Code::kNotFound);
  EXPECT_THAT(RunHook(missing, "{}", Soon()).error().ToString(), HasSubstr("/missing'"));
}

TEST_F(HooksTest, Run_HookFloodsOutput_IsBounded) {
  const Hook hook = Script("hook", "head -c 3000000 /dev/zero | tr '\\0' 'x' >&2; exit 1");
  const Status run = RunHook(hook, std::string(1 << 20, 's'), Soon());
  ASSERT_FALSE(run);
  EXPECT_LT(run.error().ToString().size(), 1000u);
}

TEST_F(HooksTest, Run_HookTimesOut_IsKilledWithChildren) {
  const auto before = std::chrono::steady_clock::now();
  Hook hook = Script("hook", "sleep 300 & echo $! >" + (dir_ / "child") + "; wait");
  hook.timeout = 1;
  Status run = RunHook(hook, "{}", Soon());
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code(), Code::kAborted);
  EXPECT_THAT(run.error().ToString(), EndsWith("did not end within 1 s and was killed"));
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(15));
  // Killed it is, if perhaps not dead yet; without the kill it would run for minutes.
  const UniqueFd child(OpenPidfd(std::stoi(Written("child"))));
  EXPECT_TRUE(!child || WaitReadable(child.get(), Soon()).value_or(false)) << "its child still runs";

  hook.timeout.reset();
  run = RunHook(hook, "{}", Deadline::After(std::chrono::milliseconds(100)));
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code(), Code::kDeadlineExceeded);
}

TEST_F(HooksTest, Run_HookLeavesDaemon_IsNotWaitedFor) {
  const auto before = std::chrono::steady_clock::now();
  const Hook hook = Script("hook", "sleep 60 & echo $! >" + (dir_ / "child"));
  EXPECT_TRUE(RunHook(hook, "{}", Soon()));
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(15));
  const pid_t child = std::stoi(Written("child"));
  ASSERT_GT(child, 1);
  EXPECT_EQ(::kill(child, SIGKILL), 0);
}

TEST_F(HooksTest, RunHook_MonitorHasPodMark_HookInheritsMark) {
  Hook hook = Script("hook", "env >\"$1\"");
  hook.args = {"hook", dir_ / "out"};
  hook.env = {"PATH=/usr/bin:/bin", std::string(kPodMark) + "=another's"};
  ASSERT_EQ(::setenv(kPodMark, "tag:/root/pods/web", 1), 0);
  const Status run = RunHook(hook, "{}", Soon());
  ::unsetenv(kPodMark);
  ASSERT_TRUE(run) << run.error().ToString();
  EXPECT_THAT("\n" + Written("out"), HasSubstr("\nVIRTCONTAINERS_POD=tag:/root/pods/web\n"));
  EXPECT_THAT(Written("out"), Not(HasSubstr("another's")));
}

// The monitor's own would make files that only root can read of what a hook makes for others.
TEST_F(HooksTest, RunHook_HookUmaskSet_HookHasUmaskAndMonitorKeepsOwn) {
  Hook hook = Script("hook", "umask >\"$1\"");
  hook.args = {"hook", dir_ / "out"};
  const mode_t before = ::umask(077);
  SetHookUmask(027);
  EXPECT_TRUE(RunHook(hook, "{}", Soon()));
  EXPECT_EQ(Written("out"), "0027\n");
  SetHookUmask(before);
  EXPECT_EQ(::umask(before), 077u) << "this process's own is as it was";
}

TEST_F(HooksTest, RunHooks_OneFails_SkipsLaterHooks) {
  const std::string log = dir_ / "log";
  const std::vector<Hook> hooks = {Script("a", "echo a >>" + log),
                                   Script("b", "echo b >>" + log + "; exit 1"),
                                   Script("c", "echo c >>" + log)};
  const Status run = RunHooks("createRuntime", hooks, "{}", Soon());
  ASSERT_FALSE(run);
  EXPECT_THAT(run.error().ToString(), StartsWith("createRuntime: hook '" + hooks[1].path + "' exited with"));
  EXPECT_EQ(Written("log"), "a\nb\n");
}

TEST_F(HooksTest, RunHooks_ProgramMissing_FailsWithAborted) {
  Hook missing;
  missing.path = dir_ / "missing";
  const Status run = RunHooks("prestart", {missing}, "{}", Soon());
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code(), Code::kAborted);
  EXPECT_THAT(run.error().ToString(), HasSubstr("/missing'"));
}

TEST_F(HooksTest, RunLateHooks_OneFails_AllRunAndFailureIsLogged) {
  const std::string log = dir_ / "log";
  testing::internal::CaptureStderr();
  RunLateHooks("poststop", {Script("a", "echo a >>" + log + "; exit 1"), Script("b", "echo b >>" + log)},
               "{}", Soon());
  EXPECT_THAT(testing::internal::GetCapturedStderr(), StartsWith("poststop: hook '" + (dir_ / "a")));
  EXPECT_EQ(Written("log"), "a\nb\n");
}

}  // namespace
}  // namespace virtcontainers
