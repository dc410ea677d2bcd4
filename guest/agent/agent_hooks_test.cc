// The agent as a whole, on this machine: hooks that run inside.

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "guest/agent/container/hooks.h"
#include "guest/agent/os/file.h"
#include "guest/agent/testing/agent_fixture.h"
#include "guest/agent/testing/spec.h"

namespace virtcontainers::guest {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Clock = std::chrono::steady_clock;

TEST(HookStateTest, HookState_OfContainer_IsTheSpecificationsJson) {
  google::protobuf::Map<std::string, std::string> annotations;
  EXPECT_EQ(HookState("c", 1, "/b", annotations),
            R"({"ociVersion":"1.0.2","id":"c","status":"created","pid":1,"bundle":"/b"})");
  annotations["a\"b"] = "line\nback\\ tab\t\x01";
  EXPECT_THAT(HookState("c", 1, "/b", annotations),
              HasSubstr(R"("annotations":{"a\"b":"line\u000aback\\ tab\u0009\u0001"})"));
}

TEST(CheckHooksTest, CheckHooks_RelativePathOrWrongTimeout_Fails) {
  const auto code = [](const char* path, int64_t timeout) {
    grpc::Hooks hooks;
    hooks.add_startcontainer()->set_path(path);
    hooks.mutable_startcontainer(0)->set_timeout(timeout);
    const Status status = CheckHooks(hooks);
    return status ? Code::kUnknown : status.error().code();
  };
  EXPECT_EQ(code("/x", 0), Code::kUnknown);
  EXPECT_EQ(code("x", 0), Code::kInvalidArgument);
  EXPECT_EQ(code("", 0), Code::kInvalidArgument);
  EXPECT_EQ(code("/x", -1), Code::kInvalidArgument);
  EXPECT_EQ(code("/x", 1'000'000), Code::kInvalidArgument);
  grpc::Hooks many;
  for (int i = 0; i < 100; ++i) many.add_createcontainer()->set_path("/x");
  EXPECT_EQ(CheckHooks(many).error().code(), Code::kInvalidArgument);
}

class AgentHooksTest : public AgentTest {
 protected:
  static void AddShell(HookList& hooks, const std::string& script, int64_t timeout = 0) {
    grpc::Hook& hook = *hooks.Add();
    hook.set_path("/bin/sh");
    for (const char* argument : {"sh", "-c"}) hook.add_args(argument);
    hook.add_args(script);
    hook.add_args("zero");
    hook.set_timeout(timeout);
  }
  std::string File(const std::string& name) {
    return ReadFile(agent_->directory() + "/" + name).value_or("none");
  }
};

TEST_F(AgentHooksTest, CreateContainerHook_Runs_InContainersNamespacesWithGuestsRoot) {
  grpc::CreateContainerRequest request = Request("c", {"sh", "-c", "cat /etc/made; sleep 1000"});
  request.mutable_oci()->set_hostname("named");
  (*request.mutable_oci()->mutable_annotations())["org.example"] = "yes";
  HookList& hooks = *request.mutable_oci()->mutable_hooks()->mutable_createcontainer();
  const std::string out = agent_->directory() + "/out";
  AddShell(hooks, "cat > " + out + "; pwd >> " + out + "; hostname >> " + out + "; echo $0 >> " + out +
                      "; ls rootfs/dev/pts >> " + out + "; readlink /proc/self/ns/mnt >> " + out +
                      "; echo made > rootfs/etc/made");
  grpc::Hook& environment = *hooks.Add();
  environment.set_path("/bin/sh");
  for (const std::string argument : {"sh", "-c", "cat /proc/self/environ > \"$OUT\""})
    environment.add_args(argument);
  environment.add_env("OUT=" + agent_->directory() + "/environment");
  environment.add_env("ONLY=this");
  const auto created = client_->Call("CreateContainer", request);
  ASSERT_TRUE(created) << created.error().ToString();
  const std::string said = File("out");
  EXPECT_THAT(said, HasSubstr(R"({"ociVersion":"1.0.2","id":"c","status":"created","pid":1,"bundle":")" +
                              agent_->state() + R"(/c","annotations":{"org.example":"yes"}})"));
  EXPECT_THAT(said, HasSubstr("}" + agent_->state() + "/c\nnamed\nzero\nptmx\nmnt:"));
  const std::string variables = File("environment");
  EXPECT_THAT(variables, AllOf(HasSubstr("ONLY=this"), Not(HasSubstr("PATH=")), Not(HasSubstr("HOME="))));
  ASSERT_TRUE(Start("c"));
  grpc::ReadStreamRequest read;
  read.set_container_id("c");
  read.set_len(100);
  EXPECT_EQ(client_->Call<grpc::ReadStreamResponse>("ReadStdout", read)->data(), "made\n");
  EXPECT_THAT(said, HasSubstr(client_->Output("c", {"busybox", "readlink", "/proc/1/ns/mnt"})));
}

