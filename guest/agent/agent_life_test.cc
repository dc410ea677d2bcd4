// The agent as a whole, on this machine: what a pod and its containers go through.

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "agent.pb.h"
#include "guest/agent/testing/agent_fixture.h"
#include "guest/agent/testing/spec.h"
#include "health.pb.h"

namespace virtcontainers::guest {
namespace {

using testing::HasSubstr;

class AgentLifeTest : public AgentTest {};

TEST_F(AgentLifeTest, HealthCheck_OfAgent_AnswersServing) {
  const auto health = ttrpc::CallMessage<grpc::HealthCheckResponse>(
      client_->client(), "grpc.Health", "Check", grpc::CheckRequest(),
      Deadline::After(std::chrono::seconds(10)));
  ASSERT_TRUE(health);
  EXPECT_EQ(health->status(), grpc::HealthCheckResponse::SERVING);
  const auto version = ttrpc::CallMessage<grpc::VersionCheckResponse>(
      client_->client(), "grpc.Health", "Version", grpc::CheckRequest(),
      Deadline::After(std::chrono::seconds(10)));
  ASSERT_TRUE(version);
  EXPECT_EQ(version->grpc_version(), "0.0.1");
  EXPECT_FALSE(version->agent_version().empty());
}

TEST_F(AgentLifeTest, Container_RunsToItsEnd_OutputAndStatusAreKept) {
  Run("c", {"sh", "-c", "echo out; echo err >&2; exit 3"});
  EXPECT_EQ(client_->ReadToEnd("c", "c"), "out\n");
  EXPECT_EQ(client_->ReadToEnd("c", "", "ReadStderr"), "err\n");
  EXPECT_EQ(client_->Wait("c", "c"), 3);
  EXPECT_EQ(client_->Wait("c", ""), 3) << "the exit code stays until the container is removed";
  EXPECT_TRUE(Remove("c"));
  EXPECT_EQ(Remove("c").error().code(), Code::kNotFound);
}

TEST_F(AgentLifeTest, Container_Created_RunsOnceItIsStarted) {
  ASSERT_TRUE(client_->Call("CreateContainer", Request("c", {"echo", "started"})));
  EXPECT_TRUE(Start("c"));
  EXPECT_EQ(Start("c").error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(client_->ReadToEnd("c", "c"), "started\n");
}

TEST_F(AgentLifeTest, Exec_InCreatedContainer_RunsBesideItsFirstProcess) {
  ASSERT_TRUE(client_->Call("CreateContainer", Request("c", {"echo", "started"})));
  EXPECT_THAT(client_->Output("c", {"sh", "-c", "echo $$; cat /etc/passwd"}),
              testing::AllOf(HasSubstr("2\n"), HasSubstr("web:x:1000")));
  EXPECT_TRUE(Start("c"));
  EXPECT_EQ(client_->ReadToEnd("c", "c"), "started\n");
  EXPECT_EQ(client_->Wait("c", "c"), 0);
  EXPECT_EQ(client_->Exec("c", "e", {"true"}).error().code(), Code::kFailedPrecondition);
}

TEST_F(AgentLifeTest, Signal_ToCreatedContainer_EndsItIfItIsTermOrKill) {
  for (const int number : {SIGTERM, SIGKILL}) {
    ASSERT_TRUE(client_->Call("CreateContainer", Request("c", {"echo", "started"})));
    EXPECT_TRUE(Signal("c", "", 0));
    EXPECT_TRUE(Signal("c", "", SIGUSR1)) << "the kernel drops it";
    EXPECT_TRUE(Signal("c", "", 0));
    EXPECT_TRUE(Signal("c", "", number));
    EXPECT_EQ(client_->Wait("c", ""), 128 + SIGKILL);
    EXPECT_EQ(Start("c").error().code(), Code::kFailedPrecondition);
    EXPECT_TRUE(Remove("c"));
  }
}

TEST_F(AgentLifeTest, SignalZero_SaysWhetherAProcessRuns) {
  Run("c", {"sleep", "1000"});
  ASSERT_TRUE(client_->Exec("c", "e", {"sleep", "1000"}));
  EXPECT_TRUE(Signal("c", "", 0));
  EXPECT_TRUE(Signal("c", "e", 0));
  EXPECT_TRUE(Signal("c", "e", SIGKILL));
  EXPECT_EQ(client_->Wait("c", "e"), 128 + SIGKILL);
  EXPECT_EQ(Signal("c", "e", 0).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(Signal("c", "nobody", 0).error().code(), Code::kNotFound);
  EXPECT_TRUE(Signal("c", "", SIGKILL));
  EXPECT_EQ(client_->Wait("c", ""), 128 + SIGKILL);
  EXPECT_EQ(Signal("c", "", 0).error().code(), Code::kFailedPrecondition);
}

TEST_F(AgentLifeTest, RemoveContainer_Created_LeavesNothing) {
  ASSERT_TRUE(client_->Call("CreateContainer", Request("c", {"true"})));
  EXPECT_TRUE(Remove("c"));
  EXPECT_FALSE(std::filesystem::exists(agent_->cgroup() + "/c"));
}

TEST_F(AgentLifeTest, Command_MissingOrNotExecutable_FailsWithDifferentCodes) {
  const auto missing = client_->Call("CreateContainer", Request("c", {"foo"}));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), Code::kNotFound);
  EXPECT_EQ(missing.error().reason(), Reason::kCommandNotFound);
  EXPECT_THAT(missing.error().ToString(), HasSubstr("exec 'foo': not found in the container's PATH"));
  EXPECT_FALSE(std::filesystem::exists(agent_->state() + "/c")) << "nothing of it is left";
  EXPECT_FALSE(std::filesystem::exists(agent_->cgroup() + "/c"));
  EXPECT_EQ(client_->Call("CreateContainer", Request("c", {"/etc"})).error().code(), Code::kPermissionDenied);

  Run("c", {"sleep", "1000"});
  EXPECT_EQ(client_->Exec("c", "e", {"foo"}).error().code(), Code::kNotFound);
  EXPECT_EQ(client_->Exec("c", "e", {"/no/such"}).error().code(), Code::kNotFound);
  EXPECT_EQ(client_->Exec("c", "e", {"/etc"}).error().code(), Code::kPermissionDenied);
  EXPECT_EQ(client_->Exec("c", "e", {"/etc/passwd"}).error().code(), Code::kPermissionDenied);
  EXPECT_EQ(client_->Exec("c", "e", {"foo"}).error().reason(), Reason::kCommandNotFound);
  EXPECT_EQ(client_->Exec("c", "e", {"/etc"}).error().reason(), Reason::kCommandNotExecutable);
  EXPECT_TRUE(client_->Exec("c", "e", {"true"})) << "the id is free after a failure";
}

TEST_F(AgentLifeTest, Command_RootfsOrUserIsMissing_IsNotCommandNotFound) {
  grpc::CreateContainerRequest rootless = Request("c", {"true"});
  rootless.mutable_oci()->mutable_root()->set_path("/no/such/rootfs");
  EXPECT_EQ(client_->Call("CreateContainer", rootless).error().code(), Code::kFailedPrecondition);
  Run("c", {"sleep", "1000"});
  grpc::ExecProcessRequest exec;
  exec.set_container_id("c");
  exec.set_exec_id("e");
  exec.mutable_process()->add_args("true");
  exec.mutable_process()->set_cwd("/no/such/directory");
  EXPECT_EQ(client_->Call("ExecProcess", exec).error().code(), Code::kFailedPrecondition);
  exec.mutable_process()->set_cwd("/");
  exec.mutable_process()->mutable_user()->set_username("nobody");
  EXPECT_EQ(client_->Call("ExecProcess", exec).error().code(), Code::kFailedPrecondition);
}

TEST_F(AgentLifeTest, CreateContainer_WrongIdOrConfig_IsRefused) {
  EXPECT_EQ(client_->Call("CreateContainer", Request("../c", {"true"})).error().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(client_->Call("CreateContainer", Request("shared", {"true"})).error().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(client_->Call("CreateContainer", Request("c", {})).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(Start("nobody").error().code(), Code::kNotFound);
  EXPECT_EQ(client_->Exec("nobody", "e", {"true"}).error().code(), Code::kNotFound);
  EXPECT_EQ(client_->Call("CreateSandbox", grpc::CreateSandboxRequest()).error().code(),
            Code::kAlreadyExists);
  EXPECT_EQ(client_->Call("NoSuchMethod", types::Empty()).error().code(), Code::kUnimplemented);

  Run("c", {"sleep", "1000"});
  EXPECT_EQ(client_->Call("CreateContainer", Request("c", {"true"})).error().code(), Code::kAlreadyExists);
  EXPECT_EQ(client_->Exec("c", "c", {"true"}).error().code(), Code::kAlreadyExists);
  EXPECT_EQ(client_->Exec("c", "a/b", {"true"}).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(Signal("c", "", 65).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(Signal("c", "nobody", SIGTERM).error().code(), Code::kNotFound);

  grpc::CreateContainerRequest limit = Request("d", {"true"});
  limit.mutable_oci()->mutable_process()->add_rlimits()->set_type("RLIMIT_FLIGHT");
  EXPECT_EQ(client_->Call("CreateContainer", limit).error().code(), Code::kInvalidArgument);
  grpc::CreateContainerRequest user = Request("d", {"true"});
  user.mutable_oci()->mutable_process()->mutable_user()->set_username("nobody");
  EXPECT_EQ(client_->Call("CreateContainer", user).error().code(), Code::kFailedPrecondition);
  grpc::CreateContainerRequest mount = Request("d", {"true"});
  AddMount(*mount.mutable_oci(), "/x", "tmpfs", "tmpfs", {"size=lots"});
  const auto failed = client_->Call("CreateContainer", mount);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().ToString(), HasSubstr("size=lots"));
}

TEST_F(AgentLifeTest, PauseContainer_Running_IsPausedUntilResumed) {
  Run("c", {"sleep", "1000"});
  grpc::PauseContainerRequest pause;
  pause.set_container_id("c");
  grpc::ResumeContainerRequest resume;
  resume.set_container_id("c");
  EXPECT_EQ(client_->Call("ResumeContainer", resume).error().code(), Code::kFailedPrecondition);
  ASSERT_TRUE(client_->Call("PauseContainer", pause));
  std::ifstream events(agent_->cgroup() + "/c/cgroup.events");
  EXPECT_THAT(std::string(std::istreambuf_iterator<char>(events), {}), HasSubstr("frozen 1"));
  EXPECT_TRUE(client_->Call("ResumeContainer", resume));
  EXPECT_EQ(client_->Output("c", {"echo", "alive"}), "alive\n");
  ASSERT_TRUE(client_->Call("PauseContainer", pause));
  EXPECT_TRUE(Remove("c")) << "also a paused one can be removed";
}

TEST_F(AgentLifeTest, ExecProcess_WithSandboxId_RunsInGuest) {
  ASSERT_TRUE(client_->Exec("pod", "e", {"/bin/busybox", "echo", "guest"}));
  EXPECT_EQ(client_->ReadToEnd("pod", "e"), "guest\n");
  EXPECT_EQ(client_->Wait("pod", "e"), 0);
  EXPECT_EQ(client_->Exec("pod", "f", {"no-such-program"}).error().code(), Code::kNotFound);
  EXPECT_EQ(Start("pod").error().code(), Code::kFailedPrecondition);
}

TEST_F(AgentLifeTest, ExecProcess_ContainerHasSandboxId_RunsInContainer) {
  Run("pod", {"sleep", "1000"});
  EXPECT_THAT(client_->Output("pod", {"ps"}), HasSubstr("    1 root     sleep 1000"));
}

}  // namespace
}  // namespace virtcontainers::guest
