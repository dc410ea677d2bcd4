#include "ttrpc/server_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <vector>

#include "base/errors.h"
#include "ttrpc.pb.h"
#include "ttrpc/test_peer.h"
#include "ttrpc/wire_error.h"

namespace virtcontainers::ttrpc {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::string_literals;

struct Answer {
  uint32_t stream_id;
  ::ttrpc::Response response;
  int code() const { return response.status().code(); }
};

class ServerConnectionTest : public ::testing::Test {
 protected:
  ServerConnection Connect(ServerLimits limits = {}) {
    return ServerConnection([this](ServerCall call) { calls_.push_back(std::move(call)); }, limits);
  }

  std::vector<Answer> TakeAnswers(ServerConnection& connection) {
    std::vector<Answer> answers;
    FrameDecoder decoder;
    decoder.Receive(connection.Output(), [&](const Frame& frame) {
      EXPECT_EQ(frame.header.type, FrameType::kResponse);
      EXPECT_EQ(frame.header.flags, 0);
      Answer answer{frame.header.stream_id, {}};
      EXPECT_TRUE(answer.response.ParseFromString(std::string(frame.data)));
      answers.push_back(std::move(answer));
    });
    EXPECT_EQ(decoder.held(), 0u);
    connection.Consume(connection.Output().size());
    return answers;
  }

  std::vector<ServerCall> calls_;
};

TEST_F(ServerConnectionTest, Receive_Request_ReachesHandler) {
  ServerConnection connection = Connect();
  connection.Receive(RequestFrame(1, "Method", "payload", 1500));
  ASSERT_THAT(calls_, SizeIs(1));
  EXPECT_EQ(calls_[0].stream_id, 1u);
  EXPECT_EQ(calls_[0].service, "test.Service");
  EXPECT_EQ(calls_[0].method, "Method");
  EXPECT_EQ(calls_[0].payload, "payload");
  EXPECT_EQ(calls_[0].timeout, std::chrono::nanoseconds(1500));
  EXPECT_EQ(connection.open_calls(), 1u);
  EXPECT_THAT(connection.Output(), IsEmpty());
}

TEST_F(ServerConnectionTest, Respond_Answer_HasTtrpcsBytes) {
  ServerConnection connection = Connect();
  connection.Receive(RequestFrame(1, "A"));
  connection.Receive(RequestFrame(3, "B"));
  connection.Respond(1, "hi"s);
  connection.Respond(3, Fail(Code::kNotFound, "gone"));
  // Response{payload = 2: "hi"}, and Response{status = 1: Status{code = 1: 5, message = 2: "gone"}}.
  EXPECT_EQ(connection.Output(), "\0\0\0\x04\0\0\0\x01\x02\0\x12\x02hi"s +
                                     "\0\0\0\x0a\0\0\0\x03\x02\0\x0a\x08\x08\x05\x12\x04gone"s);
}

TEST_F(ServerConnectionTest, Respond_InAnyOrder_Works) {
  ServerConnection connection = Connect();
  std::string bytes;
  for (uint32_t id = 1; id <= 99; id += 2) bytes += RequestFrame(id, "M", std::to_string(id));
  std::mt19937 random(2);
  for (size_t at = 0; at < bytes.size();) {
    const size_t count = 1 + random() % 50;
    connection.Receive(std::string_view(bytes).substr(at, count));
    at += count;
  }
  ASSERT_THAT(calls_, SizeIs(50));
  std::shuffle(calls_.begin(), calls_.end(), random);
  for (const ServerCall& call : calls_) connection.Respond(call.stream_id, call.payload);
  const std::vector<Answer> answers = TakeAnswers(connection);
  ASSERT_THAT(answers, SizeIs(50));
  for (size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(answers[i].stream_id, calls_[i].stream_id);
    EXPECT_EQ(answers[i].response.payload(), std::to_string(calls_[i].stream_id));
  }
  EXPECT_EQ(connection.open_calls(), 0u);
}

TEST_F(ServerConnectionTest, Respond_FromHandler_Works) {
  ServerConnection* self = nullptr;
  ServerConnection connection([&](ServerCall call) { self->Respond(call.stream_id, call.method); });
  self = &connection;
  connection.Receive(RequestFrame(1, "Echo") + RequestFrame(3, "Echo"));
  EXPECT_THAT(TakeAnswers(connection), SizeIs(2));
}

TEST_F(ServerConnectionTest, Respond_NoCallOrTwice_IsIgnored) {
  ServerConnection connection = Connect();
  connection.Respond(1, "early"s);
  connection.Receive(RequestFrame(1, "M"));
  connection.Respond(1, "once"s);
  connection.Respond(1, "twice"s);
  EXPECT_THAT(TakeAnswers(connection), SizeIs(1));
}

TEST_F(ServerConnectionTest, Receive_EvenStreamId_IsRefused) {
  ServerConnection connection = Connect();
  connection.Receive(RequestFrame(2, "M") + RequestFrame(0, "M") + RequestFrame(5, "M") +
                     RequestFrame(3, "M"));
  ASSERT_THAT(calls_, SizeIs(1));
  const std::vector<Answer> answers = TakeAnswers(connection);
  ASSERT_THAT(answers, SizeIs(3));
  for (const Answer& answer : answers) EXPECT_EQ(answer.code(), static_cast<int>(Code::kInvalidArgument));
}

TEST_F(ServerConnectionTest, Receive_StreamIdTwice_IsAnsweredOnce) {
  ServerConnection connection = Connect();
  connection.Receive(RequestFrame(1, "M") + RequestFrame(1, "M"));
  connection.Respond(1, "late"s);
  const std::vector<Answer> answers = TakeAnswers(connection);
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0].code(), static_cast<int>(Code::kInvalidArgument));
  EXPECT_EQ(connection.open_calls(), 0u);
}

