#include "guest/agent/os/event_loop.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace virtcontainers::guest {
namespace {

using std::chrono::milliseconds;

class EventLoopTest : public testing::Test {
 protected:
  EventLoopTest() : loop_(*EventLoop::Create()) { EXPECT_EQ(::pipe2(pipe_, O_CLOEXEC | O_NONBLOCK), 0); }
  ~EventLoopTest() override {
    for (const int fd : pipe_) ::close(fd);
  }

  EventLoop loop_;
  int pipe_[2];
};

TEST_F(EventLoopTest, Timers_SeveralAndOneCancelled_RunInOrderOnce) {
  std::string order;
  loop_.After(milliseconds(3), [&] { order += 'b'; });
  loop_.After(milliseconds(1), [&] { order += 'a'; });
  const auto cancelled = loop_.After(milliseconds(2), [&] { order += 'x'; });
  loop_.Cancel(cancelled);
  loop_.After(milliseconds(5), [&] { loop_.Stop(); });
  ASSERT_TRUE(loop_.Run());
  EXPECT_EQ(order, "ab");
}

TEST_F(EventLoopTest, Remove_FromAnotherHandler_KeepsItFromRunning) {
  int other[2];
  ASSERT_EQ(::pipe2(other, O_CLOEXEC | O_NONBLOCK), 0);
  int calls = 0;
  const auto handler = [&](uint32_t) {
    ++calls;
    loop_.Remove(pipe_[0]);
    loop_.Remove(other[0]);
    loop_.Post([&] { loop_.Stop(); });
  };
  ASSERT_TRUE(loop_.Add(pipe_[0], EPOLLIN, handler));
  ASSERT_TRUE(loop_.Add(other[0], EPOLLIN, handler));
  ASSERT_EQ(::write(pipe_[1], "x", 1), 1);
  ASSERT_EQ(::write(other[1], "x", 1), 1);
  ASSERT_TRUE(loop_.Run());
  EXPECT_EQ(calls, 1);
  ::close(other[0]);
  ::close(other[1]);
}

TEST_F(EventLoopTest, Post_FromCallback_RunsBeforeLoopWaits) {
  loop_.Post([&] { loop_.Post([&] { loop_.Stop(); }); });
  EXPECT_TRUE(loop_.Run());
}

}  // namespace
}  // namespace virtcontainers::guest
