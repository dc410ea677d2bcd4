#include "ttrpc/client.h"

#include <atomic>
#include <chrono>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "agent.pb.h"
#include "base/test_deadline.h"
#include "health.pb.h"
#include "ttrpc/test_peer.h"
#include "ttrpc/typed.h"

namespace virtcontainers::ttrpc {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;
using namespace std::string_literals;

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() {
    auto [ours, theirs] = MakeStreamPair();
    stream_ = std::move(ours);
    peer_ = std::make_unique<TestPeer>(std::move(theirs));
  }

  void Connect(Client::Options options = {}) {
    client_ = std::make_unique<Client>(std::move(stream_), std::move(options));
  }

  std::future<Result<std::string>> Call(std::string method, Deadline deadline = Soon()) {
    return std::async(std::launch::async, [this, method, deadline] {
      return client_->Call("test.Service", method, "", deadline);
    });
  }

  std::future<Result<std::string>> CallAsync(std::string method, std::chrono::nanoseconds timeout = 0ns) {
    auto promise = std::make_shared<std::promise<Result<std::string>>>();
    client_->CallAsync("test.Service", method, "", timeout,
                       [promise](Result<std::string> answer) { promise->set_value(std::move(answer)); });
    return promise->get_future();
  }

  std::unique_ptr<Stream> stream_;
  std::unique_ptr<TestPeer> peer_;
  std::unique_ptr<Client> client_;
};

TEST_F(ClientTest, Call_Answered_ReturnsPayload) {
  Connect();
  auto call = Call("Method");
  const auto request = peer_->Next();
  EXPECT_EQ(request.stream_id, 1u);
  EXPECT_EQ(request.request.service(), "test.Service");
  EXPECT_EQ(request.request.method(), "Method");
  EXPECT_GT(request.request.timeout_nano(), 0);
  EXPECT_LE(request.request.timeout_nano(), std::chrono::nanoseconds(30s).count());
  peer_->Send(ResponseFrame(1, "answer"));
  EXPECT_EQ(call.get(), "answer"s);
}

TEST_F(ClientTest, Call_InfiniteDeadline_SendsNoTimeout) {
  Connect();
  auto call = Call("WaitProcess", Deadline::Infinite());
  EXPECT_EQ(peer_->Next().request.timeout_nano(), 0);
  peer_->Send(ResponseFrame(1, ""));
  EXPECT_TRUE(call.get());
}

TEST_F(ClientTest, Calls_AnsweredInAnyOrder_ReturnTheirOwn) {
  Connect();
  auto first = CallAsync("A");
  auto second = CallAsync("B");
  EXPECT_EQ(peer_->Next().request.method(), "A");
  EXPECT_EQ(peer_->Next().request.method(), "B");
  peer_->Send(ResponseFrame(3, "b"));
  EXPECT_EQ(second.get(), "b"s);
  peer_->Send(ResponseFrame(1, "a"));
  EXPECT_EQ(first.get(), "a"s);
}

TEST_F(ClientTest, Call_PeerFails_ReturnsItsError) {
  Connect();
  auto call = CallAsync("A");
  peer_->Send(ErrorFrame(peer_->Next().stream_id, 5, "no container 'web'"));
  const auto answer = call.get();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Code::kNotFound);
  EXPECT_EQ(answer.error().ToString(), "no container 'web'");
}

TEST_F(ClientTest, Call_DeadlinePasses_FailsAndDropsLateAnswer) {
  Connect();
  const auto answer = client_->Call("test.Service", "Slow", "", Deadline::After(5ms));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Code::kDeadlineExceeded);
  EXPECT_THAT(answer.error().message(), HasSubstr("'test.Service/Slow'"));
  auto next = CallAsync("Next");
  peer_->Send(ResponseFrame(1, "late") + ResponseFrame(3, "in time"));
  EXPECT_EQ(next.get(), "in time"s);
  EXPECT_EQ(client_->ignored_frames(), 1u);
}

TEST_F(ClientTest, Call_DeadlineHasPassed_SendsNothing) {
  Connect();
  const auto answer = client_->Call("test.Service", "M", "", Deadline::After(-1ms));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Code::kDeadlineExceeded);
  auto next = CallAsync("Next");
  EXPECT_EQ(peer_->Next().request.method(), "Next");
  peer_->Send(ResponseFrame(1, ""));
  EXPECT_TRUE(next.get());
}

TEST_F(ClientTest, CallAsync_TimeoutPasses_IsAnswered) {
  Connect();
  auto slow = CallAsync("Slow", 5ms);
  auto patient = CallAsync("Patient");
  auto quick = CallAsync("Quick", 30s);
  const auto answer = slow.get();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Code::kDeadlineExceeded);
  peer_->Send(ResponseFrame(1, "late") + ResponseFrame(3, "p") + ResponseFrame(5, "q"));
  EXPECT_EQ(patient.get(), "p"s);
  EXPECT_EQ(quick.get(), "q"s);
}

TEST_F(ClientTest, Call_PeerReadsNothing_FailsAtDeadline) {
  Connect();
  const std::string big(1 << 20, 'x');
  for (int i = 0; i < 4; ++i) {
    const auto answer = client_->Call("test.Service", "M", big, Deadline::After(5ms));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code(), Code::kDeadlineExceeded);
  }
}

