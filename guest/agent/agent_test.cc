// The agent as a whole, on this machine: a client on a socket, real containers of busybox.

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
#include "guest/agent/testing/spec.h"
#include "guest/agent/testing/standalone_agent.h"
#include "health.pb.h"

namespace virtcontainers::guest {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

class AgentTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string reason = StandaloneAgent::WhyNot(); !reason.empty()) GTEST_SKIP() << reason;
    agent_ = std::make_unique<StandaloneAgent>();
    client_ = agent_->Connect();
    ASSERT_TRUE(client_);
    rootfs_ = agent_->MakeRootfs("rootfs");
    grpc::CreateSandboxRequest request;
    request.set_sandbox_id("pod");
    request.set_hostname("web");
    const auto created = client_->Call("CreateSandbox", request);
    ASSERT_TRUE(created) << created.error().ToString();
  }

  void TearDown() override {
    if (!client_) return;
    EXPECT_TRUE(client_->Call("DestroySandbox", grpc::DestroySandboxRequest()));
    EXPECT_EQ(agent_->WaitForEnd(), 0);
    EXPECT_FALSE(agent_->HasCgroup());
    EXPECT_FALSE(std::filesystem::exists(agent_->state()));
  }

  grpc::CreateContainerRequest Request(const std::string& id, const std::vector<std::string>& arguments) {
    return DefaultContainer(id, rootfs_, arguments);
  }

  Result<types::Empty> Start(const std::string& id) {
    grpc::StartContainerRequest request;
    request.set_container_id(id);
    return client_->Call("StartContainer", request);
  }

  Result<types::Empty> Remove(const std::string& id) {
    grpc::RemoveContainerRequest request;
    request.set_container_id(id);
    request.set_timeout(20);
    return client_->Call("RemoveContainer", request);
  }

  Result<types::Empty> Signal(const std::string& id, const std::string& exec_id, int number) {
    grpc::SignalProcessRequest request;
    request.set_container_id(id);
    request.set_exec_id(exec_id);
    request.set_signal(static_cast<uint32_t>(number));
    return client_->Call("SignalProcess", request);
  }

  void Run(const grpc::CreateContainerRequest& request) {
    const auto created = client_->Call("CreateContainer", request);
    ASSERT_TRUE(created) << created.error().ToString();
    const auto started = Start(request.container_id());
    ASSERT_TRUE(started) << started.error().ToString();
  }
  void Run(const std::string& id, const std::vector<std::string>& arguments) { Run(Request(id, arguments)); }

  // Runs a container to its end: what it said.
  std::string OutputOf(const grpc::CreateContainerRequest& request) {
    const std::string& id = request.container_id();
    const auto created = client_->Call("CreateContainer", request);
    if (!created) return "[" + created.error().ToString() + "]";
    const auto started = Start(id);
    std::string output = started ? client_->ReadToEnd(id, id) : "[" + started.error().ToString() + "]";
    output += client_->ReadToEnd(id, id, "ReadStderr");
    client_->Wait(id, id);
    EXPECT_TRUE(Remove(id));
    return output;
  }
  std::string OutputOf(const std::string& script) { return OutputOf(Request("once", {"sh", "-c", script})); }

  std::unique_ptr<StandaloneAgent> agent_;
  std::unique_ptr<AgentClient> client_;
  std::string rootfs_;
};

