#include "link/session_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "link/test_session.h"

namespace virtcontainers::link {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::string_literals;

// The events as one line of text each; neighbouring data is one event however it was cut.
class Log final : public SessionSink {
 public:
  void SessionStarted(uint64_t id) override { events.push_back("session " + std::to_string(id)); }
  void SessionBroken() override { events.push_back("broken"); }
  void SessionData(std::string_view data) override {
    EXPECT_FALSE(data.empty());
    if (events.empty() || events.back()[0] != '=') events.push_back("=");
    events.back() += data;
  }
  std::vector<std::string> events;
};

std::string Stuffed(std::string_view data) {
  std::string bytes;
  AppendSessionData(bytes, data);
  return bytes;
}

std::vector<std::string> Decode(std::string bytes, size_t piece = SIZE_MAX) {
  Log log;
  SessionDecoder decoder;
  for (size_t at = 0; at < bytes.size(); at += std::min(piece, bytes.size() - at)) {
    decoder.Receive(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)), log);
  }
  return log.events;
}

TEST(SessionCodec, Encode_Mark_HasDocumentedBytes) {
  EXPECT_EQ(Mark(0x0102030405060708), "\xC0\x01\x01\x02\x03\x04\x05\x06\x07\x08\x47"s);
  EXPECT_EQ(Mark(0xC0DB000000000000), "\xC0\x01\xDB\xDC\xDB\xDD\0\0\0\0\0\0\x8A"s);
  EXPECT_EQ(Stuffed("a\xC0\xDB\xC1z"), "a\xDB\xDC\xDB\xDD\xC1z");
}

TEST(SessionCodec, Decode_EveryByteAtEveryOffset_RoundTrips) {
  for (int byte = 0; byte < 256; ++byte) {
    for (size_t before = 0; before < 20; ++before) {
      const std::string data = std::string(before, 'x') + static_cast<char>(byte) + "tail";
      EXPECT_THAT(Decode(Mark(7) + Stuffed(data)), ElementsAre("session 7", "=" + data));
    }
  }
}

TEST(SessionCodec, Encode_RandomData_ContainsNoMark) {
  std::mt19937 random(4);
  std::string data(10'000, '\0');
  for (char& c : data) c = static_cast<char>(random() % 4 == 0 ? 0xC0 : random());
  EXPECT_EQ(Stuffed(data).find('\xC0'), std::string::npos);
}

TEST(SessionCodec, Decode_EveryPieceSize_GivesSameEvents) {
  const std::string bytes =
      "stale" + Mark(1) + Stuffed("one\xC0\xDB") + Mark(0xC0C0C0C0DBDBDBDB) + Stuffed("\xDBtwo");
  const std::vector<std::string> expected = {"session 1", "=one\xC0\xDB",
                                             "session " + std::to_string(0xC0C0C0C0DBDBDBDB), "=\xDBtwo"};
  for (size_t piece = 1; piece <= bytes.size(); ++piece) EXPECT_EQ(Decode(bytes, piece), expected) << piece;
}

TEST(SessionCodec, Decode_RandomDataInRandomPieces_RoundTrips) {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    std::string data(random() % 2000, '\0');
    const unsigned special = 1 + random() % 50;
    for (char& c : data) {
      c = random() % special == 0 ? "\xC0\xDB\xDC\xDD"[random() % 4] : static_cast<char>(random());
    }
    const std::string bytes = Mark(round) + Stuffed(data);
    std::vector<std::string> expected = {"session " + std::to_string(round)};
    if (!data.empty()) expected.push_back("=" + data);
    EXPECT_EQ(Decode(bytes, 1 + random() % 100), expected);
  }
}

TEST(SessionDecoder, Decode_BytesBeforeFirstMark_AreDropped) {
  EXPECT_THAT(Decode("stale bytes\xDB\xDB\xDBx"), IsEmpty());
  EXPECT_THAT(Decode("stale\xDB" + Mark(3) + "new"), ElementsAre("session 3", "=new"));
}

TEST(SessionDecoder, Decode_MarkInsideMark_StartsNewSession) {
  const std::string mark = Mark(0x1122334455667788);
  for (size_t cut = 1; cut < mark.size(); ++cut) {
    EXPECT_THAT(Decode(mark.substr(0, cut) + Mark(5) + "x"), ElementsAre("session 5", "=x")) << cut;
    EXPECT_THAT(Decode(Mark(4) + mark.substr(0, cut) + Mark(5) + "x"),
                ElementsAre("session 4", "session 5", "=x"))
        << cut;
  }
}

TEST(SessionDecoder, Decode_BrokenSession_RestIsDropped) {
  EXPECT_THAT(Decode(Mark(1) + "ok\xDB!lost\xDB?lost" + Mark(2) + "new"),
              ElementsAre("session 1", "=ok", "broken", "session 2", "=new"));
}

TEST(SessionDecoder, Decode_MarkWithLostByte_BreaksSession) {
  const std::string mark = Mark(0x1122334455667788);
  for (size_t lost = 1; lost < mark.size(); ++lost) {
    std::string torn = mark;
    torn.erase(lost, 1);
    EXPECT_THAT(Decode(Mark(1) + torn + "data of it" + Mark(2)),
                ElementsAre("session 1", "broken", "session 2"))
        << lost;
  }
}

TEST(SessionDecoder, Decode_MarkOfOtherVersion_IsIgnored) {
  EXPECT_THAT(Decode("\xC0\x02\0\0\0\0\0\0\0\0\0data"s), IsEmpty());
}

}  // namespace
}  // namespace virtcontainers::link