TEST_F(ServerConnectionTest, Receive_MalformedRequest_IsRefused) {
  ServerConnection connection = Connect();
  std::string bytes;
  AppendFrame(bytes, 1, FrameType::kRequest, 0, "\x0a\xff\xff");
  connection.Receive(bytes);
  connection.Receive(RequestFrame(3, "M"));
  EXPECT_THAT(calls_, SizeIs(1));
  const std::vector<Answer> answers = TakeAnswers(connection);
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0].code(), static_cast<int>(Code::kInvalidArgument));
  EXPECT_EQ(answers[0].response.status().message(), "request is malformed");
}

TEST_F(ServerConnectionTest, Receive_OversizedRequest_IsRefusedAndOthersWork) {
  ServerConnection connection = Connect();
  std::string bytes;
  AppendFrameHeader(bytes, {kMaxFrameData + 1, 1, FrameType::kRequest, 0});
  bytes.append(kMaxFrameData + 1, 'x');
  connection.Receive(bytes + RequestFrame(3, "M"));
  EXPECT_THAT(calls_, SizeIs(1));
  const std::vector<Answer> answers = TakeAnswers(connection);
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0].stream_id, 1u);
  EXPECT_EQ(answers[0].code(), static_cast<int>(Code::kResourceExhausted));
}

TEST_F(ServerConnectionTest, Receive_StreamingCall_IsRefused) {
  ServerConnection connection = Connect();
  std::string data;
  AppendFrame(data, 1, FrameType::kData, kFlagRemoteClosed, "x");
  connection.Receive(RequestFrame(1, "M", "", 0, kFlagRemoteOpen) + data +
                     RequestFrame(3, "M", "", 0, kFlagRemoteClosed));
  EXPECT_THAT(calls_, SizeIs(1));
  const std::vector<Answer> answers = TakeAnswers(connection);
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0].code(), static_cast<int>(Code::kUnimplemented));
}

TEST_F(ServerConnectionTest, Receive_OtherFrameTypes_AreIgnored) {
  ServerConnection connection = Connect();
  std::string bytes;
  for (int type = 0; type < 256; ++type) {
    if (type != 1) AppendFrame(bytes, 1, static_cast<FrameType>(type), 0, "x");
  }
  connection.Receive(bytes);
  EXPECT_THAT(calls_, IsEmpty());
  EXPECT_THAT(connection.Output(), IsEmpty());
}

TEST_F(ServerConnectionTest, Receive_NegativeTimeout_IsNone) {
  ServerConnection connection = Connect();
  connection.Receive(RequestFrame(1, "M", "", -5));
  ASSERT_THAT(calls_, SizeIs(1));
  EXPECT_EQ(calls_[0].timeout.count(), 0);
}

TEST_F(ServerConnectionTest, Receive_TooManyOpenCalls_IsRefused) {
  ServerConnection connection = Connect({.open_calls = 2});
  connection.Receive(RequestFrame(1, "M") + RequestFrame(3, "M") + RequestFrame(5, "M"));
  EXPECT_THAT(calls_, SizeIs(2));
  const std::vector<Answer> answers = TakeAnswers(connection);
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0].stream_id, 5u);
  EXPECT_EQ(answers[0].code(), static_cast<int>(Code::kResourceExhausted));
  connection.Respond(1, ""s);
  connection.Receive(RequestFrame(7, "M"));
  EXPECT_THAT(calls_, SizeIs(3));
}

TEST_F(ServerConnectionTest, Receive_TooManyOpenBytes_IsRefused) {
  ServerConnection connection = Connect({.open_bytes = 1000});
  connection.Receive(RequestFrame(1, "M", std::string(900, 'x')) +
                     RequestFrame(3, "M", std::string(900, 'x')));
  EXPECT_THAT(calls_, SizeIs(1));
  connection.Respond(1, ""s);
  connection.Receive(RequestFrame(5, "M", std::string(900, 'x')));
  EXPECT_THAT(calls_, SizeIs(2));
}