TEST_F(AgentTest, IsHealthy) {
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

TEST_F(AgentTest, RunsAContainerToItsEnd) {
  Run("c", {"sh", "-c", "echo out; echo err >&2; exit 3"});
  EXPECT_EQ(client_->ReadToEnd("c", "c"), "out\n");
  EXPECT_EQ(client_->ReadToEnd("c", "", "ReadStderr"), "err\n");
  EXPECT_EQ(client_->Wait("c", "c"), 3);
  EXPECT_EQ(client_->Wait("c", ""), 3) << "the exit code stays until the container is removed";
  EXPECT_TRUE(Remove("c"));
  EXPECT_EQ(Remove("c").error().code(), Code::kNotFound);
}

TEST_F(AgentTest, AContainerWaitsToBeStarted) {
  ASSERT_TRUE(client_->Call("CreateContainer", Request("c", {"echo", "started"})));
  EXPECT_EQ(client_->Exec("c", "e", {"true"}).error().code(), Code::kFailedPrecondition);
  EXPECT_TRUE(Start("c"));
  EXPECT_EQ(Start("c").error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(client_->ReadToEnd("c", "c"), "started\n");
}

TEST_F(AgentTest, ACreatedContainerCanBeRemoved) {
  ASSERT_TRUE(client_->Call("CreateContainer", Request("c", {"true"})));
  EXPECT_TRUE(Remove("c"));
  EXPECT_FALSE(std::filesystem::exists(agent_->cgroup() + "/c"));
}

TEST_F(AgentTest, RunsFurtherProcesses) {
  Run("c", {"sleep", "1000"});
  EXPECT_EQ(client_->Output("c", {"echo", "hello"}), "hello\n");
  EXPECT_THAT(client_->Output("c", {"ps"}), HasSubstr("sleep 1000"));
  ASSERT_TRUE(client_->Exec("c", "bad", {"sh", "-c", "exit 42"}));
  EXPECT_EQ(client_->Wait("c", "bad"), 42);
  EXPECT_EQ(client_->Wait("c", "bad"), 42) << "a host that crashed asks again";
  ASSERT_TRUE(client_->Exec("c", "killed", {"sleep", "1000"}));
  EXPECT_TRUE(Signal("c", "killed", SIGKILL));
  EXPECT_EQ(client_->Wait("c", "killed"), 128 + SIGKILL);
  EXPECT_TRUE(client_->Exec("c", "bad", {"true"}))
      << "an id whose process has ended and was waited for is free";
}

TEST_F(AgentTest, NotFoundAndNotExecutableDiffer) {
  const auto missing = client_->Call("CreateContainer", Request("c", {"foo"}));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), Code::kNotFound);
  EXPECT_THAT(missing.error().ToString(), HasSubstr("exec 'foo': not found in the container's PATH"));
  EXPECT_FALSE(std::filesystem::exists(agent_->state() + "/c")) << "nothing of it is left";
  EXPECT_FALSE(std::filesystem::exists(agent_->cgroup() + "/c"));
  EXPECT_EQ(client_->Call("CreateContainer", Request("c", {"/etc"})).error().code(), Code::kPermissionDenied);

  Run("c", {"sleep", "1000"});
  EXPECT_EQ(client_->Exec("c", "e", {"foo"}).error().code(), Code::kNotFound);
  EXPECT_EQ(client_->Exec("c", "e", {"/no/such"}).error().code(), Code::kNotFound);
  EXPECT_EQ(client_->Exec("c", "e", {"/etc"}).error().code(), Code::kPermissionDenied);
  EXPECT_EQ(client_->Exec("c", "e", {"/etc/passwd"}).error().code(), Code::kPermissionDenied);
  EXPECT_TRUE(client_->Exec("c", "e", {"true"})) << "the id is free after a failure";
}

