// Against a QEMU that is played by the test: the other end of a socket pair.

#include "hypervisor/qemu/qmp_client.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

#include "base/test_deadline.h"
#include "os/file.h"

namespace virtcontainers {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kGreeting[] =
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}}, \"capabilities\": "
    "[]}}\r\n";

Deadline Shortly() { return Deadline::After(std::chrono::milliseconds(20)); }

class FakeQemu {
 public:
  FakeQemu() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ours_.reset(ends[0]);
    theirs_.reset(ends[1]);
  }

  UniqueFd TheirEnd() { return std::move(theirs_); }
  void Say(const std::string& text) { EXPECT_TRUE(WriteAll(ours_.get(), text)); }
  void Leave() { ours_.reset(); }

  // The next command, parsed; null at the end.
  Json Hear() {
    while (heard_.find('\n') == std::string::npos) {
      char buffer[4096];
      const ssize_t n = ::read(ours_.get(), buffer, sizeof buffer);
      if (n <= 0) return nullptr;
      heard_.append(buffer, static_cast<size_t>(n));
    }
    const size_t end = heard_.find('\n');
    Json command = ParseJson(heard_.substr(0, end)).value();
    heard_.erase(0, end + 1);
    return command;
  }

  // The next command, and the descriptors that came with its first byte.
  Json Hear(std::vector<UniqueFd>& descriptors) {
    char byte = 0;
    iovec part{&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    EXPECT_EQ(::recvmsg(ours_.get(), &message, MSG_CMSG_CLOEXEC), 1);
    heard_ += byte;
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    const size_t count = header == nullptr ? 0 : (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      descriptors.emplace_back(fd);
    }
    return Hear();
  }

  void Greet() {
    Say(kGreeting);
    Answer(Hear(), "{}");
  }
  void Answer(const Json& command, const std::string& value) {
    Say("{\"return\": " + value + ", \"id\": " + command["id"].dump() + "}\r\n");
  }

 private:
  UniqueFd ours_, theirs_;
  std::string heard_;
};

std::unique_ptr<QmpClient> Connect(FakeQemu& qemu, QmpClient::EventHandler on_event = nullptr) {
  std::thread greeter([&] { qemu.Greet(); });
  auto client = QmpClient::Open(qemu.TheirEnd(), std::move(on_event), Soon());
  greeter.join();
  EXPECT_TRUE(client) << client.error().ToString();
  return client ? std::move(*client) : nullptr;
}

TEST(QmpClientTest, Execute_WithDescriptors_SendsThemWithTheCommand) {
  FakeQemu qemu;
  const auto client = Connect(qemu);
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  std::thread answering([&] {
    std::vector<UniqueFd> descriptors;
    const Json command = qemu.Hear(descriptors);
    EXPECT_EQ(command["execute"], "getfd");
    ASSERT_EQ(descriptors.size(), 2u);
    struct stat sent {
    }, received{};
    EXPECT_EQ(::fstat(null.get(), &sent), 0);
    EXPECT_EQ(::fstat(descriptors[1].get(), &received), 0);
    EXPECT_EQ(received.st_rdev, sent.st_rdev);
    qemu.Answer(command, "{}");
  });
  EXPECT_TRUE(client->Execute("getfd", {{"fdname", "a"}}, {null.get(), null.get()}, Soon()));
  answering.join();
}

TEST(QmpClientTest, Open_QemuGreets_NegotiatesCapabilities) {
  FakeQemu qemu;
  qemu.Say(kGreeting);
  std::thread answerer([&] {
    const Json command = qemu.Hear();
    EXPECT_EQ(command["execute"], "qmp_capabilities");
    qemu.Answer(command, "{}");
  });
  const auto client = QmpClient::Open(qemu.TheirEnd(), nullptr, Soon());
  answerer.join();
  ASSERT_TRUE(client);
  EXPECT_EQ((*client)->version(), "7.2.22");
}

TEST(QmpClientTest, Open_NoGreeting_FailsAtDeadline) {
  FakeQemu qemu;
  EXPECT_EQ(QmpClient::Open(qemu.TheirEnd(), nullptr, Shortly()).error().code(), Code::kDeadlineExceeded);
}

TEST(QmpClientTest, Open_QemuEnds_IsUnavailable) {
  FakeQemu qemu;
  qemu.Leave();
  EXPECT_EQ(QmpClient::Open(qemu.TheirEnd(), nullptr, Soon()).error().code(), Code::kUnavailable);
}

