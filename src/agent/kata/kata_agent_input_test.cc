// How KataAgent writes to processes, with an agent that counts input and with one that does not.

#include "../../../test/contract/answer.h"
#include "agent/kata/test_kata_client.h"
#include "guest.pb.h"

namespace virtcontainers {
namespace {

class KataInput : public KataClient {
 protected:
  static std::string Taken(uint64_t taken, bool closed = false) {
    wire::WriteInputResponse response;
    response.set_taken(taken);
    response.set_closed(closed);
    return response.SerializeAsString();
  }
};

// Takes at most `piece` bytes of each write.
FakeAgent::Method Taking(std::string& taken, size_t piece) {
  return [&taken, piece](const ttrpc::Call& call, ttrpc::Responder responder) {
    grpc::WriteStreamRequest request;
    EXPECT_TRUE(request.ParseFromString(call.payload));
    const std::string part = request.data().substr(0, piece);
    taken += part;
    grpc::WriteStreamResponse response;
    response.set_len(static_cast<uint32_t>(part.size()));
    responder.Respond(response.SerializeAsString());
  };
}

TEST_F(KataInput, Write_PartiallyTaken_SendsRest) {
  std::string taken;
  fake_["WriteStdin"] = Taking(taken, 3);
  Connect();
  EXPECT_TRUE(Write("0123456789"));
  EXPECT_EQ(taken, "0123456789");
}

TEST_F(KataInput, Write_LargerThanFrame_IsSplit) {
  std::string taken;
  fake_["WriteStdin"] = Taking(taken, std::string::npos);
  Connect();
  const std::string input(9 << 20, 'i');
  EXPECT_TRUE(Write(input));
  EXPECT_TRUE(taken == input);
}

TEST_F(KataInput, Write_AgentTakesNothingOrTooMuch_Fails) {
  for (const uint32_t length : {0u, 11u, UINT32_MAX}) {
    grpc::WriteStreamResponse response;
    response.set_len(length);
    fake_["WriteStdin"] = FakeAgent::Always(response.SerializeAsString());
    if (length == 0) Connect();
    EXPECT_EQ(Write("0123456789").error().code(), Code::kInternal) << length;
  }
}

TEST_F(KataInput, Write_WithOffset_SendsEveryFieldToOwnService) {
  wire::WriteInputRequest request;
  fake_.own("WriteInput") = [&](const ttrpc::Call& call, ttrpc::Responder responder) {
    EXPECT_TRUE(request.ParseFromString(call.payload));
    responder.Respond(Taken(12, true));
  };
  Connect();
  const auto answer =
      Write({.writer = "w", .offset = 7, .again = true}, "hello", Deadline::After(std::chrono::seconds(5)));
  ASSERT_TRUE(answer) << answer.error().ToString();
  EXPECT_EQ(answer->taken, 12u);
  EXPECT_TRUE(answer->closed);
  EXPECT_EQ(request.container_id(), "c");
  EXPECT_EQ(request.exec_id(), "e");
  EXPECT_EQ(request.writer(), "w");
  EXPECT_EQ(request.offset(), 7u);
  EXPECT_TRUE(request.again());
  EXPECT_EQ(request.data(), "hello");
  EXPECT_GT(request.wait_ms(), 1000u);
  EXPECT_LE(request.wait_ms(), 5000u);
  ASSERT_TRUE(Write({.writer = "w", .offset = 12}, "x"));
  EXPECT_FALSE(request.has_wait_ms()) << "for ever";
}

TEST_F(KataInput, Write_AgentReportsLessThanOffset_Fails) {
  fake_.own("WriteInput") = FakeAgent::Always(Taken(6));
  Connect();
  EXPECT_EQ(Write({.writer = "w", .offset = 7}, "x").error().code(), Code::kInternal);
}

TEST_F(KataInput, Write_AgentWithoutOwnService_RepeatedWriteIsUnimplemented) {
  std::string taken;
  fake_["WriteStdin"] = Taking(taken, std::string::npos);
  int closed = 0;
  fake_["CloseStdin"] = [&](const ttrpc::Call&, ttrpc::Responder responder) {
    ++closed;
    responder.Respond(std::string());
  };
  Connect();
  for (int i = 0; i < 2; ++i) {
    const auto answer = Write({.writer = "w", .offset = uint64_t{10} + 3 * i}, "abc");
    ASSERT_TRUE(answer) << answer.error().ToString();
    EXPECT_EQ(answer->taken, 13u + 3 * i);
  }
  for (const char* data : {"abc", ""}) {
    const auto again = Write({.writer = "w", .offset = 10, .again = true}, data);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code(), Code::kUnimplemented);
    EXPECT_NE(again.error().ToString().find("Kata's protocol"), std::string::npos)
        << again.error().ToString();
  }
  EXPECT_EQ(taken, "abcabc");
  EXPECT_TRUE(agent_.CloseStdin({"c", "e"}, {.writer = "w", .offset = 16}, Soon()));
  EXPECT_TRUE(agent_.CloseStdin({"c", "e"}, {.writer = "w", .offset = 16, .again = true}, Soon()));
  EXPECT_EQ(closed, 2);
}

TEST_F(KataInput, Write_AfterTimeoutWithoutOwnService_IsUnimplemented) {
  std::mutex mutex;
  std::vector<ttrpc::Responder> kept;
  fake_["WriteStdin"] = [&](const ttrpc::Call&, ttrpc::Responder responder) {
    const std::lock_guard lock(mutex);
    kept.push_back(std::move(responder));
  };
  Connect();
  EXPECT_EQ(Write({.writer = "w"}, "abc", AMoment()).error().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(Write({.writer = "w"}, "").error().code(), Code::kUnimplemented);
  const std::lock_guard lock(mutex);
  kept.clear();
}

}  // namespace
}  // namespace virtcontainers
