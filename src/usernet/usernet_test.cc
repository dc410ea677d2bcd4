#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <string>
#include <vector>

#include "usernet/frame_stream.h"
#include "usernet/guest_frame.h"
#include "usernet/token_bucket.h"
#include "usernet/usernet_filter.h"

namespace virtcontainers {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using std::string_literals::operator""s;

Status Put(FrameReader& reader, const std::string& bytes, std::vector<std::string>& frames) {
  EXPECT_LE(bytes.size(), reader.free());
  std::memcpy(reader.space(), bytes.data(), bytes.size());
  reader.Put(bytes.size());
  return reader.Next([&](std::string_view frame) { frames.emplace_back(frame); });
}

TEST(FrameReaderTest, Frames_InPieces_AreWhole) {
  FrameReader reader;
  std::vector<std::string> frames;
  for (const char c : "\0\0\0\x03one\0\0\0\x05three"s) EXPECT_TRUE(Put(reader, std::string(1, c), frames));
  EXPECT_THAT(frames, ElementsAre("one", "three"));
  EXPECT_TRUE(Put(reader, "\0\0\0\x01"s + "a\0\0\0\x01"s + "b\0\0"s, frames));
  EXPECT_THAT(frames, ElementsAre("one", "three", "a", "b"));
}

TEST(FrameReaderTest, Frames_OfTheLongest_FindRoom) {
  FrameReader reader;
  std::vector<std::string> frames;
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(Put(reader, "\0\x01\x10\0"s, frames));
    EXPECT_TRUE(Put(reader, std::string(kMaxStreamFrame, 'x'), frames));
  }
  EXPECT_EQ(frames.size(), 20U);
}

TEST(FrameReaderTest, Length_Impossible_IsAnError) {
  for (const std::string& length : {"\0\0\0\0"s, "\0\x01\x10\x01"s, "\xff\xff\xff\xff"s}) {
    FrameReader reader;
    std::vector<std::string> frames;
    EXPECT_FALSE(Put(reader, length, frames));
    EXPECT_THAT(frames, IsEmpty());
  }
}

TEST(FrameQueueTest, Bytes_HaveLengthsAndAnEnd) {
  FrameQueue queue;
  EXPECT_TRUE(queue.Add("abc"));
  EXPECT_EQ(queue.bytes(),
            "\0\0\0\x03"
            "abc"s);
  queue.Drop(5);
  EXPECT_EQ(queue.bytes(), "bc");
  EXPECT_TRUE(queue.Add("d"));
  EXPECT_EQ(queue.bytes(),
            "bc\0\0\0\x01"
            "d"s);
  const std::string large(kMaxStreamFrame, 'x');
  size_t added = 0;
  while (queue.Add(large)) ++added;
  EXPECT_GT(added, 100U);
  EXPECT_LE(queue.bytes().size(), FrameQueue::kMost);
}

std::string Ethernet(const std::string& type, const std::string& packet) {
  return std::string(12, '\x02') + type + packet;
}
std::string Ipv4To(const std::string& destination) {
  return Ethernet("\x08\0"s, "\x45" + std::string(15, '\0') + destination);
}
std::string Ipv6To(const std::string& destination, char next = 6, char type = 0) {
  return Ethernet("\x86\xdd",
                  "\x60" + std::string(5, '\0') + next + std::string(17, '\0') + destination + type);
}

TEST(GuestFrameTest, Destinations_OfThisHostAlone_AreRefused) {
  EXPECT_TRUE(MayPass(Ipv4To("\x0a\0\x02\x02"s)));
  EXPECT_FALSE(MayPass(Ipv4To("\x7f\0\0\x01"s)));
  EXPECT_FALSE(MayPass(Ipv4To("\x7f\x01\x02\x03"s)));
  EXPECT_FALSE(MayPass(Ipv4To("\0\0\0\0"s)));
  const std::string zeros(10, '\0');
  EXPECT_TRUE(MayPass(Ipv6To("\xfd" + std::string(15, '\x01'))));
  EXPECT_FALSE(MayPass(Ipv6To(std::string(15, '\0') + '\x01')));
  EXPECT_FALSE(MayPass(Ipv6To(std::string(16, '\0'))));
  EXPECT_FALSE(MayPass(Ipv6To(zeros + "\xff\xff\x7f\0\0\x01"s)));
  EXPECT_FALSE(MayPass(Ipv6To(zeros + "\0\0\x7f\0\0\x01"s)));
}

