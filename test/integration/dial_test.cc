// Connections into a running pod that has no network, on a real VM.

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "fixture.h"

namespace virtcontainers::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class DialTest : public SharedPodTest<DialTest> {
 public:
  static PodConfig Config(const PodHost& host) {
    PodConfig pod;
    pod.id = kPod;
    pod.containers = {host.Container("a", {"sleep", "100000"})};
    return pod;
  }

 protected:
  // A server in the container, each of whose connections `script` serves.
  void Serve(uint16_t port, const std::string& script) {
    ProcessConfig config = Command({"nc", "-ll", "-p", std::to_string(port), "-e", "sh", "-c", script});
    auto server = runtime().EnterContainer(kPod, "a", config);
    ASSERT_OK(server);
    servers_.push_back(std::move(*server));
    ASSERT_TRUE(Eventually([&] {
      const auto fd = Dial(port);
      if (fd) ::close(*fd);
      return fd.has_value();
    }));
  }
  void TearDown() override {
    for (const auto& server : servers_) (void)server->Signal(SIGKILL);
    SharedPodTest::TearDown();
  }

  Result<int> Dial(uint16_t port) { return runtime().Dial(kPod, {.port = port}); }

  static void Send(int fd, std::string_view data) {
    while (!data.empty()) {
      const ssize_t count = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
      ASSERT_GT(count, 0) << strerror(errno);
      data.remove_prefix(static_cast<size_t>(count));
    }
  }
  static std::string ReadAll(int fd) {
    std::string all, buffer(64 << 10, '\0');
    for (ssize_t count; (count = ::read(fd, buffer.data(), buffer.size())) > 0;)
      all.append(buffer, 0, static_cast<size_t>(count));
    return all;
  }
  size_t GuestConnections() {
    const std::string script =
        "n=0; for p in /proc/[0-9]*; do "
        "tr '\\0' ' ' <$p/cmdline 2>/dev/null | grep -Eq '^(/bin/)?connect ' && "
        "n=$((n+1)); done; echo $n";
    return std::stoul(Finish(runtime().EnterPod(kPod, Shell(script))).out);
  }

  std::vector<std::unique_ptr<Process>> servers_;
};

TEST_F(DialTest, ServerSpeaksFirst_IsHeard) {
  Serve(2001, "echo hello");
  const auto fd = Dial(2001);
  ASSERT_OK(fd);
  EXPECT_EQ(ReadAll(*fd), "hello\n");
  ::close(*fd);
}

TEST_F(DialTest, HalfClose_LeavesTheOtherDirection) {
  Serve(2002, "sha1sum");
  const auto fd = Dial(2002);
  ASSERT_OK(fd);
  Send(*fd, "abc");
  ASSERT_EQ(::shutdown(*fd, SHUT_WR), 0);
  EXPECT_EQ(ReadAll(*fd), "a9993e364706816aba3e25717850c26c9cd0d89d  -\n");
  ::close(*fd);
}

TEST_F(DialTest, ManyBytes_ComeBackAsTheyWere) {
  Serve(2003, "cat");
  const auto fd = Dial(2003);
  ASSERT_OK(fd);
  const std::string noise = NoiseBytes(32 << 20, 3);
  std::thread writer([&] {
    Send(*fd, noise);
    ::shutdown(*fd, SHUT_WR);
  });
  const std::string back = ReadAll(*fd);
  writer.join();
  EXPECT_TRUE(back == noise) << back.size();
  ::close(*fd);
}

TEST_F(DialTest, MonitorKilledMeanwhile_LosesNothing) {
  Serve(2004, "cat");
  const auto fd = Dial(2004);
  ASSERT_OK(fd);
  const std::string noise = NoiseBytes(32 << 20, 4);
  std::thread writer([&] {
    Send(*fd, std::string_view(noise).substr(0, 10 << 20));
    const auto status = runtime().PodStatus(kPod);
    EXPECT_OK(status);
    if (status && status->monitor_pid > 0) ::kill(status->monitor_pid, SIGKILL);
    Send(*fd, std::string_view(noise).substr(10 << 20));
    ::shutdown(*fd, SHUT_WR);
  });
  const std::string back = ReadAll(*fd);
  writer.join();
  EXPECT_TRUE(back == noise) << back.size();
  ::close(*fd);
}

TEST_F(DialTest, ManyAtOnce_AllAnswer) {
  Serve(2005, "cat");
  std::vector<int> fds;
  for (int i = 0; i < 200; ++i) {
    const auto fd = Dial(2005);
    ASSERT_OK(fd);
    fds.push_back(*fd);
  }
  for (size_t i = 0; i < fds.size(); ++i) {
    Send(fds[i], std::to_string(i));
    ::shutdown(fds[i], SHUT_WR);
  }
  for (size_t i = 0; i < fds.size(); ++i) EXPECT_EQ(ReadAll(fds[i]), std::to_string(i));
  for (const int fd : fds) ::close(fd);
  EXPECT_TRUE(Eventually([&] { return GuestConnections() == 0; }));
}

TEST_F(DialTest, NothingThere_IsAClearError) {
  EXPECT_FAILS(Dial(9), Code::kUnavailable, "connect to port 9 in the pod: nothing listens there");
  EXPECT_FAILS(runtime().Dial(kPod, {}), Code::kInvalidArgument, "name a TCP port");
  EXPECT_FAILS(runtime().Dial(kPod, {.container = "a", .path = "/no.sock"}), Code::kNotFound,
               "socket '/no.sock' in container 'a'");
  EXPECT_FAILS(runtime().Dial(kPod, {.container = "b", .port = 80}), Code::kNotFound, "'b'");
  EXPECT_FAILS(runtime().Dial(kPod, {.port = 80, .address = "name"}), Code::kInvalidArgument, "'name'");
}

TEST_F(DialTest, Virtc_RelaysItsStreams) {
  Serve(2006, "sha1sum");
  const Finished virtc = Virtc({"pod", "dial", kPod, "2006"}, "abc");
  EXPECT_EQ(virtc.code, 0) << virtc.err;
  EXPECT_EQ(virtc.out, "a9993e364706816aba3e25717850c26c9cd0d89d  -\n");
}

}  // namespace
}  // namespace virtcontainers::test