TEST_F(ServerConnectionTest, ReleasedPayloads_DoNotCount) {
  ServerConnection connection = Connect({.open_bytes = 1000});
  connection.Receive(RequestFrame(1, "M", std::string(900, 'x')));
  connection.ReleasePayload(1);
  connection.ReleasePayload(3);
  connection.Receive(RequestFrame(3, "M", std::string(900, 'x')));
  EXPECT_THAT(calls_, SizeIs(2));
  connection.Respond(1, ""s);
  connection.Receive(RequestFrame(5, "M", std::string(900, 'x')));
  EXPECT_THAT(calls_, SizeIs(2)) << "the second one is held still";
}

TEST_F(ServerConnectionTest, Respond_OutputIsNotRead_FailsConnection) {
  ServerConnection connection = Connect({.output_bytes = 10'000});
  for (uint32_t id = 1; id < 100; id += 2) {
    connection.Receive(RequestFrame(id, "M"));
    connection.Respond(id, std::string(1000, 'x'));
  }
  ASSERT_TRUE(connection.failure());
  EXPECT_EQ(connection.failure()->code(), Code::kResourceExhausted);
  EXPECT_LE(connection.Output().size(), 10'000u);
  const size_t calls = calls_.size();
  connection.Receive(RequestFrame(1001, "M"));
  EXPECT_THAT(calls_, SizeIs(calls));
}

TEST_F(ServerConnectionTest, Respond_AnswerTooLarge_BecomesError) {
  ServerConnection connection = Connect();
  connection.Receive(RequestFrame(1, "M") + RequestFrame(3, "M"));
  connection.Respond(1, std::string(kMaxFrameData, 'x'));
  connection.Respond(3, std::string(kMaxFrameData - 16, 'x'));
  const std::vector<Answer> answers = TakeAnswers(connection);
  ASSERT_THAT(answers, SizeIs(2));
  EXPECT_EQ(answers[0].code(), static_cast<int>(Code::kResourceExhausted));
  EXPECT_EQ(answers[1].code(), 0);
  EXPECT_EQ(answers[1].response.payload().size(), kMaxFrameData - 16);
}

TEST_F(ServerConnectionTest, Respond_Error_HasContextAsUtf8) {
  ServerConnection connection = Connect();
  connection.Receive(RequestFrame(1, "M"));
  connection.Respond(1, Fail(Error(Code::kNotFound, "no file 'a\xff'").AddContext("start container 'web'")));
  const std::vector<Answer> answers = TakeAnswers(connection);
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0].response.status().message(), "start container 'web': no file 'a?'");
}

TEST_F(ServerConnectionTest, Output_InPieces_IsTheSame) {
  ServerConnection connection = Connect();
  std::string expected;
  std::string got;
  std::mt19937 random(3);
  for (uint32_t id = 1; id < 4000; id += 2) {
    connection.Receive(RequestFrame(id, "M"));
    connection.Respond(id, std::string(random() % 500, 'y'));
    const std::string before(connection.Output());
    const size_t count = std::min<size_t>(before.size(), random() % 500);
    got += before.substr(0, count);
    connection.Consume(count);
    EXPECT_EQ(connection.Output(), std::string_view(before).substr(count));
  }
  got += connection.TakeOutput();
  EXPECT_THAT(connection.Output(), IsEmpty());
  size_t frames = 0;
  FrameDecoder().Receive(got, [&](const Frame&) { ++frames; });
  EXPECT_EQ(frames, 2000u);
}

TEST(WireError, SetStatus_Error_KeepsCodeAndText) {
  ::ttrpc::Status status;
  SetStatus(status, Error(Code::kFailedPrecondition, "pod 'é' is running"));
  const Error error = ErrorFromStatus(status);
  EXPECT_EQ(error.code(), Code::kFailedPrecondition);
  EXPECT_EQ(error.message(), "pod 'é' is running");
}

TEST(WireError, ErrorFromStatus_UnknownCode_IsUnknown) {
  ::ttrpc::Status status;
  status.set_code(-3);
  status.set_message(std::string(1 << 20, 'x'));
  const Error error = ErrorFromStatus(status);
  EXPECT_EQ(error.code(), Code::kUnknown);
  EXPECT_EQ(error.message().size(), kMaxErrorText);
}

TEST(WireError, WireText_InvalidUtf8_IsReplaced) {
  EXPECT_EQ(WireText("a\xC0\x80z"), "a??z");        // overlong
  EXPECT_EQ(WireText("\xED\xA0\x80"), "???");       // a surrogate
  EXPECT_EQ(WireText("\xF4\x90\x80\x80"), "????");  // above U+10FFFF
  EXPECT_EQ(WireText("\xE2\x82"), "??");            // cut off
  EXPECT_EQ(WireText("€ \U0001F600"), "€ \U0001F600");
}

}  // namespace
}  // namespace virtcontainers::ttrpc