TEST(GuestFrameTest, Frames_ShortOrOfOtherTypes_AreRefused) {
  EXPECT_FALSE(MayPass(""));
  EXPECT_FALSE(MayPass(std::string(13, 'x')));
  EXPECT_FALSE(MayPass(Ethernet("\x08\0"s, std::string(19, '\x45'))));
  EXPECT_FALSE(MayPass(Ethernet("\x86\xdd", std::string(39, '\x60'))));
  EXPECT_FALSE(MayPass(Ethernet("\x81\0"s, std::string(60, '\0'))));
  EXPECT_TRUE(MayPass(Ethernet("\x08\x06", std::string(28, '\0'))));
  const std::string all_routers = "\xff\x02" + std::string(13, '\0') + '\x02';
  EXPECT_FALSE(MayPass(Ipv6To(all_routers, 58, '\x85'))) << "a router solicitation";
  EXPECT_TRUE(MayPass(Ipv6To(all_routers, 58, '\x87'))) << "a neighbor solicitation";
}

TEST(TokenBucketTest, Rate_Limited_FillsWithTime) {
  constexpr int64_t kSecond = 1'000'000'000;
  TokenBucket bucket({1'000'000, 100'000});
  EXPECT_EQ(bucket.Available(0), 100'000U);
  bucket.Take(100'000);
  EXPECT_EQ(bucket.Available(0), 0U);
  EXPECT_FALSE(bucket.Ready(0, 50'000));
  EXPECT_NEAR(static_cast<double>(bucket.WaitFor(10'000)), 0.01 * kSecond, 10);
  EXPECT_NEAR(static_cast<double>(bucket.Available(kSecond / 20)), 50'000, 1);
  EXPECT_EQ(bucket.Available(10 * kSecond), 100'000U) << "no more than a burst";
}

TEST(TokenBucketTest, Rate_Zero_IsNoLimit) {
  TokenBucket bucket({});
  EXPECT_GT(bucket.Available(0), size_t{1} << 60);
  bucket.Take(1 << 30);
  EXPECT_TRUE(bucket.Ready(0, 1 << 20));
  EXPECT_EQ(bucket.WaitFor(1 << 20), 0);
}

// The filter stays with a process for ever: each is a child of the test's.
void Filtered(long (*attempt)()) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !InstallUsernetFilter()) ::_exit(100);
  ::_exit(attempt() >= 0 ? 0 : errno);
}

TEST(UsernetFilterTest, Calls_OfTheStack_AreAllowed) {
  EXPECT_EXIT(Filtered([] { return long{::socket(AF_INET, SOCK_STREAM, 0)}; }), testing::ExitedWithCode(0),
              "");
  EXPECT_EXIT(Filtered([] { return long{::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)}; }),
              testing::ExitedWithCode(0), "");
  EXPECT_EXIT(Filtered([] { return long{::open("/dev/null", O_RDONLY | O_CLOEXEC)}; }),
              testing::ExitedWithCode(0), "");
}

TEST(UsernetFilterTest, OtherCalls_AreRefused) {
  const auto refused = testing::ExitedWithCode(EPERM);
  EXPECT_EXIT(Filtered([] { return long{::socket(AF_UNIX, SOCK_STREAM, 0)}; }), refused, "");
  EXPECT_EXIT(Filtered([] { return long{::socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)}; }), refused, "");
  EXPECT_EXIT(Filtered([] { return long{::socket(AF_NETLINK, SOCK_DGRAM, 0)}; }), refused, "");
  EXPECT_EXIT(Filtered([] { return long{::open("/dev/null", O_WRONLY | O_CLOEXEC)}; }), refused, "");
  EXPECT_EXIT(Filtered([] { return long{::bind(0, nullptr, 0)}; }), refused, "");
  EXPECT_EXIT(Filtered([] { return long{::listen(0, 1)}; }), refused, "");
  EXPECT_EXIT(Filtered([] { return long{::fork()}; }), refused, "");
  EXPECT_EXIT(Filtered([] { return long{::execl("/bin/true", "true", nullptr)}; }), refused, "");
  EXPECT_EXIT(Filtered([] { return long{::kill(1, 0)}; }), refused, "");
}

}  // namespace
}  // namespace virtcontainers
