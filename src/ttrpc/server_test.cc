// Client against server, over a socket pair and over a real socket.

#include "ttrpc/server.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/errors.h"
#include "base/test_deadline.h"
#include "ttrpc/client.h"
#include "ttrpc/test_peer.h"
#include "ttrpc/unix_socket.h"
#include "ttrpc/worker_pool.h"

namespace virtcontainers::ttrpc {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

// Echo answers at once, Later in an order of its own when eight have gathered, Never never, Forget by
// forgetting.
class TestHandler : public Handler {
 public:
  void Handle(Call call, Responder responder) override {
    if (call.method == "Echo") {
      responder.Respond(call.service + ":" + call.payload);
    } else if (call.method == "Fail") {
      responder.Respond(Fail(Code::kFailedPrecondition, "not " + Quoted(call.payload)));
    } else if (call.method == "Timeout") {
      responder.Respond(call.deadline.infinite() ? "none"s : "some"s);
    } else if (call.method == "Later") {
      static_cast<void>(workers.Submit(
          [payload = std::move(call.payload), held = std::make_shared<Responder>(std::move(responder))] {
            held->Respond(payload);
            held->Respond("twice"s);
          }));
    } else if (call.method == "Never") {
      const std::lock_guard lock(mutex);
      never.push_back(std::move(responder));
      held.store(never.size());
    }
  }

  std::mutex mutex;
  std::vector<Responder> never;
  std::atomic<size_t> held = 0;
  WorkerPool workers{4, 10'000};
};

enum class Transport { kSocketPair, kUnixSocket };

class ServerTest : public ::testing::TestWithParam<Transport> {
 protected:
  ServerTest() {
    char pattern[] = "/tmp/ttrpc-test-XXXXXX";
    directory_ = ::mkdtemp(pattern);
    path_ = directory_ + "/server.sock";
  }
  ~ServerTest() override {
    server_.reset();
    ::rmdir(directory_.c_str());
  }

  void Start(Server::Options options = {}) {
    server_ = std::make_unique<Server>(handler_, options);
    if (GetParam() == Transport::kUnixSocket) {
      const Status listening = server_->Listen(path_);
      ASSERT_TRUE(listening) << listening.error().ToString();
    }
  }

  std::unique_ptr<Stream> ConnectStream() {
    if (GetParam() == Transport::kUnixSocket) {
      auto fd = ConnectUnix(path_, Soon());
      EXPECT_TRUE(fd) << fd.error().ToString();
      return *FdStream::Create(*std::move(fd));
    }
    auto [ours, theirs] = MakeStreamPair();
    static_cast<void>(server_->Serve(std::move(theirs)));
    return std::move(ours);
  }

  std::unique_ptr<Client> Connect() { return std::make_unique<Client>(ConnectStream()); }

  static Result<std::string> Call(Client& client, std::string_view method, std::string payload = "") {
    return client.Call("test.Service", method, std::move(payload), Soon());
  }

  TestHandler handler_;
  std::string directory_;
  std::string path_;
  std::unique_ptr<Server> server_;
};

INSTANTIATE_TEST_SUITE_P(Transports, ServerTest,
                         ::testing::Values(Transport::kSocketPair, Transport::kUnixSocket),
                         [](const auto& each) {
                           return each.param == Transport::kSocketPair ? "SocketPair" : "UnixSocket";
                         });

TEST_P(ServerTest, Call_Served_IsAnswered) {
  Start();
  const auto client = Connect();
  EXPECT_EQ(Call(*client, "Echo", "hello"), "test.Service:hello"s);
  const auto failed = Call(*client, "Fail", "ready");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(failed.error().message(), "not 'ready'");
}

TEST_P(ServerTest, Call_WithTimeout_HandlerSeesDeadline) {
  Start();
  const auto client = Connect();
  EXPECT_EQ(Call(*client, "Timeout"), "some"s);
  EXPECT_EQ(client->Call("S", "Timeout", "", Deadline::Infinite()), "none"s);
}

TEST_P(ServerTest, Call_HandlerForgets_IsAnsweredWithError) {
  Start();
  const auto client = Connect();
  const auto answer = Call(*client, "Forget");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Code::kInternal);
  EXPECT_EQ(answer.error().message(), "no answer");
}

TEST_P(ServerTest, Calls_ManyThreads_AreAnswered) {
  Start();
  const auto client = Connect();
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 50; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (int i = 0; i < 100; ++i) {
        const std::string payload = std::to_string(t * 1000 + i) + std::string(random() % 2000, 'x');
        right += Call(*client, "Later", payload) == payload;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 5000);
}

TEST_P(ServerTest, Call_LargestMessage_IsAnswered) {
  Start();
  const auto client = Connect();
  const std::string payload(kMaxFrameData - 100, 'x');
  EXPECT_EQ(Call(*client, "Later", payload), payload);
}

TEST_P(ServerTest, Call_AnotherWaits_IsAnswered) {
  Start();
  const auto client = Connect();
  const auto other = Connect();
  auto never =
      std::async(std::launch::async, [&] { return client->Call("S", "Never", "", Deadline::Infinite()); });
  while (handler_.held == 0) std::this_thread::yield();
  EXPECT_TRUE(Call(*client, "Echo"));
  EXPECT_TRUE(Call(*other, "Echo"));
  {
    const std::lock_guard lock(handler_.mutex);
    handler_.never.front().Respond("at last"s);
  }
  EXPECT_EQ(never.get(), "at last"s);
}

TEST_P(ServerTest, Respond_ConnectionIsGone_IsIgnored) {
  Start();
  auto client = Connect();
  client->CallAsync("S", "Never", "", 0ns, [](auto) {});
  while (handler_.held == 0) std::this_thread::yield();
  client.reset();
  const std::lock_guard lock(handler_.mutex);
  handler_.never.front().Respond("too late"s);
  handler_.never.clear();
}

TEST_P(ServerTest, Respond_ServerIsGone_IsIgnored) {
  Start();
  const auto client = Connect();
  client->CallAsync("S", "Never", "", 0ns, [](auto) {});
  while (handler_.held == 0) std::this_thread::yield();
  server_.reset();
  handler_.never.front().Respond("too late"s);
}

TEST_P(ServerTest, Stop_OpenConnections_EndsThem) {
  Start();
  const auto client = Connect();
  auto never =
      std::async(std::launch::async, [&] { return client->Call("S", "Never", "", Deadline::Infinite()); });
  while (handler_.held == 0) std::this_thread::yield();
  server_->Stop();
  server_->Stop();
  const auto answer = never.get();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Code::kUnavailable);
}