TEST_F(ClientTest, Call_TooMuchUnsent_IsRefused) {
  Connect({.unsent_bytes = 3 << 20});
  const std::string big(1 << 20, 'x');
  std::atomic<int> refused = 0;
  for (int i = 0; i < 10; ++i) {
    client_->CallAsync("test.Service", "M", big, 0ns, [&](Result<std::string> answer) {
      refused += answer.error().code() == Code::kResourceExhausted;
    });
  }
  EXPECT_GE(refused, 5);
  client_.reset();
}

TEST_F(ClientTest, Calls_PeerCloses_AreUnavailable) {
  std::promise<std::string> closed;
  Connect({.on_close = [&](const Error& reason) { closed.set_value(reason.message()); }});
  auto waiting = Call("A", Deadline::Infinite());
  auto asynchronous = CallAsync("B");
  peer_->Next();
  peer_->Next();
  peer_->Close();
  for (const auto& answer : {waiting.get(), asynchronous.get()}) {
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code(), Code::kUnavailable);
    EXPECT_EQ(answer.error().message(), "the peer closed the connection");
  }
  EXPECT_EQ(closed.get_future().get(), "the peer closed the connection");
  EXPECT_TRUE(client_->closed());
  const auto after = client_->Call("test.Service", "C", "", Soon());
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().code(), Code::kUnavailable);
}

TEST_F(ClientTest, Receive_OtherProtocol_ClosesConnection) {
  Connect();
  auto call = CallAsync("A");
  peer_->Send("SSH-2.0-OpenSSH_9.2\r\n");
  const auto answer = call.get();
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message(), HasSubstr("does not speak ttrpc"));
  while (peer_->Next().stream_id != 0) {
  }
}

TEST_F(ClientTest, Close_OpenCalls_Fail) {
  Connect();
  auto call = Call("A", Deadline::Infinite());
  peer_->Next();
  EXPECT_FALSE(client_->closed());
  client_->Close();
  client_->Close();
  EXPECT_TRUE(client_->closed());
  const auto answer = call.get();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Code::kUnavailable);
}

TEST_F(ClientTest, Destructor_OpenCalls_AreAnswered) {
  int told = 0;
  Connect({.on_close = [&](const Error&) { told += 100; }});
  for (int i = 0; i < 10; ++i) {
    client_->CallAsync("S", "M", "", i % 2 == 0 ? 0ns : 30s,
                       [&](Result<std::string> answer) { told += !answer; });
  }
  client_.reset();
  EXPECT_EQ(told, 110);
}

TEST_F(ClientTest, Destructor_FromCallback_Works) {
  std::promise<void> closed;
  Connect({.on_close = [&](const Error&) { closed.set_value(); }});
  std::promise<void> told;
  client_->CallAsync("S", "A", "", 0ns, [&](Result<std::string>) { client_.reset(); });
  client_->CallAsync("S", "B", "", 30s, [&](Result<std::string>) { told.set_value(); });
  peer_->Send(ResponseFrame(peer_->Next().stream_id, ""));
  told.get_future().wait();
  closed.get_future().wait();
}

TEST_F(ClientTest, Destructor_FromTimeoutCallback_Works) {
  Connect();
  std::promise<void> destroyed;
  client_->CallAsync("S", "A", "", 1ms, [&](Result<std::string>) {
    client_.reset();
    destroyed.set_value();
  });
  destroyed.get_future().wait();
}

TEST_F(ClientTest, Call_FromCallback_Works) {
  Connect();
  std::promise<Result<std::string>> second;
  client_->CallAsync("S", "A", "", 0ns, [&](Result<std::string>) {
    client_->CallAsync("S", "B", "", 30s,
                       [&](Result<std::string> answer) { second.set_value(std::move(answer)); });
  });
  peer_->Send(ResponseFrame(peer_->Next().stream_id, ""));
  peer_->Send(ResponseFrame(peer_->Next().stream_id, "b"));
  EXPECT_EQ(second.get_future().get(), "b"s);
}

TEST_F(ClientTest, CallMessage_Typed_RoundTrips) {
  Connect();
  grpc::WaitProcessRequest request;
  request.set_container_id("web");
  auto call = std::async(std::launch::async, [&] {
    return CallMessage<grpc::WaitProcessResponse>(*client_, "grpc.AgentService", "WaitProcess", request,
                                                  Soon());
  });
  const auto received = peer_->Next();
  EXPECT_EQ(received.request.method(), "WaitProcess");
  EXPECT_EQ(ParseMessage<grpc::WaitProcessRequest>(received.request.payload())->container_id(), "web");
  grpc::WaitProcessResponse response;
  response.set_status(7);
  peer_->Send(ResponseFrame(received.stream_id, SerializeMessage(response)));
  const auto answer = call.get();
  ASSERT_TRUE(answer) << answer.error().ToString();
  EXPECT_EQ(answer->status(), 7);
}

TEST_F(ClientTest, CallMessage_MalformedAnswer_Fails) {
  Connect();
  std::promise<Result<grpc::HealthCheckResponse>> promise;
  CallMessageAsync<grpc::HealthCheckResponse>(
      *client_, "grpc.Health", "Check", grpc::CheckRequest(), 0ns,
      [&](Result<grpc::HealthCheckResponse> answer) { promise.set_value(std::move(answer)); });
  peer_->Send(ResponseFrame(peer_->Next().stream_id, "\xff\xff\xff"));
  const auto answer = promise.get_future().get();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Code::kInternal);
  EXPECT_EQ(answer.error().message(), "not a 'grpc.HealthCheckResponse' message");
}

}  // namespace
}  // namespace virtcontainers::ttrpc
