// The agent as a whole, on this machine: processes, their standard input and output, their signals.

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
#include "guest.pb.h"
#include "guest/agent/os/file.h"
#include "guest/agent/testing/agent_fixture.h"
#include "guest/agent/testing/spec.h"
#include "health.pb.h"

namespace virtcontainers::guest {
namespace {

using testing::HasSubstr;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

class AgentProcessTest : public AgentTest {};

TEST_F(AgentProcessTest, ExecProcess_InRunningContainer_HasOutputAndStatus) {
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

TEST_F(AgentProcessTest, RemoveContainer_CallsWait_AreAnswered) {
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

TEST_F(AgentProcessTest, WriteStdin_Then_CloseStdin_ReachesProcessAndEnds) {
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

TEST_F(AgentProcessTest, WriteStdin_Empty_IsEndOfInput) {
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

TEST_F(AgentProcessTest, ReadStdout_ProcessHasEnded_ReturnsAllOutput) {
  Run("c", {"sleep", "1000"});
  ASSERT_TRUE(client_->Exec("c", "e", {"sh", "-c", "yes | head -c 3000000"}));
  EXPECT_EQ(client_->ReadToEnd("c", "e").size(), 3'000'000u);
  ASSERT_TRUE(client_->Exec("c", "late", {"sh", "-c", "echo kept"}));
  EXPECT_EQ(client_->Wait("c", "late"), 0);
  ::usleep(700'000);
  EXPECT_EQ(client_->ReadToEnd("c", "late"), "kept\n") << "output nobody has taken outlives its process";
}

// All have been told to the host; what it has done with them it says by itself.
TEST_F(AgentProcessTest, ExitStatuses_MoreThanAreKept_AcknowledgedOnesAreForgottenFirst) {
  Run("c", {"sleep", "1000"});
  const auto run = [&](const std::string& id, const std::string& code) {
    ASSERT_TRUE(client_->Exec("c", id, {"sh", "-c", "echo said; exit " + code}));
    ASSERT_EQ(client_->Wait("c", id), std::stoi(code));
  };
  run("early", "3");
  for (int i = 0; i < 200; ++i) {
    const std::string id = "told" + std::to_string(i);
    run(id, "0");
    wire::AcknowledgeExitsRequest told;
    for (const std::string& name : {id, std::string("nonesuch")}) {
      told.add_processes()->set_container_id("c");
      told.mutable_processes(told.processes_size() - 1)->set_exec_id(name);
    }
    told.add_processes()->set_container_id("nonesuch");
    ASSERT_TRUE(client_->CallGuest("AcknowledgeExits", told));
  }
  EXPECT_EQ(client_->Wait("c", "early"), 3);
  EXPECT_EQ(client_->ReadToEnd("c", "early"), "said\n");
  EXPECT_EQ(client_->Wait("c", "told0"), -1) << "it is forgotten";
  EXPECT_EQ(client_->Wait("c", "told199"), 0) << "as long as there is room";
  // The exit status alone outlasts what was said, and is known to who takes over.
  for (int i = 0; i < 150; ++i) run("late" + std::to_string(i), "4");
  EXPECT_EQ(client_->Wait("c", "early"), 3);
  const auto state = client_->CallGuest<wire::GetStateResponse>("GetState", wire::GetStateRequest());
  ASSERT_TRUE(state);
  ASSERT_EQ(state->containers_size(), 1);
  EXPECT_THAT(state->containers(0).execs(), testing::Contains("early"));
  wire::AcknowledgeExitsRequest told;
  told.add_processes()->set_container_id("c");
  told.mutable_processes(0)->set_exec_id("early");
  ASSERT_TRUE(client_->CallGuest("AcknowledgeExits", told));
  EXPECT_EQ(client_->Wait("c", "early"), -1);
}

TEST_F(AgentProcessTest, ReadStdout_OrphanHoldsPipe_EndsSoonAfterProcess) {
  Run("c", {"sleep", "1000"});
  ASSERT_TRUE(client_->Exec("c", "e", {"sh", "-c", "sleep 1000 & echo done"}));
  const auto begin = Clock::now();
  EXPECT_EQ(client_->ReadToEnd("c", "e"), "done\n");
  EXPECT_GE(Clock::now() - begin, milliseconds(300));
  EXPECT_LT(Clock::now() - begin, milliseconds(5000));
}

TEST_F(AgentProcessTest, ReadStdout_NothingThere_WaitsForOutput) {
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

TEST_F(AgentProcessTest, ReadStdout_ClientIsGone_NextClientGetsOutput) {
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

TEST_F(AgentProcessTest, WaitProcess_SeveralCallers_AllAreAnswered) {
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

TEST_F(AgentProcessTest, SignalTerm_ToFirstProcessWithoutHandler_EndsIt) {
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

TEST_F(AgentProcessTest, SignalTerm_ToFirstProcessThatIgnoresIt_LeavesItRunning) {
  Run("c", {"sh", "-c", "trap '' TERM; echo ready; sleep 1000"});
  grpc::ReadStreamRequest read;
  read.set_container_id("c");
  read.set_len(100);
  ASSERT_EQ(client_->Call<grpc::ReadStreamResponse>("ReadStdout", read)->data(), "ready\n");
  grpc::WaitProcessRequest wait;
  wait.set_container_id("c");
  auto end = client_->Start<grpc::WaitProcessResponse>("WaitProcess", wait);
  EXPECT_TRUE(Signal("c", "", SIGTERM));
  EXPECT_EQ(end.wait_for(milliseconds(300)), std::future_status::timeout);
  EXPECT_TRUE(Signal("c", "", SIGKILL));
  EXPECT_EQ(end.get()->status(), 128 + SIGKILL);
}

TEST_F(AgentProcessTest, SignalKill_ToExecutedProcess_EndsItsProcessGroup) {
  Run("c", {"sleep", "1000"});
  const char* const count =
      "n=0; for p in /proc/[0-9]*; do read -r comm <$p/comm; [ \"$comm\" != sleep ] || "
      "grep -q 'State:.Z' $p/status || n=$((n + 1)); done; echo $n";
  ASSERT_TRUE(client_->Exec("c", "e", {"sh", "-c", "sleep 1001 & sleep 1002 & echo ready; wait"}));
  grpc::ReadStreamRequest read;
  read.set_container_id("c");
  read.set_exec_id("e");
  read.set_len(100);
  ASSERT_EQ(client_->Call<grpc::ReadStreamResponse>("ReadStdout", read)->data(), "ready\n");
  // The children become sleeps in a moment.
  while (client_->Output("c", {"sh", "-c", count}) != "3\n") {
  }
  EXPECT_TRUE(Signal("c", "e", SIGKILL));
  EXPECT_EQ(client_->Wait("c", "e"), 128 + SIGKILL);
  EXPECT_EQ(client_->ReadToEnd("c", "e"), "") << "nobody holds the pipe open";
  EXPECT_EQ(client_->Output("c", {"sh", "-c", count}), "1\n") << "the container's first process";
}

TEST_F(AgentProcessTest, Terminal_OfFirstProcess_HasSizeAndConsole) {
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

// As with runc and crun: the user's, and the group that devpts says.
TEST_F(AgentProcessTest, Terminal_OfProcessThatIsNotRoot_BelongsToItsUser) {
  const std::string script =
      "busybox stat -c '%u %g %a' $(tty); for f in $(tty) /dev/tty /dev/stdout; do echo $f > $f; done";
  grpc::CreateContainerRequest request = Request(
      "c", {"sh", "-c", script + "; echo own > /dev/console; busybox stat -c '%u %g %a' /dev/console; cat"});
  grpc::Process& process = *request.mutable_oci()->mutable_process();
  process.set_terminal(true);
  process.mutable_user()->set_uid(1000);
  process.mutable_user()->set_gid(1001);
  Run(request);
  grpc::ExecProcessRequest exec;
  exec.set_container_id("c");
  exec.set_exec_id("e");
  for (const std::string& argument : {std::string("sh"), std::string("-c"), script})
    exec.mutable_process()->add_args(argument);
  exec.mutable_process()->set_terminal(true);
  exec.mutable_process()->mutable_user()->set_uid(7);
  ASSERT_TRUE(client_->Call("ExecProcess", exec));
  EXPECT_EQ(client_->ReadToEnd("c", "e"), "7 5 620\r\n/dev/pts/1\r\n/dev/tty\r\n/dev/stdout\r\n");
  grpc::WriteStreamRequest end;
  end.set_container_id("c");
  EXPECT_TRUE(client_->Call<grpc::WriteStreamResponse>("WriteStdin", end));
  EXPECT_EQ(client_->ReadToEnd("c", ""),
            "1000 5 620\r\n/dev/pts/0\r\n/dev/tty\r\n/dev/stdout\r\nown\r\n"
            "1000 5 620\r\n");
}

TEST_F(AgentProcessTest, Terminal_OfExecutedProcess_IsResized) {
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

TEST_F(AgentProcessTest, Exec_WithoutNoNewPrivileges_DoesNotGetTheContainers) {
  Run("c", {"sleep", "1000"});
  const auto show = [&](const std::string& id, bool wanted) {
    grpc::ExecProcessRequest request;
    request.set_container_id("c");
    request.set_exec_id(id);
    for (const char* argument : {"grep", "-E", "CapEff|CapBnd|NoNew", "/proc/self/status"})
      request.mutable_process()->add_args(argument);
    request.mutable_process()->set_nonewprivileges(wanted);
    EXPECT_TRUE(client_->Call("ExecProcess", request));
    return client_->ReadToEnd("c", id);
  };
  constexpr char kContainers[] = "CapEff:\t0000000020000420\nCapBnd:\t0000000020000420\n";
  EXPECT_EQ(show("without", false), std::string(kContainers) + "NoNewPrivs:\t0\n");
  EXPECT_EQ(show("with", true), std::string(kContainers) + "NoNewPrivs:\t1\n");
}

// As systemd and docker do: they divide the cgroup that they are the first process of.
TEST_F(AgentProcessTest, Exec_InContainerThatDividedItsCgroup_RunsInTheFirstProcesssCgroup) {
  const std::string controllers = ReadFile(agent_->cgroup() + "/cgroup.subtree_control").value_or("");
  if (controllers.empty() || controllers == "\n") GTEST_SKIP() << "no controller of cgroup v2 is free";
  grpc::CreateContainerRequest request = Request("c", {"sleep", "1000"});
  for (grpc::Mount& mount : *request.mutable_oci()->mutable_mounts()) {
    if (mount.type() == "cgroup") mount.set_options(3, "nosuid"), mount.set_options(4, "rw");
  }
  Run(request);
  ASSERT_EQ(
      client_->Output("c", {"sh", "-c",
                            "cd /sys/fs/cgroup && mkdir -p init/leaf && echo 1 > init/leaf/cgroup.procs && "
                            "for c in $(cat cgroup.controllers); do d=$d\" +$c\"; done; "
                            "echo $$ > init/leaf/cgroup.procs && echo $d > cgroup.subtree_control && "
                            "echo divided"}),
      "divided\n");
  EXPECT_THAT(client_->Output("c", {"cat", "/proc/self/cgroup"}), HasSubstr("0::/init/leaf\n"));
  EXPECT_TRUE(Signal("c", "", SIGKILL));
  EXPECT_EQ(client_->Wait("c", ""), 128 + SIGKILL);
  EXPECT_TRUE(Remove("c"));
}

TEST_F(AgentProcessTest, ExecProcess_ThreeHundredInARow_Succeed) {
  Run("c", {"sleep", "1000"});
  for (int i = 0; i < 300; ++i) {
    const std::string id = "e" + std::to_string(i);
    ASSERT_TRUE(client_->Exec("c", id, {"sh", "-c", "echo " + id + "; exit 5"})) << i;
    ASSERT_EQ(client_->ReadToEnd("c", id), id + "\n");
    ASSERT_EQ(client_->Wait("c", id), 5);
  }
}

TEST_F(AgentProcessTest, ExecProcess_ManyAtOnce_Succeed) {
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
