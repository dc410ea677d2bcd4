// Which frames of a guest are replies to datagrams of the host's loopback.

#include "usernet/loopback_replies.h"

#include <gtest/gtest.h>
#include <string>

namespace virtcontainers {
namespace {

using std::string_literals::operator""s;

const std::string kGateway("\x0a\0\x02\x02", 4), kGuest("\x0a\0\x02\x0f", 4), kOther("\x08\x08\x08\x08", 4);
const std::string kGateway6 = "\xfd\x76"s + std::string(13, '\0') + "\x02";
const std::string kGuest6 = "\xfd\x76"s + std::string(13, '\0') + "\x15";

std::string Port(uint16_t port) { return {static_cast<char>(port >> 8), static_cast<char>(port)}; }

// A datagram of "hi", without checksums.
std::string Frame(const std::string& source, uint16_t from, const std::string& destination, uint16_t to) {
  const std::string udp = Port(from) + Port(to) + "\0\x0a\0\0hi"s;
  if (source.size() == 16)
    return std::string(12, '\0') + "\x86\xdd\x60\0\0\0\0\x0a\x11\x40"s + source + destination + udp;
  return std::string(12, '\0') + "\x08\0\x45\0\0\x1e\0\0\0\0\x40\x11\0\0"s + source + destination + udp;
}

class LoopbackRepliesTest : public ::testing::Test {
 protected:
  LoopbackRepliesTest() {
    UsernetOptions options;
    options.ipv4.gateway = "10.0.2.2";
    options.ipv6.emplace().gateway = "fd76::2";
    options.forwards = {{"", 5353, 53, 2, NetworkProtocol::kUdp}, {"", 80, 80, 1, NetworkProtocol::kTcp}};
    replies_ = LoopbackReplies::Create(options, [] { return now_; }).value();
  }
  // Whether the frame gets another destination; it is in out_.
  bool IsReply(const std::string& frame, int64_t at = 0) {
    now_ = at;
    out_ = replies_.FromGuest(frame);
    return out_ != frame;
  }
  std::string ToGuest(const std::string& frame, int64_t at = 0) {
    now_ = at;
    return std::string(replies_.ToGuest(frame));
  }

  inline static int64_t now_ = 0;
  LoopbackReplies replies_;
  std::string out_;
};

TEST_F(LoopbackRepliesTest, ReplyToASender_GoesToTheLoopback) {
  EXPECT_FALSE(IsReply(Frame(kGuest, 53, kGateway, 4000)));
  EXPECT_EQ(ToGuest(Frame(kGateway, 4000, kGuest, 53), 0), Frame(kGateway, 4000, kGuest, 53));
  ASSERT_TRUE(IsReply(Frame(kGuest, 53, kGateway, 4000)));
  EXPECT_EQ(out_.substr(30, 4), "\x7f\0\0\x01"s);
  EXPECT_EQ(out_.size(), Frame(kGuest, 53, kGateway, 4000).size());
  EXPECT_EQ(out_.substr(40, 2), "\0\0"s) << "a datagram without a checksum gets none";

  EXPECT_EQ(ToGuest(Frame(kGateway6, 4001, kGuest6, 54), 0), Frame(kGateway6, 4001, kGuest6, 54));
  ASSERT_TRUE(IsReply(Frame(kGuest6, 54, kGateway6, 4001)));
  EXPECT_EQ(out_.substr(38, 16), std::string(15, '\0') + "\x01");
}

TEST_F(LoopbackRepliesTest, SenderOfTheLoopback_IsShownAsTheGateway) {
  const std::string loopback("\x7f\0\0\x02", 4), loopback6 = std::string(15, '\0') + "\x01";
  const std::string shown = ToGuest(Frame(loopback, 4000, kGuest, 53));
  EXPECT_EQ(shown.substr(26, 4), kGateway);
  ASSERT_TRUE(IsReply(Frame(kGuest, 53, kGateway, 4000)));
  EXPECT_EQ(out_.substr(30, 4), loopback);
  EXPECT_EQ(ToGuest(Frame(loopback6, 4000, kGuest6, 53)), Frame(kGateway6, 4000, kGuest6, 53));
  ASSERT_TRUE(IsReply(Frame(kGuest6, 53, kGateway6, 4000)));
  EXPECT_EQ(out_.substr(38, 16), loopback6);
}

TEST_F(LoopbackRepliesTest, AnythingElse_IsLeftAsItIs) {
  EXPECT_EQ(ToGuest(Frame(kGateway, 4000, kGuest, 53), 0), Frame(kGateway, 4000, kGuest, 53));
  EXPECT_EQ(ToGuest(Frame(kOther, 4002, kGuest, 53), 0), Frame(kOther, 4002, kGuest, 53));
  EXPECT_EQ(ToGuest(Frame(kGateway, 4003, kGuest, 80), 0), Frame(kGateway, 4003, kGuest, 80));
  EXPECT_FALSE(IsReply(Frame(kGuest, 53, kGateway, 4001))) << "another port of the host";
  EXPECT_FALSE(IsReply(Frame(kGuest, 54, kGateway, 4000))) << "another port of the guest";
  EXPECT_FALSE(IsReply(Frame(kGuest, 53, kOther, 4000))) << "another address";
  EXPECT_FALSE(IsReply(Frame(kGuest, 53, kGateway, 4002))) << "its sender was another address";
  EXPECT_FALSE(IsReply(Frame(kGuest, 80, kGateway, 4003))) << "UDP is not forwarded there";
  EXPECT_FALSE(IsReply(Frame(kGuest6, 53, kGateway6, 4000))) << "its sender was one of IPv4";
  std::string tcp = Frame(kGuest, 53, kGateway, 4000), fragment = tcp, cut = tcp;
  tcp[23] = 6;
  EXPECT_FALSE(IsReply(tcp));
  fragment[20] = 0x20;
  EXPECT_FALSE(IsReply(fragment));
  cut.resize(41);
  EXPECT_FALSE(IsReply(cut));
  EXPECT_FALSE(IsReply(""));
}

TEST_F(LoopbackRepliesTest, SenderNotHeardForLong_IsForgotten) {
  EXPECT_EQ(ToGuest(Frame(kGateway, 4000, kGuest, 53), 5), Frame(kGateway, 4000, kGuest, 53));
  EXPECT_TRUE(IsReply(Frame(kGuest, 53, kGateway, 4000), 5 + LoopbackReplies::kNanoseconds));
  EXPECT_FALSE(IsReply(Frame(kGuest, 53, kGateway, 4000), 6 + LoopbackReplies::kNanoseconds));
}

TEST_F(LoopbackRepliesTest, MoreSendersThanAreRemembered_OldestIsForgotten) {
  for (size_t i = 0; i <= LoopbackReplies::kMost; ++i)
    (void)ToGuest(Frame(kGateway, static_cast<uint16_t>(1000 + i), kGuest, 53), static_cast<int64_t>(i));
  EXPECT_FALSE(IsReply(Frame(kGuest, 53, kGateway, 1000)));
  EXPECT_TRUE(IsReply(Frame(kGuest, 53, kGateway, 1001)));
}

}  // namespace
}  // namespace virtcontainers
