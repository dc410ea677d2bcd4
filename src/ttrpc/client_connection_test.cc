#include "ttrpc/client_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <vector>

#include "ttrpc/test_peer.h"

namespace virtcontainers::ttrpc {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::string_literals;

class ClientConnectionTest : public ::testing::Test {
 protected:
  uint32_t Start(std::string_view method = "M") {
    auto request = connection_.Start("test.Service", method, "", {}, [](Result<std::string>) {});
    EXPECT_TRUE(request);
    return request->stream_id;
  }

  std::vector<ClientConnection::Completion> Receive(std::string_view bytes) {
    std::vector<ClientConnection::Completion> completions;
    connection_.Receive(bytes, completions);
    return completions;
  }

  ClientConnection connection_;
};

TEST_F(ClientConnectionTest, Start_Request_HasTtrpcsBytes) {
  const auto request = connection_.Start("S", "Me", "pay", std::chrono::nanoseconds(5), [](auto) {});
  ASSERT_TRUE(request);
  // Request{service = 1, method = 2, payload = 3, timeout_nano = 4}
  EXPECT_EQ(request->frame, "\0\0\0\x0e\0\0\0\x01\x01\0\x0a\x01S\x12\x02Me\x1a\x03pay\x20\x05"s);
}

TEST_F(ClientConnectionTest, Start_SeveralCalls_HaveOddIds) {
  EXPECT_EQ(Start(), 1u);
  EXPECT_EQ(Start(), 3u);
  EXPECT_EQ(Start(), 5u);
}

TEST_F(ClientConnectionTest, Receive_Response_CompletesItsCall) {
  std::map<int, std::string> answers;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(
        connection_.Start("S", "M", "", {}, [&answers, i](Result<std::string> a) { answers[i] = *a; }));
  }
  for (auto& completion : Receive(ResponseFrame(5, "c") + ResponseFrame(1, "a"))) completion.Run();
  EXPECT_EQ(answers, (std::map<int, std::string>{{0, "a"}, {2, "c"}}));
  EXPECT_EQ(connection_.open_calls(), 1u);
}

TEST_F(ClientConnectionTest, Receive_Error_KeepsCodeAndText) {
  Start();
  auto completions = Receive(ErrorFrame(1, 9, "pod 'web' is running: stop it first"));
  ASSERT_THAT(completions, SizeIs(1));
  ASSERT_FALSE(completions[0].answer);
  EXPECT_EQ(completions[0].answer.error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(completions[0].answer.error().message(), "pod 'web' is running: stop it first");
}

TEST_F(ClientConnectionTest, Receive_ResponseToNoCall_IsCounted) {
  const uint32_t id = Start();
  EXPECT_NE(connection_.Forget(id), nullptr);
  EXPECT_EQ(connection_.Forget(id), nullptr);
  EXPECT_THAT(Receive(ResponseFrame(id, "late") + ResponseFrame(2, "even") + ResponseFrame(99, "early")),
              IsEmpty());
  EXPECT_EQ(connection_.ignored_frames(), 3u);
  EXPECT_FALSE(connection_.failure());
}

TEST_F(ClientConnectionTest, Receive_UnknownFrameType_IsIgnored) {
  Start();
  std::string bytes;
  AppendFrame(bytes, 1, static_cast<FrameType>(9), 0, "x");
  AppendFrame(bytes, 1, FrameType::kRequest, 0, "x");
  EXPECT_THAT(Receive(bytes), IsEmpty());
  EXPECT_EQ(connection_.open_calls(), 1u);
}

TEST_F(ClientConnectionTest, Receive_MalformedResponse_FailsItsCallOnly) {
  Start();
  Start();
  std::string bytes;
  AppendFrame(bytes, 1, FrameType::kResponse, 0, "\x0a\xff\xff");
  auto completions = Receive(bytes + ResponseFrame(3, "fine"));
  ASSERT_THAT(completions, SizeIs(2));
  ASSERT_FALSE(completions[0].answer);
  EXPECT_EQ(completions[0].answer.error().code(), Code::kInternal);
  EXPECT_EQ(completions[1].answer, "fine"s);
}

TEST_F(ClientConnectionTest, Receive_OversizedResponse_FailsItsCallOnly) {
  Start();
  Start();
  std::string bytes;
  AppendFrameHeader(bytes, {kMaxFrameData + 1, 1, FrameType::kResponse, 0});
  bytes.append(kMaxFrameData + 1, 'x');
  auto completions = Receive(bytes + ResponseFrame(3, "fine"));
  ASSERT_THAT(completions, SizeIs(2));
  ASSERT_FALSE(completions[0].answer);
  EXPECT_EQ(completions[0].answer.error().code(), Code::kResourceExhausted);
  EXPECT_EQ(completions[1].answer, "fine"s);
}

TEST_F(ClientConnectionTest, Receive_OtherProtocol_FailsConnection) {
  Start();
  auto completions = Receive("HTTP/1.1 400 Bad Request\r\n\r\n");
  ASSERT_THAT(completions, SizeIs(1));
  ASSERT_FALSE(completions[0].answer);
  EXPECT_EQ(completions[0].answer.error().code(), Code::kUnavailable);
  EXPECT_THAT(completions[0].answer.error().message(), HasSubstr("does not speak ttrpc"));
  ASSERT_TRUE(connection_.failure());
  const auto request = connection_.Start("S", "M", "", {}, [](auto) {});
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().code(), Code::kUnavailable);
}

TEST_F(ClientConnectionTest, Start_RequestTooLarge_IsRefused) {
  bool ran = false;
  ClientConnection::Callback callback = [&](auto) { ran = true; };
  const auto request = connection_.Start("S", "M", std::string(kMaxFrameData, 'x'), {}, std::move(callback));
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().code(), Code::kResourceExhausted);
  ASSERT_NE(callback, nullptr);
  EXPECT_FALSE(ran);
  EXPECT_EQ(connection_.open_calls(), 0u);
  EXPECT_EQ(Start(), 1u);
}

TEST_F(ClientConnectionTest, Fail_OpenCalls_GetTheReason) {
  Start();
  Start();
  std::vector<ClientConnection::Completion> completions;
  connection_.Fail(Error(Code::kUnavailable, "gone"), completions);
  connection_.Fail(Error(Code::kUnavailable, "gone again"), completions);
  ASSERT_THAT(completions, SizeIs(2));
  EXPECT_EQ(completions[1].answer.error().message(), "gone");
  EXPECT_EQ(connection_.failure()->message(), "gone");
}

}  // namespace
}  // namespace virtcontainers::ttrpc
