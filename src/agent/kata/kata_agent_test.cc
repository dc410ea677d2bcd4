#include "agent/kata/kata_agent.h"

#include <chrono>
#include <csignal>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mutex>
#include <thread>
#include <utility>

#include "../../../test/contract/answer.h"
#include "agent/kata/test_kata_client.h"

namespace virtcontainers {
namespace {

using testing::HasSubstr;

TEST_F(KataClient, Connect_AgentDoesNotServe_Fails) {
  grpc::HealthCheckResponse response;
  response.set_status(grpc::HealthCheckResponse::NOT_SERVING);
  fake_["Check"] = FakeAgent::Always(response.SerializeAsString());
  EXPECT_EQ(agent_.Connect({}, Soon()).error().code(), Code::kUnavailable);
}

TEST_F(KataClient, Connect_NoAnswer_FailsAtDeadline) {
  std::vector<ttrpc::Responder> kept;
  fake_["Check"] = [&](const ttrpc::Call&, ttrpc::Responder responder) {
    kept.push_back(std::move(responder));
  };
  EXPECT_EQ(agent_.Connect({}, AMoment()).error().code(), Code::kDeadlineExceeded);
  agent_.Close();
  fake_.Stop();
}

TEST_F(KataClient, Calls_NoAnswer_FailAtDeadline) {
  std::vector<ttrpc::Responder> kept;
  fake_["StartContainer"] = [&](const ttrpc::Call&, ttrpc::Responder responder) {
    kept.push_back(std::move(responder));
  };
  Connect();
  EXPECT_EQ(agent_.StartContainer("c", AMoment()).error().code(), Code::kDeadlineExceeded);
  EXPECT_TRUE(agent_.Check(Soon())) << "the connection goes on";
  agent_.Close();
  fake_.Stop();
}

TEST_F(KataClient, GetDetails_HostileVersion_IsCutAndPrintable) {
  grpc::VersionCheckResponse response;
  response.set_agent_version("1\x1b[31m\n" + std::string(1000, 'v'));
  fake_["Version"] = FakeAgent::Always(response.SerializeAsString());
  Connect();
  const Result<AgentDetails> details = agent_.GetDetails(Soon());
  ASSERT_TRUE(details);
  EXPECT_THAT(details->version, testing::StartsWith("1?[31m?vvv"));
  EXPECT_EQ(details->version.size(), 64u);
}

TEST_F(KataClient, ReadOutput_MoreThanAsked_Fails) {
  fake_["ReadStdout"] = FakeAgent::Always(DataOf(11));
  Connect();
  EXPECT_EQ(Read(10).error().code(), Code::kInternal);
  EXPECT_EQ(Read(11).value_or(""), std::string(11, 'x'));
}

TEST_F(KataClient, ReadOutput_SizeZero_AsksForOneByte) {
  fake_["ReadStdout"] = [](const ttrpc::Call& call, ttrpc::Responder responder) {
    grpc::ReadStreamRequest request;
    EXPECT_TRUE(request.ParseFromString(call.payload));
    EXPECT_EQ(request.len(), 1u);
    responder.Respond(DataOf(1));
  };
  Connect();
  EXPECT_EQ(Read(0).value_or(""), "x");
}

TEST_F(KataClient, ReadOutput_EofOfOldAgents_IsEnd) {
  fake_["ReadStdout"] = FakeAgent::Always(Fail(Code::kInvalidArgument, "read meet eof"));
  Connect();
  EXPECT_EQ(Read().value_or("[error]"), "");
  fake_.Stop();
  EXPECT_EQ(Read().error().code(), Code::kUnavailable) << "a broken link is no end";
}

TEST_F(KataClient, Calls_GarbageAnswer_Fail) {
  const std::string garbage = "\xff\xff\xff\xff\xff\xff";
  for (const char* method : {"Version", "ReadStdout", "WaitProcess", "WriteStdin"}) {
    fake_[method] = FakeAgent::Always(garbage);
  }
  Connect();
  EXPECT_EQ(agent_.GetDetails(Soon()).error().code(), Code::kInternal);
  EXPECT_EQ(Read().error().code(), Code::kInternal);
  EXPECT_EQ(Wait().error().code(), Code::kInternal);
  EXPECT_EQ(Write("x").error().code(), Code::kInternal);
  EXPECT_TRUE(agent_.Check(Soon())) << "the connection goes on";
}

TEST_F(KataClient, WaitProcess_ImpossibleStatus_Fails) {
  int32_t code = 0;
  fake_["WaitProcess"] = [&](const ttrpc::Call&, ttrpc::Responder responder) {
    grpc::WaitProcessResponse response;
    response.set_status(code);
    responder.Respond(response.SerializeAsString());
  };
  Connect();
  for (code = 0; code <= 255; code += 51) EXPECT_EQ(Wait().value_or(ExitStatus{-1}).code, code);
  for (const int32_t bad : {-1, 256, INT32_MIN, INT32_MAX}) {
    code = bad;
    EXPECT_EQ(Wait().error().code(), Code::kInternal);
  }
}

TEST_F(KataClient, Calls_LinkBreaks_AreUnavailable) {
  std::vector<ttrpc::Responder> kept;
  const auto keep = [&](const ttrpc::Call&, ttrpc::Responder responder) {
    kept.push_back(std::move(responder));
  };
  for (const char* method : {"WaitProcess", "ReadStdout", "WriteStdin"}) fake_[method] = keep;
  std::promise<void> called;
  fake_["StartContainer"] = [&](const ttrpc::Call&, ttrpc::Responder responder) {
    kept.push_back(std::move(responder));
    called.set_value();
  };
  Connect();
  Answer<ExitStatus> exit;
  Answer<std::string> output;
  Answer<InputTaken> input;
  agent_.WaitProcess({"c", ""}, exit.callback());
  agent_.ReadOutput({"c", ""}, OutputStream::kStdout, 10, output.callback());
  agent_.WriteStdin({"c", ""}, {}, "x", Deadline::Infinite(), input.callback());
  // The agent's machine is gone.
  std::thread gone([&] {
    called.get_future().wait();
    fake_.Stop();
  });
  EXPECT_EQ(agent_.StartContainer("c", Soon()).error().code(), Code::kUnavailable);
  EXPECT_EQ(exit.Await().error().code(), Code::kUnavailable);
  EXPECT_EQ(output.Await().error().code(), Code::kUnavailable);
  EXPECT_EQ(input.Await().error().code(), Code::kUnavailable);
  EXPECT_EQ(agent_.Check(Soon()).error().code(), Code::kUnavailable);
  agent_.Close();
  EXPECT_EQ(exit.calls() + output.calls() + input.calls(), 3);
  gone.join();
}

TEST_F(KataClient, Calls_AgentsError_KeepsCodeAndText) {
  fake_["CreateContainer"] = FakeAgent::Always(Fail(Code::kNotFound, "no such command"));
  fake_["StartContainer"] = FakeAgent::Always(Fail(Code::kInternal, std::string(1 << 20, 'e')));
  Connect();
  const Status created = agent_.CreateContainer({}, Soon());
  EXPECT_EQ(created.error().code(), Code::kNotFound);
  EXPECT_EQ(created.error().message(), "no such command");
  EXPECT_LE(agent_.StartContainer("c", Soon()).error().message().size(), 64u << 10);
}

TEST_F(KataClient, SignalProcess_KillOfAll_SendsEmptyExecId) {
  grpc::SignalProcessRequest request;
  fake_["SignalProcess"] = [&](const ttrpc::Call& call, ttrpc::Responder responder) {
    EXPECT_TRUE(request.ParseFromString(call.payload));
    responder.Respond(std::string());
  };
  Connect();
  ASSERT_TRUE(agent_.SignalProcess({"c", ""}, SIGKILL, true, Soon()));
  EXPECT_EQ(request.exec_id(), "");
  ASSERT_TRUE(agent_.SignalProcess({"c", ""}, SIGKILL, false, Soon()));
  EXPECT_EQ(request.exec_id(), "c");
  ASSERT_TRUE(agent_.SignalProcess({"c", "e"}, SIGTERM, false, Soon()));
  EXPECT_EQ(request.exec_id(), "e");
  EXPECT_EQ(request.signal(), static_cast<uint32_t>(SIGTERM));
  EXPECT_EQ(agent_.SignalProcess({"c", ""}, SIGTERM, true, Soon()).error().code(), Code::kUnimplemented);
}

TEST_F(KataClient, Calls_ProtocolHasNoField_AreUnimplemented) {
  Connect();
  GuestContainer container;
  container.config.process.user.umask = 027;
  EXPECT_THAT(agent_.CreateContainer(container, Soon()).error().ToString(), HasSubstr("umask"));
  EXPECT_EQ(agent_.ExecProcess({"c", "e"}, container.config.process, Soon()).error().code(),
            Code::kUnimplemented);
}

TEST_F(KataClient, CreateSandbox_Request_HasFields) {
  grpc::CreateSandboxRequest request;
  fake_["CreateSandbox"] = [&](const ttrpc::Call& call, ttrpc::Responder responder) {
    EXPECT_TRUE(request.ParseFromString(call.payload));
    responder.Respond(std::string());
  };
  Connect();
  ASSERT_TRUE(agent_.CreateSandbox({.id = "p", .hostname = "h", .share_tag = "tag"}, Soon()));
  EXPECT_EQ(request.sandbox_id(), "p");
  EXPECT_EQ(request.hostname(), "h");
  ASSERT_EQ(request.storages_size(), 2);
  EXPECT_EQ(request.storages(0).source(), "tag");
  EXPECT_EQ(request.storages(0).mount_point(), "/run/kata-containers/shared/containers/");
  EXPECT_EQ(request.storages(1).fstype(), "tmpfs");
  ASSERT_TRUE(agent_.CreateSandbox({.id = "p"}, Soon()));
  EXPECT_EQ(request.storages_size(), 1) << "nothing is shared";
}

TEST_F(KataClient, CreateSandbox_WithShare_SendsDescriptorLimit) {
  wire::LimitShareRequest request;
  fake_["CreateSandbox"] = FakeAgent::Always(std::string());
  fake_.own("LimitShare") = FakeAgent::Keep(request);
  Connect();
  EXPECT_TRUE(agent_.CreateSandbox({.id = "p", .share_tag = "tag", .share_descriptors = 20000}, Soon()));
  EXPECT_EQ(request.descriptors(), 20000u);
}

TEST_F(KataClient, CreateSandbox_AgentWithoutLimitShare_Succeeds) {
  fake_["CreateSandbox"] = FakeAgent::Always(std::string());
  Connect();
  EXPECT_TRUE(agent_.CreateSandbox({.id = "p", .share_tag = "tag", .share_descriptors = 20000}, Soon()));
}

TEST_F(KataClient, SetTime_Request_HasMicroseconds) {
  grpc::SetGuestDateTimeRequest request;
  fake_["SetGuestDateTime"] = [&](const ttrpc::Call& call, ttrpc::Responder responder) {
    EXPECT_TRUE(request.ParseFromString(call.payload));
    responder.Respond(std::string());
  };
  Connect();
  ASSERT_TRUE(agent_.SetGuestTime(Time(std::chrono::microseconds(1'700'000'000'123'456)), Soon()));
  EXPECT_EQ(request.sec(), 1'700'000'000);
  EXPECT_EQ(request.usec(), 123'456);
}

TEST_F(KataClient, Close_DuringConnect_EndsConnect) {
  std::mutex mutex;
  std::condition_variable changed;
  bool asked = false;
  KataAgent agent([&](const AgentAddress&, const std::function<bool()>& cancelled,
                      Deadline) -> Result<std::unique_ptr<Stream>> {
    {
      const std::lock_guard lock(mutex);
      asked = true;
      changed.notify_all();
    }
    while (!cancelled()) std::this_thread::yield();
    return Fail(Code::kCancelled, "given up");
  });
  Status connected;
  std::thread connecting([&] { connected = agent.Connect({}, Soon()); });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return asked; });
  }
  agent.Close();
  connecting.join();
  EXPECT_EQ(connected.error().code(), Code::kCancelled);
}

}  // namespace
}  // namespace virtcontainers