TEST_F(AgentTest, WhatIsMissingRoundACommandIsNotAMissingCommand) {
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

TEST_F(AgentTest, ARemovalAnswersWhoeverStillReads) {
  Run("c", {"sleep", "1000"});
  grpc::ReadStreamRequest read;
  read.set_container_id("c");
  read.set_len(100);
  auto reader = client_->Start<grpc::ReadStreamResponse>("ReadStdout", read);
  grpc::WaitProcessRequest wait;
  wait.set_container_id("c");
  auto waiter = client_->Start<grpc::WaitProcessResponse>("WaitProcess", wait);
  grpc::RemoveContainerRequest remove;
  remove.set_container_id("c");
  auto first = client_->Start("RemoveContainer", remove);
  auto second = client_->Start("RemoveContainer", remove);
  EXPECT_EQ(reader.get()->data(), "");
  EXPECT_EQ(waiter.get()->status(), 137);
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(second.get());
  Run("c", {"true"});
}

TEST_F(AgentTest, RefusesWhatMakesNoSense) {
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
  EXPECT_EQ(Signal("c", "", 0).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(Signal("c", "", 65).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(Signal("c", "nobody", SIGTERM).error().code(), Code::kNotFound);

  grpc::CreateContainerRequest capability = Request("d", {"true"});
  capability.mutable_oci()->mutable_process()->mutable_capabilities()->add_bounding("CAP_FLY");
  EXPECT_EQ(client_->Call("CreateContainer", capability).error().code(), Code::kInvalidArgument);
  grpc::CreateContainerRequest user = Request("d", {"true"});
  user.mutable_oci()->mutable_process()->mutable_user()->set_username("nobody");
  EXPECT_EQ(client_->Call("CreateContainer", user).error().code(), Code::kFailedPrecondition);
  grpc::CreateContainerRequest mount = Request("d", {"true"});
  AddMount(*mount.mutable_oci(), "/x", "tmpfs", "tmpfs", {"size=lots"});
  const auto failed = client_->Call("CreateContainer", mount);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().ToString(), HasSubstr("size=lots"));
}

TEST_F(AgentTest, StandardInputReachesAProcessAndEnds) {
  Run("c", {"cat"});
  grpc::WriteStreamRequest write;
  write.set_container_id("c");
  write.set_data("over ");
  EXPECT_EQ(client_->Call<grpc::WriteStreamResponse>("WriteStdin", write)->len(), 5u);
  write.set_data("there");
  EXPECT_TRUE(client_->Call<grpc::WriteStreamResponse>("WriteStdin", write));
  grpc::CloseStdinRequest close;
  close.set_container_id("c");
  EXPECT_TRUE(client_->Call("CloseStdin", close));
  EXPECT_EQ(client_->ReadToEnd("c", "c"), "over there");
  EXPECT_EQ(client_->Wait("c", "c"), 0);
  EXPECT_EQ(client_->Call<grpc::WriteStreamResponse>("WriteStdin", write).error().code(),
            Code::kFailedPrecondition);
}

TEST_F(AgentTest, AnEmptyWriteIsTheEndOfStandardInput) {
  Run("c", {"sleep", "1000"});
  ASSERT_TRUE(client_->Exec("c", "e", {"wc", "-c"}));
  grpc::WriteStreamRequest write;
  write.set_container_id("c");
  write.set_exec_id("e");
  // More than a pipe holds: the answer comes when the process has read it.
  write.set_data(std::string(300'000, 'x'));
  EXPECT_TRUE(client_->Call<grpc::WriteStreamResponse>("WriteStdin", write));
  write.clear_data();
  EXPECT_TRUE(client_->Call<grpc::WriteStreamResponse>("WriteStdin", write));
  EXPECT_EQ(client_->ReadToEnd("c", "e"), "300000\n");
}

TEST_F(AgentTest, AllOutputComesBeforeTheEnd) {
  Run("c", {"sleep", "1000"});
  ASSERT_TRUE(client_->Exec("c", "e", {"sh", "-c", "yes | head -c 3000000"}));
  EXPECT_EQ(client_->ReadToEnd("c", "e").size(), 3'000'000u);
  ASSERT_TRUE(client_->Exec("c", "late", {"sh", "-c", "echo kept"}));
  EXPECT_EQ(client_->Wait("c", "late"), 0);
  ::usleep(700'000);
  EXPECT_EQ(client_->ReadToEnd("c", "late"), "kept\n") << "output nobody has taken outlives its process";
}

TEST_F(AgentTest, AnOrphanThatHoldsThePipeDelaysTheEndABitOnly) {
  Run("c", {"sleep", "1000"});
  ASSERT_TRUE(client_->Exec("c", "e", {"sh", "-c", "sleep 1000 & echo done"}));
  const auto begin = Clock::now();
  EXPECT_EQ(client_->ReadToEnd("c", "e"), "done\n");
  EXPECT_GE(Clock::now() - begin, milliseconds(300));
  EXPECT_LT(Clock::now() - begin, milliseconds(5000));
}

TEST_F(AgentTest, AReadWaitsForOutput) {
  Run("c", {"sleep", "1000"});
  ASSERT_TRUE(client_->Exec("c", "e", {"cat"}));
  grpc::ReadStreamRequest read;
  read.set_container_id("c");
  read.set_exec_id("e");
  read.set_len(100);
  auto answer = client_->Start<grpc::ReadStreamResponse>("ReadStdout", read);
  EXPECT_EQ(answer.wait_for(milliseconds(100)), std::future_status::timeout);
  grpc::WriteStreamRequest write;
  write.set_container_id("c");
  write.set_exec_id("e");
  write.set_data("now");
  EXPECT_TRUE(client_->Call<grpc::WriteStreamResponse>("WriteStdin", write));
  EXPECT_EQ(answer.get()->data(), "now");
}

TEST_F(AgentTest, AClientThatGoesTakesNoOutputWithIt) {
  Run("c", {"cat"});
  grpc::ReadStreamRequest read;
  read.set_container_id("c");
  read.set_len(100);
  auto first = agent_->Connect();
  auto lost = first->Start<grpc::ReadStreamResponse>("ReadStdout", read);
  auto waiting = first->Start<grpc::WaitProcessResponse>("WaitProcess", [] {
    grpc::WaitProcessRequest request;
    request.set_container_id("c");
    return request;
  }());
  EXPECT_EQ(lost.wait_for(milliseconds(50)), std::future_status::timeout);
  first.reset();
  ::usleep(50'000);
  grpc::WriteStreamRequest write;
  write.set_container_id("c");
  write.set_data("mine");
  EXPECT_TRUE(client_->Call<grpc::WriteStreamResponse>("WriteStdin", write));
  EXPECT_EQ(client_->Call<grpc::ReadStreamResponse>("ReadStdout", read)->data(), "mine");
}

TEST_F(AgentTest, SeveralMayWaitForOneProcess) {
  Run("c", {"sleep", "1000"});
  grpc::WaitProcessRequest wait;
  wait.set_container_id("c");
  auto one = client_->Start<grpc::WaitProcessResponse>("WaitProcess", wait);
  auto two = client_->Start<grpc::WaitProcessResponse>("WaitProcess", wait);
  EXPECT_TRUE(Signal("c", "", SIGKILL));
  EXPECT_EQ(one.get()->status(), 137);
  EXPECT_EQ(two.get()->status(), 137);
  EXPECT_TRUE(Signal("c", "c", SIGTERM)) << "a signal to a process that has ended is no error";
}

TEST_F(AgentTest, ATerminationSignalEndsAFirstProcessThatDoesNotHandleIt) {
  Run("deaf", {"sleep", "1000"});
  EXPECT_TRUE(Signal("deaf", "", SIGTERM));
  EXPECT_EQ(client_->Wait("deaf", ""), 137);
  Run("polite", {"sh", "-c", "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done"});
  grpc::ReadStreamRequest read;
  read.set_container_id("polite");
  read.set_len(100);
  EXPECT_EQ(client_->Call<grpc::ReadStreamResponse>("ReadStdout", read)->data(), "ready\n");
  EXPECT_TRUE(Signal("polite", "", SIGTERM));
  EXPECT_EQ(client_->Wait("polite", ""), 7);
  EXPECT_EQ(client_->ReadToEnd("polite", ""), "bye\n");
}

TEST_F(AgentTest, ATerminalIsOne) {
  grpc::CreateContainerRequest request =
      Request("c", {"sh", "-c", "tty; stty size; test -c /dev/console && echo console; cat"});
  request.mutable_oci()->mutable_process()->set_terminal(true);
  request.mutable_oci()->mutable_process()->mutable_consolesize()->set_height(33);
  request.mutable_oci()->mutable_process()->mutable_consolesize()->set_width(77);
  Run(request);
  grpc::ReadStreamRequest read;
  read.set_container_id("c");
  read.set_len(100);
  std::string output;
  while (output.find("console") == std::string::npos) {
    const auto piece = client_->Call<grpc::ReadStreamResponse>("ReadStdout", read);
    ASSERT_TRUE(piece && !piece->data().empty()) << output;
    output += piece->data();
  }
  grpc::WriteStreamRequest write;
  write.set_container_id("c");
  write.set_data("typed\n");
  EXPECT_TRUE(client_->Call<grpc::WriteStreamResponse>("WriteStdin", write));
  write.clear_data();
  EXPECT_TRUE(client_->Call<grpc::WriteStreamResponse>("WriteStdin", write));
  output += client_->ReadToEnd("c", "");
  EXPECT_THAT(output, HasSubstr("/dev/pts/0\r\n33 77\r\nconsole\r\n"));
  EXPECT_THAT(output, HasSubstr("typed\r\ntyped\r\n")) << "echoed, and copied";
  EXPECT_EQ(client_->Wait("c", ""), 0);
}

TEST_F(AgentTest, ATerminalOfAFurtherProcessIsResized) {
  Run("c", {"sleep", "1000"});
  grpc::ExecProcessRequest request;
  request.set_container_id("c");
  request.set_exec_id("e");
  for (const char* argument : {"sh", "-c", "cat >/dev/null; stty size"})
    request.mutable_process()->add_args(argument);
  request.mutable_process()->set_terminal(true);
  ASSERT_TRUE(client_->Call("ExecProcess", request));
  grpc::TtyWinResizeRequest resize;
  resize.set_container_id("c");
  resize.set_exec_id("e");
  resize.set_row(11);
  resize.set_column(22);
  EXPECT_TRUE(client_->Call("TtyWinResize", resize));
  grpc::CloseStdinRequest close;
  close.set_container_id("c");
  close.set_exec_id("e");
  EXPECT_TRUE(client_->Call("CloseStdin", close));
  EXPECT_THAT(client_->ReadToEnd("c", "e"), HasSubstr("11 22"));
  resize.set_exec_id("c");
  EXPECT_EQ(client_->Call("TtyWinResize", resize).error().code(), Code::kUnavailable);
}

TEST_F(AgentTest, ContainersShareTheSandboxesHostnameAndSeeOnlyTheirOwnProcesses) {
  EXPECT_EQ(OutputOf("hostname"), "web\n");
  const std::string processes = OutputOf("ps");
  EXPECT_THAT(processes, HasSubstr("    1 root"));
  EXPECT_THAT(processes, Not(HasSubstr("virtcontainers-agent")));
}

TEST_F(AgentTest, ASharedPidNamespaceIsShared) {
  grpc::CreateContainerRequest a = Request("a", {"sleep", "1111"});
  a.set_sandbox_pidns(true);
  Run(a);
  grpc::CreateContainerRequest b = Request("b", {"ps"});
  b.set_sandbox_pidns(true);
  EXPECT_THAT(OutputOf(b), HasSubstr("sleep 1111"));
  EXPECT_TRUE(Signal("a", "", SIGTERM));
  EXPECT_EQ(client_->Wait("a", ""), 128 + SIGTERM) << "it is no namespace's first process";
}

TEST_F(AgentTest, TheDefaultsOfAConfigHold) {
  const std::string status = OutputOf("grep -E 'Cap|NoNew|Seccomp:' /proc/self/status");
  EXPECT_THAT(status, HasSubstr("CapInh:\t0000000000000000"));
  EXPECT_THAT(status, HasSubstr("CapPrm:\t0000000020000420"));
  EXPECT_THAT(status, HasSubstr("CapEff:\t0000000020000420"));
  EXPECT_THAT(status, HasSubstr("CapBnd:\t0000000020000420"));
  EXPECT_THAT(status, HasSubstr("CapAmb:\t0000000000000000"));
  EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(OutputOf("ulimit -n; umask; env; pwd"),
              testing::AllOf(StartsWith("512\n0022\n"), HasSubstr("HOME=/root\n"), HasSubstr("\n/\n")));
  EXPECT_THAT(OutputOf("touch /x"), HasSubstr("Read-only"));
  EXPECT_THAT(OutputOf("echo 1 > /proc/sys/kernel/panic"), HasSubstr("Read-only"));
  EXPECT_EQ(OutputOf("cat /proc/keys /proc/timer_list"), "");
  EXPECT_EQ(
      OutputOf("ls /sys/firmware; echo x > /dev/null; cat /dev/null; ls /dev"),
      "core\nfd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n");
  EXPECT_THAT(OutputOf("cat /proc/self/cgroup"), HasSubstr("0::/\n"))
      << "its own cgroup is the root of what it sees";
}

TEST_F(AgentTest, RunsAsWhomItIsTold) {
  grpc::CreateContainerRequest number = Request("c", {"sh", "-c", "id; echo $HOME; echo x > /dev/stderr"});
  grpc::User& user = *number.mutable_oci()->mutable_process()->mutable_user();
  user.set_uid(1000);
  user.set_gid(5);
  user.add_additionalgids(7);
  EXPECT_EQ(OutputOf(number), "uid=1000(web) gid=5 groups=7\n/srv/web\nx\n");

  grpc::CreateContainerRequest name =
      Request("c", {"sh", "-c", "id -u; id -g; id -G; grep Cap /proc/self/status"});
  name.mutable_oci()->mutable_process()->mutable_user()->set_username("web");
  const std::string output = OutputOf(name);
  EXPECT_THAT(output, StartsWith("1000\n1001\n1001 44\n"));
  // Ambient ones are not inheritable here, so a program of another user has none.
  EXPECT_THAT(output, HasSubstr("CapEff:\t0000000000000000"));
  EXPECT_THAT(output, HasSubstr("CapBnd:\t0000000020000420"));

  grpc::CreateContainerRequest by_string = Request("c", {"id", "-u"});
  by_string.mutable_string_user()->set_uid("web");
  EXPECT_EQ(OutputOf(by_string), "1000\n");
}

TEST_F(AgentTest, AmbientCapabilitiesReachAnotherUser) {
  grpc::CreateContainerRequest request = Request("c", {"grep", "Cap[EA]", "/proc/self/status"});
  request.mutable_oci()->mutable_process()->mutable_user()->set_uid(1000);
  for (const char* name : {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"}) {
    request.mutable_oci()->mutable_process()->mutable_capabilities()->add_inheritable(name);
  }
  EXPECT_EQ(OutputOf(request), "CapEff:\t0000000020000420\nCapAmb:\t0000000020000420\n");
}

TEST_F(AgentTest, TheWorkingDirectoryIsMade) {
  grpc::CreateContainerRequest request = Request("c", {"pwd"});
  request.mutable_oci()->mutable_process()->set_cwd("/deep/er");
  EXPECT_EQ(OutputOf(request), "/deep/er\n");
}

TEST_F(AgentTest, AFilterOfSystemCallsHolds) {
  grpc::CreateContainerRequest request =
      Request("c", {"sh", "-c", "mkdir /tmp/x; grep Seccomp: /proc/self/status"});
  request.mutable_oci()->mutable_root()->set_readonly(false);
  grpc::LinuxSeccomp& seccomp = *request.mutable_oci()->mutable_linux()->mutable_seccomp();
  seccomp.set_defaultaction("SCMP_ACT_ALLOW");
  seccomp.add_architectures("SCMP_ARCH_X86_64");
  grpc::LinuxSyscall& call = *seccomp.add_syscalls();
  call.add_names("mkdir");
  call.set_action("SCMP_ACT_ERRNO");
  call.set_errnoret(ENOTTY);
  for (const bool no_new_privileges : {true, false}) {
    request.mutable_oci()->mutable_process()->set_nonewprivileges(no_new_privileges);
    for (const uint32_t uid : {0u, 1000u}) {
      request.mutable_oci()->mutable_process()->mutable_user()->set_uid(uid);
      EXPECT_THAT(OutputOf(request),
                  testing::AllOf(HasSubstr("Inappropriate ioctl"), HasSubstr("Seccomp:\t2")));
    }
  }
  request.mutable_oci()->mutable_process()->clear_args();
  for (const char* argument : {"sleep", "1000"}) request.mutable_oci()->mutable_process()->add_args(argument);
  Run(request);
  EXPECT_THAT(client_->Output("c", {"grep", "Seccomp:", "/proc/self/status"}), HasSubstr("Seccomp:\t2"));
}

TEST_F(AgentTest, LinksInARootfsDoNotLeadOut) {
  const std::string outside = agent_->directory() + "/outside";
  std::filesystem::create_directory(outside);
  std::filesystem::create_directory(agent_->directory() + "/volume");
  std::ofstream(agent_->directory() + "/volume/file") << "mounted";
  // To the guest both exist; to the container neither.
  std::filesystem::create_symlink(outside, rootfs_ + "/absolute");
  std::filesystem::create_symlink("../outside", rootfs_ + "/relative");
  std::filesystem::create_symlink("/etc", rootfs_ + "/inside");
  for (const char* destination : {"/absolute/x", "/relative/x"}) {
    grpc::CreateContainerRequest request = Request("c", {"true"});
    AddMount(*request.mutable_oci(), destination, "bind", agent_->directory() + "/volume", {"rbind"});
    EXPECT_FALSE(client_->Call("CreateContainer", request)) << destination;
  }
  EXPECT_TRUE(std::filesystem::is_empty(outside));
  grpc::CreateContainerRequest request = Request("c", {"cat", "/etc/x/file"});
  AddMount(*request.mutable_oci(), "/inside/x", "bind", agent_->directory() + "/volume", {"rbind", "ro"});
  EXPECT_EQ(OutputOf(request), "mounted");
}

TEST_F(AgentTest, BindMountsOfDirectoriesAndFiles) {
  const std::string volume = agent_->directory() + "/volume";
  std::filesystem::create_directory(volume);
  std::ofstream(volume + "/file") << "content\n";
  grpc::CreateContainerRequest request = Request(
      "c",
      {"sh", "-c", "cat /etc/one; touch /data/new; touch /frozen/new; grep -c frozen /proc/self/mountinfo"});
  AddMount(*request.mutable_oci(), "/etc/one", "", volume + "/file", {"bind", "ro"});
  AddMount(*request.mutable_oci(), "/data", "bind", volume, {"rbind", "rw"});
  AddMount(*request.mutable_oci(), "/frozen", "bind", volume, {"rbind", "ro", "nosuid"});
  const std::string output = OutputOf(request);
  EXPECT_THAT(output, StartsWith("content\n1\n"));
  EXPECT_THAT(output, HasSubstr("/frozen/new: Read-only"));
  EXPECT_TRUE(std::filesystem::exists(volume + "/new"));
  grpc::CreateContainerRequest missing = Request("c", {"true"});
  AddMount(*missing.mutable_oci(), "/data", "bind", "/no/such/volume", {"bind"});
  EXPECT_EQ(client_->Call("CreateContainer", missing).error().code(), Code::kFailedPrecondition);
}

TEST_F(AgentTest, DevicesAreWhatTheRulesAllow) {
  if (::access("/dev/net/tun", F_OK) != 0) GTEST_SKIP() << "there is no /dev/net/tun to try it with";
  grpc::CreateContainerRequest request =
      Request("c", {"sh", "-c", "echo x > /dev/null && : < /dev/tun && echo open"});
  grpc::Linux& linux_spec = *request.mutable_oci()->mutable_linux();
  grpc::LinuxDevice& device = *linux_spec.add_devices();
  device.set_path("/dev/tun");
  device.set_type("c");
  device.set_major(10);
  device.set_minor(200);
  EXPECT_EQ(OutputOf(request), "open\n") << "without rules";
  linux_spec.mutable_resources()->add_devices()->set_access("rwm");
  const std::string output = OutputOf(request);
  if (output == "open\n") GTEST_SKIP() << "this machine does not let the agent load a filter";
  EXPECT_THAT(output, HasSubstr("Operation not permitted"));
  grpc::LinuxDeviceCgroup& rule = *linux_spec.mutable_resources()->add_devices();
  rule.set_allow(true);
  rule.set_type("c");
  rule.set_major(10);
  rule.set_minor(200);
  rule.set_access("rw");
  EXPECT_EQ(OutputOf(request), "open\n");
}

TEST_F(AgentTest, AContainerIsPausedAndResumed) {
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

TEST_F(AgentTest, ACommandRunsInTheGuestByTheSandboxesId) {
  ASSERT_TRUE(client_->Exec("pod", "e", {"/bin/busybox", "echo", "guest"}));
  EXPECT_EQ(client_->ReadToEnd("pod", "e"), "guest\n");
  EXPECT_EQ(client_->Wait("pod", "e"), 0);
  EXPECT_EQ(client_->Exec("pod", "f", {"no-such-program"}).error().code(), Code::kNotFound);
  EXPECT_EQ(Start("pod").error().code(), Code::kFailedPrecondition);
}

TEST_F(AgentTest, AContainerWithTheSandboxesIdComesFirst) {
  Run("pod", {"sleep", "1000"});
  EXPECT_THAT(client_->Output("pod", {"ps"}), HasSubstr("    1 root     sleep 1000"));
}

TEST_F(AgentTest, StoragesAreMountedAndGoWithTheirContainer) {
  grpc::CreateContainerRequest request = Request("c", {"sh", "-c", "mount | grep /data"});
  grpc::Storage& storage = *request.add_storages();
  storage.set_driver("ephemeral");
  storage.set_source("scratch");
  storage.set_fstype("tmpfs");
  storage.add_options("size=1m");
  storage.set_mount_point(agent_->state() + "/sandbox/scratch");
  AddMount(*request.mutable_oci(), "/data", "bind", storage.mount_point(), {"rbind"});
  EXPECT_THAT(OutputOf(request), HasSubstr("size=1024k"));
  storage.set_mount_point("/etc");
  EXPECT_EQ(client_->Call("CreateContainer", request).error().code(), Code::kInvalidArgument);
  storage.set_driver("floppy");
  EXPECT_EQ(client_->Call("CreateContainer", request).error().code(), Code::kUnimplemented);
}

TEST_F(AgentTest, ManyProcessesOneAfterTheOther) {
  Run("c", {"sleep", "1000"});
  for (int i = 0; i < 300; ++i) {
    const std::string id = "e" + std::to_string(i);
    ASSERT_TRUE(client_->Exec("c", id, {"sh", "-c", "echo " + id + "; exit 5"})) << i;
    ASSERT_EQ(client_->ReadToEnd("c", id), id + "\n");
    ASSERT_EQ(client_->Wait("c", id), 5);
  }
}

TEST_F(AgentTest, ManyProcessesAtOnce) {
  Run("c", {"sleep", "1000"});
  std::vector<std::future<Result<types::Empty>>> execs;
  std::vector<std::future<Result<grpc::WaitProcessResponse>>> waits;
  for (int i = 0; i < 50; ++i) {
    grpc::ExecProcessRequest request;
    request.set_container_id("c");
    request.set_exec_id("e" + std::to_string(i));
    for (const std::string argument : {"sh", "-c"}) request.mutable_process()->add_args(argument);
    request.mutable_process()->add_args("exit " + std::to_string(i));
    execs.push_back(client_->Start("ExecProcess", request));
    grpc::WaitProcessRequest wait;
    wait.set_container_id("c");
    wait.set_exec_id(request.exec_id());
    waits.push_back(client_->Start<grpc::WaitProcessResponse>("WaitProcess", wait));
  }
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(execs[i].get());
    const auto status = waits[i].get();
    ASSERT_TRUE(status) << status.error().ToString();
    EXPECT_EQ(status->status(), i);
  }
}

}  // namespace
}  // namespace virtcontainers::guest
