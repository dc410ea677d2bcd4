// What the client asks for, call by call, and what it makes of the answers.

#include <chrono>
#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "../../../test/contract/answer.h"
#include "agent/kata/kata_agent.h"
#include "agent/kata/test_kata_client.h"
#include "base/time_format.h"
#include "guest.pb.h"

namespace virtcontainers {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class KataCalls : public KataClient {
 protected:
  static GuestContainer Plain(const std::string& id) {
    GuestContainer container;
    container.config.id = id;
    container.config.process.args = {"prog"};
    container.rootfs = "/rootfs";
    return container;
  }

  Result<std::string> NextOom() {
    Answer<std::string> next;
    agent_.NextOom(next.callback());
    return next.Await();
  }
};

TEST_F(KataCalls, PauseAndResume_Container_SendKatasCalls) {
  grpc::PauseContainerRequest pause;
  grpc::ResumeContainerRequest resume;
  fake_["PauseContainer"] = FakeAgent::Keep(pause);
  fake_["ResumeContainer"] = FakeAgent::Keep(resume);
  Connect();
  EXPECT_TRUE(agent_.PauseContainer("p", Soon()));
  EXPECT_EQ(pause.container_id(), "p");
  EXPECT_TRUE(agent_.ResumeContainer("r", Soon()));
  EXPECT_EQ(resume.container_id(), "r");
}

TEST_F(KataCalls, UpdateInterface_WithNeighbors_SendsKatasCalls) {
  grpc::UpdateInterfaceRequest interface;
  grpc::AddARPNeighborsRequest neighbors;
  fake_["UpdateInterface"] = FakeAgent::Keep(interface);
  fake_["AddARPNeighbors"] = FakeAgent::Keep(neighbors);
  Connect();
  ASSERT_TRUE(agent_.UpdateInterface({.name = "eth0",
                                      .mac = "02:00:00:00:00:01",
                                      .mtu = 9000,
                                      .addresses = {"10.0.0.2/24", "fd00::2/64"},
                                      .routes = {},
                                      .neighbors = {{"10.0.0.1", "02:00:00:00:00:02"}}},
                                     Soon()));
  EXPECT_EQ(interface.interface().name(), "eth0");
  EXPECT_EQ(interface.interface().hwaddr(), "02:00:00:00:00:01");
  EXPECT_EQ(interface.interface().mtu(), 9000u);
  ASSERT_EQ(interface.interface().ipaddresses_size(), 2);
  EXPECT_EQ(interface.interface().ipaddresses(1).address(), "fd00::2");
  EXPECT_EQ(interface.interface().ipaddresses(1).mask(), "64");
  EXPECT_EQ(interface.interface().ipaddresses(1).family(), types::v6);
  ASSERT_EQ(neighbors.neighbors().arpneighbors_size(), 1);
  EXPECT_EQ(neighbors.neighbors().arpneighbors(0).lladdr(), "02:00:00:00:00:02");
  EXPECT_EQ(neighbors.neighbors().arpneighbors(0).device(), "eth0");
}

TEST_F(KataCalls, UpdateRoutes_OfTwoInterfaces_SendsAllInOneCall) {
  grpc::UpdateRoutesRequest request;
  fake_["UpdateRoutes"] = FakeAgent::Keep(request);
  Connect();
  NetworkInterface eth0, eth1;
  eth0.name = "eth0";
  eth0.routes = {{"0.0.0.0/0", "169.254.1.1", "10.0.0.2", 100, true}, {"169.254.1.1/32", "", "", 0, false}};
  eth1.name = "eth1";
  eth1.routes = {{"::/0", "fe80::1", "", 0, false}};
  ASSERT_TRUE(agent_.UpdateRoutes({eth0, eth1}, Soon()));
  ASSERT_EQ(request.routes().routes_size(), 3);
  const types::Route& first = request.routes().routes(0);
  EXPECT_EQ(first.dest(), "0.0.0.0/0");
  EXPECT_EQ(first.gateway(), "169.254.1.1");
  EXPECT_EQ(first.source(), "10.0.0.2");
  EXPECT_EQ(first.device(), "eth0");
  EXPECT_EQ(first.metric(), 100u);
  EXPECT_EQ(first.flags(), 4u);  // RTNH_F_ONLINK
  EXPECT_EQ(first.scope(), 0u);
  EXPECT_EQ(request.routes().routes(1).scope(), 253u);  // RT_SCOPE_LINK
  EXPECT_EQ(request.routes().routes(2).family(), types::v6);
  EXPECT_EQ(request.routes().routes(2).device(), "eth1");
}

TEST_F(KataCalls, UpdateContainer_KatasLimits_SendsKatasCall) {
  grpc::UpdateContainerRequest request;
  fake_["UpdateContainer"] = FakeAgent::Keep(request);
  Connect();
  ContainerResources resources;
  resources.memory_limit = 1 << 20;
  ASSERT_TRUE(agent_.UpdateContainer("c", resources, Soon()));
  EXPECT_EQ(request.container_id(), "c");
  EXPECT_EQ(request.resources().memory().limit(), 1 << 20);
  EXPECT_FALSE(request.resources().has_cpu());
}

TEST_F(KataCalls, UpdateContainer_Unified_SendsOwnCall) {
  wire::ExtendedUpdateRequest request;
  fake_.own("UpdateContainer") = FakeAgent::Keep(request);
  Connect();
  ContainerResources resources;
  resources.pids_limit = 7;
  resources.unified = {{"memory.high", "64M"}};
  ASSERT_TRUE(agent_.UpdateContainer("c", resources, Soon()));
  EXPECT_EQ(request.request().container_id(), "c");
  EXPECT_EQ(request.request().resources().pids().limit(), 7);
  EXPECT_EQ(request.unified().at("memory.high"), "64M");
}

TEST_F(KataCalls, StatsContainer_Answer_HasIdAndTime) {
  fake_["StatsContainer"] = [](const ttrpc::Call& call, ttrpc::Responder responder) {
    grpc::StatsContainerRequest request;
    EXPECT_TRUE(request.ParseFromString(call.payload));
    EXPECT_EQ(request.container_id(), "c");
    grpc::StatsContainerResponse response;
    response.mutable_cgroup_stats()->mutable_pids_stats()->set_current(3);
    responder.Respond(response.SerializeAsString());
  };
  Connect();
  const Time before = Now();
  const Result<ContainerStats> stats = agent_.StatsContainer("c", Soon());
  ASSERT_TRUE(stats) << stats.error().ToString();
  EXPECT_EQ(stats->id, "c");
  EXPECT_EQ(stats->pids.current, 3u);
  EXPECT_GE(stats->time, before);
}

TEST_F(KataCalls, ListProcesses_Container_SendsOwnCall) {
  fake_.own("ListProcesses") = [](const ttrpc::Call& call, ttrpc::Responder responder) {
    wire::ListProcessesRequest request;
    EXPECT_TRUE(request.ParseFromString(call.payload));
    EXPECT_EQ(request.container_id(), "c");
    wire::ListProcessesResponse response;
    response.add_processes()->set_pid(5);
    responder.Respond(response.SerializeAsString());
  };
  Connect();
  const auto processes = agent_.ListProcesses("c", Soon());
  ASSERT_TRUE(processes) << processes.error().ToString();
  ASSERT_EQ(processes->size(), 1u);
  EXPECT_EQ(processes->front().pid, 5);
}

TEST_F(KataCalls, CopyFile_Part_IsSentUnchanged) {
  wire::CopyFileChunk request;
  fake_.own("CopyFile") = FakeAgent::Keep(request);
  Connect();
  const FileChunk chunk{.copy = "one",
                        .path = "/etc/x",
                        .size = 1ULL << 40,
                        .offset = 1ULL << 33,
                        .data = std::string("a\0\xff", 3),
                        .mode = 04755,
                        .uid = 1,
                        .gid = 2};
  ASSERT_TRUE(agent_.CopyFile("c", chunk, Soon()));
  EXPECT_EQ(request.container_id(), "c");
  EXPECT_EQ(request.copy(), "one");
  EXPECT_EQ(request.path(), "/etc/x");
  EXPECT_EQ(request.size(), 1ULL << 40);
  EXPECT_EQ(request.offset(), 1ULL << 33);
  EXPECT_EQ(request.data(), chunk.data);
  EXPECT_EQ(request.mode(), 04755u);
  EXPECT_EQ(request.uid(), 1u);
  EXPECT_EQ(request.gid(), 2u);
}

TEST_F(KataCalls, CopyFile_PartLargerThanFrame_IsRefused) {
  Connect();
  FileChunk chunk;
  chunk.data.resize(4 << 20);
  EXPECT_EQ(agent_.CopyFile("c", chunk, Soon()).error().code(), Code::kResourceExhausted);
  EXPECT_TRUE(agent_.Check(Soon())) << "the connection goes on";
}

TEST_F(KataCalls, NextOom_Event_NamesContainer) {
  grpc::OOMEvent event;
  event.set_container_id("hungry");
  fake_["GetOOMEvent"] = FakeAgent::Always(event.SerializeAsString());
  Connect();
  EXPECT_EQ(NextOom().value_or("[error]"), "hungry");
}

TEST_F(KataCalls, NextOom_LinkEnds_IsAnswered) {
  std::vector<ttrpc::Responder> kept;
  fake_["GetOOMEvent"] = [&](const ttrpc::Call&, ttrpc::Responder responder) {
    kept.push_back(std::move(responder));
  };
  EXPECT_EQ(NextOom().error().code(), Code::kUnavailable) << "not connected yet";
  Connect();
  Answer<std::string> next;
  agent_.NextOom(next.callback());
  ASSERT_TRUE(agent_.Check(Soon()));
  EXPECT_EQ(next.calls(), 0) << "nothing has happened";
  fake_.Stop();
  EXPECT_EQ(next.Await().error().code(), Code::kUnavailable);
  agent_.Close();
  EXPECT_EQ(next.calls(), 1);
}

// Kata's call where it says all, and our own where it does not

TEST_F(KataCalls, CreateContainer_Ordinary_SendsKatasCall) {
  grpc::CreateContainerRequest request;
  fake_["CreateContainer"] = FakeAgent::Keep(request);
  Connect();
  ASSERT_TRUE(agent_.CreateContainer(Plain("c"), Soon()));
  EXPECT_EQ(request.container_id(), "c");
  EXPECT_EQ(request.exec_id(), "c") << "the first process goes by its container's name";
  EXPECT_EQ(request.oci().root().path(), "/rootfs");
  EXPECT_FALSE(request.sandbox_pidns());
  GuestContainer shared = Plain("s");
  shared.config.namespaces.pid = NamespaceOwner::kPod;
  ASSERT_TRUE(agent_.CreateContainer(shared, Soon()));
  EXPECT_TRUE(request.sandbox_pidns());
}

TEST_F(KataCalls, CreateContainer_Extended_SendsOwnCall) {
  wire::ExtendedCreateRequest request;
  fake_.own("CreateContainer") = FakeAgent::Keep(request);
  Connect();
  GuestContainer container = Plain("c");
  container.config.process.user.umask = 077;
  container.config.namespaces.ipc = NamespaceOwner::kContainer;
  container.config.domainname = "example";
  container.config.personality = "LINUX32";
  container.config.process.scheduler = Scheduler{"SCHED_DEADLINE", -5, 6, {"SCHED_FLAG_RECLAIM"}, 7, 8, 9};
  ASSERT_TRUE(agent_.CreateContainer(container, Soon()));
  EXPECT_EQ(request.domainname(), "example");
  EXPECT_EQ(request.personality(), "LINUX32");
  const wire::Scheduler& scheduler = request.process().scheduler();
  EXPECT_EQ(scheduler.policy(), "SCHED_DEADLINE");
  EXPECT_EQ(scheduler.nice(), -5);
  EXPECT_EQ(scheduler.priority(), 6u);
  ASSERT_EQ(scheduler.flags_size(), 1);
  EXPECT_EQ(scheduler.flags(0), "SCHED_FLAG_RECLAIM");
  EXPECT_EQ(scheduler.runtime(), 7u);
  EXPECT_EQ(scheduler.deadline(), 8u);
  EXPECT_EQ(scheduler.period(), 9u);
  EXPECT_FALSE(request.process().has_io_priority());
  EXPECT_EQ(request.request().container_id(), "c");
  EXPECT_EQ(request.request().oci().process().args(0), "prog");
  EXPECT_EQ(request.process().umask(), 077u);
  EXPECT_TRUE(request.own_ipc());
  EXPECT_FALSE(request.own_uts());
}

TEST_F(KataCalls, ExecProcess_OrdinaryOrExtended_SendsKatasOrOwnCall) {
  grpc::ExecProcessRequest plain;
  wire::ExtendedExecRequest extended;
  fake_["ExecProcess"] = FakeAgent::Keep(plain);
  fake_.own("ExecProcess") = FakeAgent::Keep(extended);
  Connect();
  ProcessConfig process;
  process.args = {"prog"};
  ASSERT_TRUE(agent_.ExecProcess({"c", "e"}, process, Soon()));
  EXPECT_EQ(plain.container_id(), "c");
  EXPECT_EQ(plain.exec_id(), "e");
  EXPECT_EQ(plain.process().args(0), "prog");
  EXPECT_EQ(extended.ByteSizeLong(), 0u);
  process.user.umask = 0;
  ASSERT_TRUE(agent_.ExecProcess({"c", "f"}, process, Soon()));
  EXPECT_EQ(extended.request().exec_id(), "f");
  EXPECT_TRUE(extended.process().has_umask());
  process.user.umask.reset();
  process.io_priority = IoPriority{"IOPRIO_CLASS_BE", 3};
  process.exec_cpus = "0-1";
  ASSERT_TRUE(agent_.ExecProcess({"c", "g"}, process, Soon()));
  EXPECT_FALSE(extended.process().has_umask());
  EXPECT_EQ(extended.process().io_priority().class_(), "IOPRIO_CLASS_BE");
  EXPECT_EQ(extended.process().io_priority().priority(), 3u);
  EXPECT_EQ(extended.process().exec_cpus(), "0-1");
}

TEST_F(KataCalls, User_ByName_IsSentAsStringUser) {
  grpc::CreateContainerRequest created;
  grpc::ExecProcessRequest executed;
  fake_["CreateContainer"] = FakeAgent::Keep(created);
  fake_["ExecProcess"] = FakeAgent::Keep(executed);
  Connect();
  GuestContainer container = Plain("c");
  ASSERT_TRUE(agent_.CreateContainer(container, Soon()));
  EXPECT_FALSE(created.has_string_user());
  container.config.process.user.name = "web";
  container.config.process.user.group = "www";
  container.config.process.user.additional_groups = {"video", "7"};
  ASSERT_TRUE(agent_.CreateContainer(container, Soon()));
  ASSERT_TRUE(agent_.ExecProcess({"c", "e"}, container.config.process, Soon()));
  for (const grpc::StringUser* user : {&created.string_user(), &executed.string_user()}) {
    EXPECT_EQ(user->uid(), "web");
    EXPECT_EQ(user->gid(), "www");
    ASSERT_EQ(user->additionalgids_size(), 2);
    EXPECT_EQ(user->additionalgids(1), "7");
  }
}

// An agent that speaks no more than Kata's protocol

TEST_F(KataCalls, OwnCalls_AgentSpeaksOnlyKataProtocol_FailAndNameFeature) {
  grpc::CreateContainerRequest created;
  fake_["CreateContainer"] = FakeAgent::Keep(created);
  Connect();
  const auto expect = [](const Error& error, const char* what) {
    EXPECT_EQ(error.code(), Code::kUnimplemented);
    EXPECT_THAT(error.ToString(), AllOf(HasSubstr("the guest's agent knows nothing of "), HasSubstr(what)));
  };
  GuestContainer container = Plain("c");
  container.config.process.user.umask = 077;
  container.config.namespaces.uts = NamespaceOwner::kContainer;
  container.config.domainname = "example";
  container.config.personality = "LINUX32";
  container.config.process.scheduler.emplace();
  container.config.process.io_priority.emplace();
  const Status refused = agent_.CreateContainer(container, Soon());
  expect(refused.error(), "a process's umask");
  expect(refused.error(), "a uts namespace of the container's own");
  for (const char* what :
       {"a domainname", "a personality", "a process's scheduler", "a process's I/O priority"})
    expect(refused.error(), what);
  EXPECT_EQ(created.container_id(), "") << "nothing is made without what was asked for";
  expect(agent_.ExecProcess({"c", "e"}, container.config.process, Soon()).error(), "umask");
  ContainerResources resources;
  resources.unified = {{"memory.high", "64M"}};
  expect(agent_.UpdateContainer("c", resources, Soon()).error(), "unified resources");
  expect(agent_.ListProcesses("c", Soon()).error(), "lists of processes");
  expect(agent_.CopyFile("c", {}, Soon()).error(), "files copied into containers");
}

TEST_F(KataCalls, OwnCalls_OtherErrors_ArePassedOn) {
  fake_.own("ListProcesses") = FakeAgent::Always(Fail(Code::kNotFound, "no container 'c'"));
  Connect();
  const auto refused = agent_.ListProcesses("c", Soon());
  EXPECT_EQ(refused.error().code(), Code::kNotFound);
  EXPECT_EQ(refused.error().ToString(), "no container 'c'");
}

TEST_F(KataCalls, Calls_MalformedAnswer_Fail) {
  const std::string garbage = "\xff\xff\xff\xff\xff\xff";
  fake_["StatsContainer"] = FakeAgent::Always(garbage);
  fake_["GetOOMEvent"] = FakeAgent::Always(garbage);
  fake_.own("ListProcesses") = FakeAgent::Always(garbage);
  Connect();
  EXPECT_EQ(agent_.StatsContainer("c", Soon()).error().code(), Code::kInternal);
  EXPECT_EQ(agent_.ListProcesses("c", Soon()).error().code(), Code::kInternal);
  EXPECT_EQ(NextOom().error().code(), Code::kInternal);
  EXPECT_TRUE(agent_.Check(Soon())) << "the connection goes on";
}

TEST_F(KataCalls, ListProcesses_ImpossiblePid_Fails) {
  wire::ListProcessesResponse response;
  response.add_processes()->set_pid(0xffffffff);
  fake_.own("ListProcesses") = FakeAgent::Always(response.SerializeAsString());
  Connect();
  EXPECT_EQ(agent_.ListProcesses("c", Soon()).error().code(), Code::kInternal);
}

// What older agents of Kata say otherwise

TEST_F(KataCalls, ReadOutput_EofErrorOrEmpty_IsEnd) {
  // Before and after Kata's commit 700bddeecc, and with whatever code the error came.
  for (const Code code : {Code::kInternal, Code::kInvalidArgument, Code::kUnknown}) {
    const auto old = FakeAgent::Always(Fail(code, "rpc status: read meet eof"));
    fake_["ReadStdout"] = old;
    fake_["ReadStderr"] = old;
    if (code == Code::kInternal) Connect();
    for (const OutputStream stream : {OutputStream::kStdout, OutputStream::kStderr}) {
      Answer<std::string> data;
      agent_.ReadOutput({"c", ""}, stream, 10, data.callback());
      EXPECT_EQ(data.Await().value_or("[error]"), "");
    }
  }
  fake_["ReadStdout"] = FakeAgent::Always(std::string());
  EXPECT_EQ(Read().value_or("[error]"), "");
  fake_["ReadStdout"] = FakeAgent::Always(Fail(Code::kNotFound, "no such process"));
  EXPECT_EQ(Read().error().code(), Code::kNotFound) << "no other error is an end";
}

TEST_F(KataCalls, ResizeTerminal_NoTerminal_IsNotUnavailable) {
  fake_["TtyWinResize"] = FakeAgent::Always(Fail(Code::kUnavailable, "no tty"));
  Connect();
  EXPECT_EQ(agent_.ResizeTerminal({"c", ""}, 1, 2, Soon()).error().code(), Code::kFailedPrecondition);
  fake_.Stop();
  EXPECT_EQ(agent_.ResizeTerminal({"c", ""}, 1, 2, Soon()).error().code(), Code::kUnavailable);
}

TEST_F(KataCalls, Calls_UnknownProcess_FailWithNotFound) {
  for (const char* method : {"WaitProcess", "SignalProcess", "ReadStdout", "WriteStdin"}) {
    fake_[method] = FakeAgent::Always(Fail(Code::kNotFound, "invalid exec id"));
  }
  Connect();
  EXPECT_EQ(Wait().error().code(), Code::kNotFound);
  EXPECT_EQ(Read().error().code(), Code::kNotFound);
  EXPECT_EQ(Write("x").error().code(), Code::kNotFound);
  EXPECT_EQ(agent_.SignalProcess({"c", "e"}, SIGTERM, false, Soon()).error().code(), Code::kNotFound);
}

TEST_F(KataCalls, WaitingCalls_Request_HasNoTimeout) {
  // Kata's agents count a call's timeout themselves; these wait for things that may never happen.
  std::vector<std::string> bounded;
  const auto note = [&](const ttrpc::Call& call, ttrpc::Responder responder) {
    if (!call.deadline.infinite()) bounded.push_back(call.method);
    responder.Respond(Fail(Code::kNotFound, ""));
  };
  for (const char* method : {"WaitProcess", "ReadStdout", "ReadStderr", "WriteStdin", "GetOOMEvent"}) {
    fake_[method] = note;
  }
  Connect();
  (void)Wait();
  (void)Read();
  (void)Write("x");
  (void)NextOom();
  EXPECT_THAT(bounded, testing::IsEmpty());
}

TEST_F(KataCalls, CloseStdin_AfterEmptyWrite_OnlyCloseStdinIsSent) {
  // Agents take an empty write for the end of the input; the library's empty write is none.
  grpc::CloseStdinRequest request;
  fake_["CloseStdin"] = FakeAgent::Keep(request);
  bool asked = false;
  fake_["WriteStdin"] = [&](const ttrpc::Call&, ttrpc::Responder responder) {
    asked = true;
    responder.Respond(std::string());
  };
  Connect();
  EXPECT_TRUE(Write(""));
  EXPECT_FALSE(asked);
  EXPECT_TRUE(agent_.CloseStdin({"c", "e"}, {}, Soon()));
  EXPECT_EQ(request.container_id(), "c");
  EXPECT_EQ(request.exec_id(), "e");
}

TEST_F(KataCalls, CreateSandbox_SharedMemory_IsSentAsEphemeralStorage) {
  grpc::CreateSandboxRequest request;
  fake_["CreateSandbox"] = FakeAgent::Keep(request);
  Connect();
  ASSERT_TRUE(agent_.CreateSandbox({.id = "p", .shared_memory = Bytes::MiB(3)}, Soon()));
  ASSERT_EQ(request.storages_size(), 1);
  EXPECT_EQ(request.storages(0).driver(), "ephemeral");
  EXPECT_EQ(request.storages(0).mount_point(), "/run/kata-containers/sandbox/shm");
  EXPECT_THAT(request.storages(0).options(), testing::Contains("size=3145728"));
}

// ---- output with offsets

TEST_F(KataCalls, ReadOutputFrom_AgentWithoutOffsets_HostCountsOffsets) {
  int asked = 0;
  fake_.own("ReadOutput") = [&](const ttrpc::Call&, ttrpc::Responder responder) {
    ++asked;
    responder.Respond(Fail(Code::kUnimplemented, "no such service"));
  };
  fake_["ReadStdout"] = FakeAgent::Always(DataOf(4));
  fake_["ReadStderr"] = FakeAgent::Always(DataOf(1));
  Connect();
  const auto read = [&](OutputStream stream, const OutputRange& range) {
    Answer<OutputPiece> piece;
    agent_.ReadOutputFrom({"c", "e"}, stream, range, piece.callback());
    return piece.Await();
  };
  for (uint64_t offset = 0; offset < 12; offset += 4) {
    const auto piece = read(OutputStream::kStdout, {.offset = offset, .acknowledged = offset, .size = 10});
    ASSERT_TRUE(piece) << piece.error().ToString();
    EXPECT_EQ(piece->offset, offset);
    EXPECT_EQ(piece->data, "xxxx");
  }
  EXPECT_EQ(read(OutputStream::kStderr, {.size = 10}).value_or(OutputPiece{9, ""}).offset, 0u)
      << "each stream has its own";
  EXPECT_EQ(asked, 1) << "it will not learn it";
}

TEST_F(KataCalls, ReadOutputFrom_WrongOffset_Fails) {
  wire::ReadOutputResponse response;
  response.set_offset(6);
  response.set_data("abc");
  fake_.own("ReadOutput") = FakeAgent::Always(response.SerializeAsString());
  Connect();
  for (const uint64_t wanted : {5, 6, 7}) {
    Answer<OutputPiece> piece;
    agent_.ReadOutputFrom({"c", "e"}, OutputStream::kStdout, {.offset = wanted, .size = 10},
                          piece.callback());
    EXPECT_EQ(piece.Await().has_value(), wanted == 6) << wanted;
  }
}

}  // namespace
}  // namespace virtcontainers