TEST_P(ServerTest, Client_DoesNotRead_IsCutOff) {
  Start({.limits = {.output_bytes = 1 << 20}});
  const auto other = Connect();
  const auto stream = ConnectStream();
  for (uint32_t id = 1; id < 400; id += 2) {
    static_cast<void>(stream->Write(RequestFrame(id, "Echo", std::string(64 << 10, 'x'))));
  }
  // What the socket holds, and then the end.
  std::vector<char> buffer(1 << 20);
  size_t read = 0;
  while (true) {
    const auto count = stream->Read(buffer);
    if (!count || *count == 0) break;
    read += *count;
  }
  EXPECT_LT(read, size_t{4} << 20);
  EXPECT_TRUE(Call(*other, "Echo"));
}

TEST_P(ServerTest, Receive_Garbage_IsAnsweredWithError) {
  Start();
  TestPeer peer(ConnectStream());
  std::string garbage;
  AppendFrame(garbage, 1, FrameType::kRequest, 0, "\xff\xff\xff");
  peer.Send(garbage);
  const auto client = Connect();
  EXPECT_TRUE(Call(*client, "Echo"));
}

TEST_P(ServerTest, Connect_TooMany_IsRefused) {
  Start({.connections = 2});
  const auto first = Connect();
  const auto second = Connect();
  EXPECT_TRUE(Call(*first, "Echo"));
  EXPECT_TRUE(Call(*second, "Echo"));
  const auto third = Connect();
  EXPECT_FALSE(Call(*third, "Echo"));
  EXPECT_TRUE(Call(*first, "Echo"));
}

TEST_P(ServerTest, Connect_AfterAnotherEnds_IsServed) {
  Start({.connections = 1});
  for (int i = 0; i < 20; ++i) {
    bool served = false;
    while (!served) served = Call(*Connect(), "Echo").has_value();
  }
}

class UnixServerTest : public ServerTest {};
INSTANTIATE_TEST_SUITE_P(Transports, UnixServerTest, ::testing::Values(Transport::kUnixSocket));

TEST_P(UnixServerTest, Stop_Listening_RemovesPath) {
  Start();
  struct stat info {};
  ASSERT_EQ(::lstat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  server_->Stop();
  EXPECT_EQ(::lstat(path_.c_str(), &info), -1);
}

TEST_P(UnixServerTest, Listen_Twice_Fails) {
  Start();
  const Status again = server_->Listen(path_ + "2");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code(), Code::kFailedPrecondition);
}

TEST_P(UnixServerTest, Connect_OtherUser_IsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be somebody else";
  Start();
  ASSERT_EQ(::chmod(directory_.c_str(), 0755), 0);
  ASSERT_EQ(::chmod(path_.c_str(), 0666), 0);
  // A thread may have other credentials than its process, by the bare system call.
  auto somebody = std::async(std::launch::async, [&] {
    EXPECT_EQ(::syscall(SYS_setresuid, 65534, 65534, 65534), 0);
    const auto client = Connect();
    return Call(*client, "Echo").has_value();
  });
  EXPECT_FALSE(somebody.get());
  EXPECT_TRUE(Call(*Connect(), "Echo"));
}

}  // namespace
}  // namespace virtcontainers::ttrpc