TEST(QmpClientTest, Execute_AnswersOutOfOrderWithEvents_ReachMatchingCallers) {
  FakeQemu qemu;
  std::vector<std::string> events;
  auto client = Connect(qemu, [&](const QmpEvent& event) { events.push_back(event.name); });
  std::thread answerer([&] {
    const Json first = qemu.Hear(), second = qemu.Hear();
    qemu.Say("{\"event\": \"STOP\"}\r\n");
    qemu.Answer(second, second["arguments"].dump());
    qemu.Say("{\"event\": \"RESUME\"}\r\n");
    qemu.Answer(first, first["arguments"].dump());
  });
  std::vector<std::thread> callers;
  for (int i = 0; i < 2; ++i) {
    callers.emplace_back([&, i] { EXPECT_EQ(client->Execute("x", {{"n", i}}, Soon()).value()["n"], i); });
  }
  for (std::thread& caller : callers) caller.join();
  answerer.join();
  client.reset();
  EXPECT_THAT(events, ElementsAre("STOP", "RESUME"));
}

TEST(QmpClientTest, Execute_QemuReturnsError_FailsWithDescription) {
  FakeQemu qemu;
  auto client = Connect(qemu);
  std::thread answerer([&] {
    qemu.Say("{\"id\": " + qemu.Hear()["id"].dump() +
             ", \"error\": {\"class\": \"CommandNotFound\", \"desc\": \"no such\"}}\r\n");
    qemu.Say("{\"id\": " + qemu.Hear()["id"].dump() +
             ", \"error\": {\"class\": \"GenericError\", \"desc\": \"not now\"}}\r\n");
  });
  EXPECT_EQ(client->Execute("a", Soon()).error().code(), Code::kNotFound);
  const Result<Json> refused = client->Execute("b", Soon());
  EXPECT_EQ(refused.error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(refused.error().message(), "qemu refuses 'b': not now");
  answerer.join();
}

TEST(QmpClientTest, Execute_AnswerComesTooLate_IsDropped) {
  FakeQemu qemu;
  auto client = Connect(qemu);
  EXPECT_EQ(client->Execute("slow", Shortly()).error().code(), Code::kDeadlineExceeded);
  const Json slow = qemu.Hear();
  std::thread answerer([&] {
    const Json next = qemu.Hear();
    qemu.Answer(slow, "{\"from\": \"slow\"}");
    qemu.Answer(next, "{\"from\": \"next\"}");
  });
  EXPECT_EQ(client->Execute("next", Soon()).value()["from"], "next");
  answerer.join();
}

TEST(QmpClientTest, Execute_ConnectionEnds_FailsAfterLastEvent) {
  FakeQemu qemu;
  std::atomic<bool> shutdown = false;
  auto client = Connect(qemu, [&](const QmpEvent& event) { shutdown = event.name == "SHUTDOWN"; });
  std::thread leaver([&] {
    qemu.Hear();
    qemu.Say("{\"event\": \"SHUTDOWN\", \"data\": {\"reason\": \"host-qmp-quit\"}}\r\n");
    qemu.Leave();
  });
  EXPECT_EQ(client->Execute("quit", Soon()).error().code(), Code::kUnavailable);
  EXPECT_TRUE(client->WaitClosed(Soon()));
  EXPECT_TRUE(shutdown);
  EXPECT_EQ(client->Execute("more", Soon()).error().code(), Code::kUnavailable);
  leaver.join();
}

TEST(QmpClientTest, Receive_Malformed_ClosesConnection) {
  FakeQemu qemu;
  auto client = Connect(qemu);
  qemu.Say("nonsense\n");
  EXPECT_TRUE(client->WaitClosed(Soon()));
  EXPECT_EQ(client->Execute("x", Soon()).error().code(), Code::kDataLoss);
}

TEST(QmpClientTest, Execute_QemuDoesNotRead_FailsAtDeadline) {
  FakeQemu qemu;
  auto client = Connect(qemu);
  const Json large = {{"text", std::string(8 << 20, 'x')}};
  EXPECT_EQ(client->Execute("x", large, Shortly()).error().code(), Code::kDeadlineExceeded);
  EXPECT_TRUE(client->WaitClosed(Soon())) << "half a command cannot be followed by another";
}

}  // namespace
}  // namespace virtcontainers
