#include "hypervisor/qemu/qmp_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virtcontainers {
namespace {

using testing::HasSubstr;

template <typename T>
T Decode(std::string_view line) {
  QmpDecoder decoder;
  decoder.Feed(std::string(line) + "\r\n");
  auto message = decoder.Next();
  EXPECT_TRUE(message) << message.error().ToString();
  if (!message || !*message || !std::holds_alternative<T>(**message)) {
    ADD_FAILURE() << "not that kind of message: " << line;
    return T{};
  }
  return std::get<T>(**message);
}

TEST(QmpCodecTest, Decode_Greeting_HasVersion) {
  constexpr char kQemu[] =
      R"({"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian"}, "capabilities": []}})";
  EXPECT_EQ(Decode<QmpGreeting>(kQemu).version, "7.2.22");
  EXPECT_EQ(Decode<QmpGreeting>(R"({"QMP": 1})").version, "");
  EXPECT_EQ(Decode<QmpGreeting>(R"({"QMP": {"version": {"qemu": {"major": "7"}}}})").version, "");
}

TEST(QmpCodecTest, Decode_Replies_HaveIdAndValue) {
  const QmpReply ok = Decode<QmpReply>(R"({"return": {"status": "running"}, "id": 7})");
  EXPECT_EQ(ok.id, 7u);
  EXPECT_FALSE(ok.failed);
  EXPECT_EQ(ok.value["status"], "running");

  const QmpReply refused =
      Decode<QmpReply>(R"({"id": 8, "error": {"class": "CommandNotFound", "desc": "no"}})");
  EXPECT_TRUE(refused.failed);
  EXPECT_EQ(refused.error_class, "CommandNotFound");
  EXPECT_EQ(refused.description, "no");

  EXPECT_TRUE(Decode<QmpReply>(R"({"id": 8, "error": []})").failed);
}

TEST(QmpCodecTest, Decode_Events_HaveNameAndData) {
  const QmpEvent event = Decode<QmpEvent>(
      R"({"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN", "data": {"reason": "guest-reset"}})");
  EXPECT_EQ(event.name, "SHUTDOWN");
  EXPECT_EQ(event.data["reason"], "guest-reset");
  EXPECT_TRUE(Decode<QmpEvent>(R"({"event": "STOP", "data": 7})").data.is_object());
}

TEST(QmpCodecTest, Decode_InPieces_ReturnsEachMessage) {
  QmpDecoder decoder;
  decoder.Feed(R"({"event": "ST)");
  EXPECT_FALSE(decoder.Next().value());
  decoder.Feed("OP\"}\r\n\r\n{\"return\": {}, \"id\": 1}\n{\"ev");
  EXPECT_EQ(std::get<QmpEvent>(*decoder.Next().value()).name, "STOP");
  EXPECT_EQ(std::get<QmpReply>(*decoder.Next().value()).id, 1u);
  EXPECT_FALSE(decoder.Next().value());
}

TEST(QmpCodecTest, Decode_Malformed_Fails) {
  for (const char* line : {"", "[]", "{}", "1", "hello", R"({"return": {}})", R"({"return": {}, "id": -1})",
                           R"({"return": {}, "id": "1"})", R"({"event": 5})", "{\"event\": \"\xff\"}"}) {
    QmpDecoder decoder;
    decoder.Feed(std::string(line) + "x\n");
    const auto message = decoder.Next();
    ASSERT_FALSE(message) << line;
    EXPECT_EQ(message.error().code(), Code::kDataLoss);
    decoder.Feed("{\"event\": \"STOP\"}\n");
    EXPECT_FALSE(decoder.Next()) << "an error is final";
  }
}

TEST(QmpCodecTest, Decode_TooLongOrDeep_Fails) {
  QmpDecoder decoder;
  for (int i = 0; i < 17; ++i) decoder.Feed(std::string(QmpDecoder::kMaxLine / 16, ' '));
  EXPECT_EQ(decoder.Next().error().code(), Code::kResourceExhausted);

  QmpDecoder deep;
  deep.Feed("{\"return\": " + std::string(100000, '[') + "\n");
  EXPECT_EQ(deep.Next().error().code(), Code::kDataLoss);
}

TEST(QmpCodecTest, Encode_Commands_AreJsonLines) {
  EXPECT_EQ(EncodeQmpCommand(1, "quit"), "{\"execute\":\"quit\",\"id\":1}\n");
  EXPECT_EQ(EncodeQmpCommand(2, "device_del", {{"id", "a\nb"}}),
            "{\"execute\":\"device_del\",\"id\":2,\"arguments\":{\"id\":\"a\\nb\"}}\n");
}

}  // namespace
}  // namespace virtcontainers
