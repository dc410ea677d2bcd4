// What "connect" does with the frames of its host and the bytes of its socket.

#include "guest/agent/connect/relay.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <thread>

#include "base/connect_frames.h"

namespace virtcontainers::guest {
namespace {

constexpr std::chrono::minutes kLong{5};

std::string Head(uint32_t head) {
  std::string bytes;
  for (size_t i = 0; i < kConnectHead; ++i) bytes.push_back(static_cast<char>(head >> (8 * i)));
  return bytes;
}
std::string Frame(const std::string& data) { return Head(static_cast<uint32_t>(data.size())) + data; }

class RelayTest : public ::testing::Test {
 protected:
  RelayTest() {
    ::signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(::pipe(in_), 0);
    EXPECT_EQ(::pipe(out_), 0);
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, sockets_), 0);
  }
  ~RelayTest() override {
    for (const int fd : {in_[0], in_[1], out_[0], sockets_[0], sockets_[1]}) ::close(fd);
  }

  void Start(std::chrono::milliseconds silence = kLong) {
    relay_ = std::make_unique<Relay>(in_[0], out_[1], sockets_[0], silence);
    running_ = std::thread([this] { status_ = relay_->Run(); });
  }
  int Finish() {
    running_.join();
    if (status_ != 0) ::close(out_[1]);
    return status_;
  }
  void HostSays(const std::string& bytes) const {
    ASSERT_EQ(::write(in_[1], bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  void PeerSays(const std::string& bytes) const {
    ASSERT_EQ(::write(sockets_[1], bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  static std::string ReadAll(int fd) {
    std::string all;
    char buffer[1000];
    for (ssize_t count; (count = ::read(fd, buffer, sizeof(buffer))) > 0;)
      all.append(buffer, static_cast<size_t>(count));
    return all;
  }
  std::string PeerHears() const { return ReadAll(sockets_[1]); }
  std::string HostHears() const { return ReadAll(out_[0]); }

  int in_[2], out_[2], sockets_[2];
  std::unique_ptr<Relay> relay_;
  std::thread running_;
  std::atomic<int> status_ = -1;
};

TEST_F(RelayTest, EitherDirection_EndsByItself) {
  Start();
  HostSays(Frame("to the ") + Head(kConnectAlive) + Frame("guest") + Head(kConnectEnd));
  EXPECT_EQ(PeerHears(), "to the guest");
  PeerSays("to the host");
  ASSERT_EQ(::shutdown(sockets_[1], SHUT_WR), 0);
  EXPECT_EQ(HostHears(), "to the host");
  HostSays(Head(kConnectGone));
  EXPECT_EQ(Finish(), 0);
}

TEST_F(RelayTest, FrameInPieces_IsPutTogether) {
  Start();
  for (const char byte : Frame("abc") + Head(kConnectEnd)) HostSays(std::string(1, byte));
  EXPECT_EQ(PeerHears(), "abc");
  HostSays(Head(kConnectGone));
  EXPECT_EQ(Finish(), 0);
}

TEST_F(RelayTest, BytesBeforeTheEndOfTheHost_StillArrive) {
  Start();
  HostSays(Frame("last words") + Head(kConnectGone));
  EXPECT_EQ(Finish(), 0);
  ASSERT_EQ(::shutdown(sockets_[0], SHUT_WR), 0);
  EXPECT_EQ(PeerHears(), "last words");
}

TEST_F(RelayTest, SilentHost_LosesTheConnection) {
  Start(std::chrono::milliseconds(50));
  EXPECT_EQ(Finish(), 1);
}

TEST_F(RelayTest, HostThatSaysItLives_KeepsTheConnection) {
  Start(std::chrono::milliseconds(1000));
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(1300);
  while (std::chrono::steady_clock::now() < until) {
    HostSays(Head(kConnectAlive));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  PeerSays("here");
  ASSERT_EQ(::shutdown(sockets_[1], SHUT_WR), 0);
  EXPECT_EQ(HostHears(), "here");
  HostSays(Head(kConnectGone));
  EXPECT_EQ(Finish(), 0);
}

// The peer takes nothing: the host's silence means nothing while its bytes are not read.
TEST_F(RelayTest, SilentHostWhoseBytesAreNotTaken_KeepsTheConnection) {
  const int small = 4096;
  ASSERT_EQ(::setsockopt(sockets_[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
  Start(std::chrono::milliseconds(100));
  const std::string much(48 << 10, 'x');
  HostSays(Frame(much) + Head(kConnectGone));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_EQ(status_, -1) << "it has ended";
  std::string heard(much.size(), 0);
  ASSERT_EQ(::recv(sockets_[1], heard.data(), heard.size(), MSG_WAITALL), static_cast<ssize_t>(heard.size()));
  EXPECT_EQ(Finish(), 0);
}

TEST_F(RelayTest, FrameThatIsTooLarge_EndsTheConnection) {
  Start();
  HostSays(Head(kConnectLargest + 1) + "x");
  EXPECT_EQ(Finish(), 0);
}

}  // namespace
}  // namespace virtcontainers::guest