TEST_F(AgentHooksTest, StartContainerHook_Runs_InContainerBeforeItsProgram) {
  grpc::CreateContainerRequest request = Request("c", {"sh", "-c", "cat /tmp/out"});
  request.mutable_oci()->mutable_root()->set_readonly(false);
  std::filesystem::permissions(rootfs_ + "/tmp", std::filesystem::perms::all);
  request.mutable_oci()->mutable_process()->mutable_user()->set_uid(1000);
  HookList& hooks = *request.mutable_oci()->mutable_hooks()->mutable_startcontainer();
  AddShell(hooks,
           "cat > /tmp/out; echo >> /tmp/out; id -u >> /tmp/out; grep CapEff /proc/self/status >> /tmp/out; "
           "pwd >> /tmp/out; echo first >> /tmp/out");
  AddShell(hooks, "echo second >> /tmp/out");
  const auto created = client_->Call("CreateContainer", request);
  ASSERT_TRUE(created) << created.error().ToString();
  EXPECT_FALSE(std::filesystem::exists(rootfs_ + "/tmp/out")) << "not before the start";
  ASSERT_TRUE(Start("c"));
  EXPECT_THAT(client_->ReadToEnd("c", "c"),
              AllOf(HasSubstr(R"("status":"created","pid":1,)"),
                    HasSubstr("}\n1000\nCapEff:\t0000000000000000\n/\nfirst\nsecond\n")));
}

TEST_F(AgentHooksTest, Hook_Fails_ContainerIsUndone) {
  grpc::CreateContainerRequest request = Request("c", {"true"});
  AddShell(*request.mutable_oci()->mutable_hooks()->mutable_createcontainer(),
           "echo not this >&2; echo because >&2; echo; exit 3");
  const auto failed = client_->Call("CreateContainer", request);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), Code::kAborted);
  EXPECT_THAT(failed.error().ToString(),
              HasSubstr("createContainer hook '/bin/sh' ended with exit status 3: because"));
  EXPECT_FALSE(std::filesystem::exists(agent_->state() + "/c"));
  EXPECT_FALSE(std::filesystem::exists(agent_->cgroup() + "/c"));

  request.mutable_oci()->clear_hooks();
  request.mutable_oci()->mutable_hooks()->add_createcontainer()->set_path("/no/such/hook");
  EXPECT_THAT(client_->Call("CreateContainer", request).error().ToString(),
              AllOf(HasSubstr("'/no/such/hook'"), HasSubstr("No such file")));

  request.mutable_oci()->clear_hooks();
  AddShell(*request.mutable_oci()->mutable_hooks()->mutable_startcontainer(), "echo no >&2; kill -9 $$");
  ASSERT_TRUE(client_->Call("CreateContainer", request));
  const auto started = Start("c");
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().ToString(),
              HasSubstr("startContainer hook '/bin/sh' was killed by signal 9: no"));
  EXPECT_EQ(client_->Wait("c", ""), 126) << "its first process has ended";
  EXPECT_EQ(Start("c").error().code(), Code::kFailedPrecondition);
  EXPECT_TRUE(Remove("c"));
}

TEST_F(AgentHooksTest, Hook_DoesNotEnd_IsKilledAfterItsTimeout) {
  grpc::CreateContainerRequest request = Request("c", {"true"});
  // It floods, reads nothing, and leaves a child behind.
  AddShell(*request.mutable_oci()->mutable_hooks()->mutable_createcontainer(),
           "sleep 1000 & yes & yes >&2 & wait", 1);
  (*request.mutable_oci()->mutable_annotations())["long"] = std::string(200'000, 'x');
  const auto begin = Clock::now();
  auto creation = client_->Start("CreateContainer", request);
  EXPECT_EQ(OutputOf("echo meanwhile"), "meanwhile\n") << "the agent goes on";
  EXPECT_EQ(creation.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  const auto failed = creation.get();
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().ToString(), HasSubstr("did not end within 1 s and was killed: y"));
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(10));
  EXPECT_FALSE(std::filesystem::exists(agent_->cgroup() + "/c"));
}

TEST_F(AgentHooksTest, Hooks_OfTheHost_AreRefused) {
  grpc::CreateContainerRequest request = Request("c", {"true"});
  request.mutable_oci()->mutable_hooks()->add_poststop()->set_path("/bin/true");
  EXPECT_EQ(client_->Call("CreateContainer", request).error().code(), Code::kUnimplemented);
}

}  // namespace
}  // namespace virtcontainers::guest
