#include "guest/agent/testing/agent_fixture.h"

#include <filesystem>

#include "guest/agent/testing/spec.h"

namespace virtcontainers::guest {

void AgentTest::SetUp() {
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

void AgentTest::TearDown() {
  if (!client_) return;
  EXPECT_TRUE(client_->Call("DestroySandbox", grpc::DestroySandboxRequest()));
  EXPECT_EQ(agent_->WaitForEnd(), 0);
  EXPECT_FALSE(agent_->HasCgroup());
  EXPECT_FALSE(std::filesystem::exists(agent_->state()));
}

grpc::CreateContainerRequest AgentTest::Request(const std::string& id,
                                                const std::vector<std::string>& arguments) {
  return DefaultContainer(id, rootfs_, arguments);
}

Result<types::Empty> AgentTest::Start(const std::string& id) {
  grpc::StartContainerRequest request;
  request.set_container_id(id);
  return client_->Call("StartContainer", request);
}

Result<types::Empty> AgentTest::Remove(const std::string& id) {
  grpc::RemoveContainerRequest request;
  request.set_container_id(id);
  request.set_timeout(20);
  return client_->Call("RemoveContainer", request);
}

Result<types::Empty> AgentTest::Signal(const std::string& id, const std::string& exec_id, int number) {
  grpc::SignalProcessRequest request;
  request.set_container_id(id);
  request.set_exec_id(exec_id);
  request.set_signal(static_cast<uint32_t>(number));
  return client_->Call("SignalProcess", request);
}

void AgentTest::Run(const grpc::CreateContainerRequest& request) {
  const auto created = client_->Call("CreateContainer", request);
  ASSERT_TRUE(created) << created.error().ToString();
  const auto started = Start(request.container_id());
  ASSERT_TRUE(started) << started.error().ToString();
}

void AgentTest::Run(const wire::ExtendedCreateRequest& request) {
  const auto created = client_->CallGuest("CreateContainer", request);
  ASSERT_TRUE(created) << created.error().ToString();
  const auto started = Start(request.request().container_id());
  ASSERT_TRUE(started) << started.error().ToString();
}

wire::ExtendedCreateRequest AgentTest::Extended(const grpc::CreateContainerRequest& request) {
  wire::ExtendedCreateRequest extended;
  *extended.mutable_request() = request;
  return extended;
}

std::string AgentTest::OutputOf(const grpc::CreateContainerRequest& request) {
  return OutputOf(Extended(request));
}

std::string AgentTest::OutputOf(const wire::ExtendedCreateRequest& request) {
  const std::string& id = request.request().container_id();
  // The plain call where it says as much.
  const bool plain = Extended(request.request()).ByteSizeLong() == request.ByteSizeLong();
  const auto created = plain ? client_->Call("CreateContainer", request.request())
                             : client_->CallGuest("CreateContainer", request);
  if (!created) return "[" + created.error().ToString() + "]";
  const auto started = Start(id);
  std::string output = started ? client_->ReadToEnd(id, id) : "[" + started.error().ToString() + "]";
  output += client_->ReadToEnd(id, id, "ReadStderr");
  client_->Wait(id, id);
  EXPECT_TRUE(Remove(id));
  return output;
}

}  // namespace virtcontainers::guest
