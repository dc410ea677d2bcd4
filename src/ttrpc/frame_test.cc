#include "ttrpc/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace virtcontainers::ttrpc {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::string_literals;

struct Received {
  uint32_t stream_id;
  int type;
  int flags;
  std::string data;
  bool oversized;
  bool operator==(const Received&) const = default;
};

class Receiver {
 public:
  void Receive(std::string_view bytes) {
    decoder.Receive(bytes, [this](const Frame& frame) {
      frames.push_back({frame.header.stream_id, static_cast<int>(frame.header.type), frame.header.flags,
                        std::string(frame.data), frame.oversized});
    });
  }
  FrameDecoder decoder;
  std::vector<Received> frames;
};

std::string Oversized(uint32_t length, uint32_t id = 1) {
  std::string bytes;
  AppendFrameHeader(bytes, {length, id, FrameType::kRequest, 0});
  return bytes;
}

TEST(Frame, Append_Frame_HasTtrpcsBytes) {
  std::string bytes;
  AppendFrame(bytes, 0x01020305, FrameType::kRequest, kFlagRemoteClosed, "abc");
  EXPECT_EQ(bytes, "\x00\x00\x00\x03\x01\x02\x03\x05\x01\x01"s + "abc");
  bytes.clear();
  AppendFrame(bytes, 7, FrameType::kResponse, 0, "");
  EXPECT_EQ(bytes, "\x00\x00\x00\x00\x00\x00\x00\x07\x02\x00"s);
}

TEST(FrameDecoder, Decode_AppendedFrames_AreTheSame) {
  std::string bytes;
  AppendFrame(bytes, 1, FrameType::kRequest, 0, "first");
  AppendFrame(bytes, 3, FrameType::kData, 4, "");
  AppendFrame(bytes, 5, static_cast<FrameType>(77), 0xFF, "unknown");
  Receiver receiver;
  receiver.Receive(bytes);
  EXPECT_THAT(receiver.frames, ElementsAre(Received{1, 1, 0, "first", false}, Received{3, 3, 4, "", false},
                                           Received{5, 77, 255, "unknown", false}));
  EXPECT_EQ(receiver.decoder.held(), 0u);
}

TEST(FrameDecoder, Decode_SplitAtEveryByte_IsTheSame) {
  std::string bytes;
  AppendFrame(bytes, 1, FrameType::kRequest, 0, "hello");
  bytes += Oversized(kMaxFrameData + 1, 3) + std::string(kMaxFrameData + 1, 'x');
  const size_t tail = bytes.size();
  AppendFrame(bytes, 5, FrameType::kResponse, 0, "world");
  Receiver whole;
  whole.Receive(bytes);
  ASSERT_THAT(whole.frames, ElementsAre(Received{1, 1, 0, "hello", false}, Received{3, 1, 0, "", true},
                                        Received{5, 2, 0, "world", false}));
  std::vector<size_t> splits;
  for (size_t i = 0; i <= 40; ++i) splits.push_back(i);
  for (size_t i = tail - 5; i <= bytes.size(); ++i) splits.push_back(i);
  for (const size_t split : splits) {
    Receiver receiver;
    receiver.Receive(std::string_view(bytes).substr(0, split));
    receiver.Receive(std::string_view(bytes).substr(split));
    EXPECT_EQ(receiver.frames, whole.frames) << "split at " << split;
  }
}

TEST(FrameDecoder, Decode_ByteByByte_IsTheSame) {
  std::string bytes;
  for (uint32_t id = 1; id < 40; id += 2)
    AppendFrame(bytes, id, FrameType::kRequest, 0, std::string(id, 'a'));
  Receiver receiver;
  for (const char& byte : bytes) receiver.Receive({&byte, 1});
  ASSERT_EQ(receiver.frames.size(), 20u);
  EXPECT_EQ(receiver.frames.back().data, std::string(39, 'a'));
}

TEST(FrameDecoder, Decode_RandomPieces_IsTheSame) {
  std::mt19937 random(1);
  std::string bytes;
  std::vector<std::string> sent;
  for (uint32_t id = 1; id < 400; id += 2) {
    sent.emplace_back(random() % 300, static_cast<char>('a' + id % 26));
    AppendFrame(bytes, id, FrameType::kRequest, 0, sent.back());
  }
  Receiver receiver;
  for (size_t at = 0; at < bytes.size();) {
    const size_t count = 1 + random() % 700;
    receiver.Receive(std::string_view(bytes).substr(at, count));
    at += count;
  }
  ASSERT_EQ(receiver.frames.size(), sent.size());
  for (size_t i = 0; i < sent.size(); ++i) EXPECT_EQ(receiver.frames[i].data, sent[i]);
}

TEST(FrameDecoder, Decode_LargestFrame_Succeeds) {
  std::string bytes;
  AppendFrame(bytes, 1, FrameType::kRequest, 0, std::string(kMaxFrameData, 'm'));
  Receiver receiver;
  receiver.Receive(std::string_view(bytes).substr(0, 100));
  receiver.Receive(std::string_view(bytes).substr(100));
  ASSERT_EQ(receiver.frames.size(), 1u);
  EXPECT_EQ(receiver.frames[0].data.size(), kMaxFrameData);
  EXPECT_FALSE(receiver.frames[0].oversized);
}

TEST(FrameDecoder, Decode_OversizedFrame_IsReportedAndNotHeld) {
  Receiver receiver;
  receiver.Receive(Oversized(0xFFFFFFFF, 9));
  EXPECT_THAT(receiver.frames, ElementsAre(Received{9, 1, 0, "", true}));
  const std::string piece(1 << 20, 'x');
  for (int i = 0; i < 100; ++i) receiver.Receive(piece);
  EXPECT_EQ(receiver.decoder.held(), 0u);
  EXPECT_EQ(receiver.frames.size(), 1u);
}

TEST(FrameDecoder, Decode_HeaderAlone_AllocatesNoData) {
  Receiver receiver;
  std::string bytes;
  AppendFrameHeader(bytes, {kMaxFrameData, 1, FrameType::kRequest, 0});
  receiver.Receive(bytes + "abc");
  EXPECT_EQ(receiver.decoder.held(), kFrameHeaderSize + 3);
  EXPECT_THAT(receiver.frames, IsEmpty());
}

}  // namespace
}  // namespace virtcontainers::ttrpc
