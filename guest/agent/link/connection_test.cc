#include "guest/agent/link/connection.h"

#include <gtest/gtest.h>

#include "health.pb.h"
#include "ttrpc.pb.h"
#include "ttrpc/frame.h"

namespace virtcontainers::guest {
namespace {

std::string RequestFrame(uint32_t stream_id) {
  ::ttrpc::Request request;
  request.set_service("grpc.Health");
  request.set_method("Check");
  std::string bytes;
  ttrpc::AppendFrame(bytes, stream_id, ttrpc::FrameType::kRequest, 0, request.SerializeAsString());
  return bytes;
}

class ConnectionTest : public testing::Test {
 protected:
  ConnectionTest()
      : connection_(std::make_shared<Connection>(
            [this](Call call, ttrpc::ServerCall) { calls_.push_back(std::move(call)); },
            [this] { ++ready_; })) {}

  grpc::HealthCheckResponse Message(int status) {
    grpc::HealthCheckResponse message;
    message.set_status(static_cast<grpc::HealthCheckResponse::ServingStatus>(status));
    return message;
  }

  std::vector<Call> calls_;
  int ready_ = 0;
  std::shared_ptr<Connection> connection_;
};

TEST_F(ConnectionTest, Answer_WasSent_IsNotUndone) {
  bool undone = false;
  connection_->Receive(RequestFrame(1));
  calls_[0].Answer(Message(1), [&] { undone = true; });
  EXPECT_EQ(ready_, 1);
  connection_->Sent(connection_->Output().size());
  connection_->Close();
  EXPECT_FALSE(undone);
  EXPECT_FALSE(calls_[0].live());
}

TEST_F(ConnectionTest, Answers_NotSentWhole_AreUndoneLastFirst) {
  std::string order;
  connection_->Receive(RequestFrame(1) + RequestFrame(3) + RequestFrame(5));
  calls_[0].Answer(Message(1), [&] { order += '1'; });
  const size_t first = connection_->Output().size();
  calls_[1].Answer(Message(1), [&] { order += '2'; });
  calls_[2].Answer(Message(1), [&] { order += '3'; });
  connection_->Sent(first + 3);
  connection_->Close();
  connection_->Close();
  EXPECT_EQ(order, "32");
}

TEST_F(ConnectionTest, Answer_SessionIsClosed_IsUndoneAtOnce) {
  bool undone = false;
  connection_->Receive(RequestFrame(1));
  connection_->Close();
  calls_[0].Answer(Message(1), [&] { undone = true; });
  EXPECT_TRUE(undone);
  EXPECT_TRUE(connection_->Output().empty());
}

TEST_F(ConnectionTest, WhenFlushed_QueueIsSentOrSessionCloses_IsCalled) {
  int flushed = 0;
  connection_->WhenFlushed([&] { ++flushed; });
  EXPECT_EQ(flushed, 1) << "nothing was queued";
  connection_->Receive(RequestFrame(1));
  calls_[0].Answer();
  connection_->WhenFlushed([&] { ++flushed; });
  connection_->Sent(1);
  EXPECT_EQ(flushed, 1);
  connection_->Close();
  EXPECT_EQ(flushed, 2);
}

}  // namespace
}  // namespace virtcontainers::guest
