#include "link/session_stream.h"

#include <sys/socket.h>

#include <array>
#include <chrono>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <thread>

#include "base/unique_fd.h"
#include "link/session_port.h"
#include "link/test_session.h"
#include "ttrpc/fd_stream.h"

namespace virtcontainers::link {
namespace {

using namespace std::chrono_literals;

// A port: the host's end is a Stream, the guest's end is in the test's hands.
class Port {
 public:
  Port() {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    host = *ttrpc::FdStream::Create(UniqueFd(fds[0]));
    guest = *ttrpc::FdStream::Create(UniqueFd(fds[1]));
  }

  std::string GuestReads() {
    std::array<char, 4096> buffer;
    const auto count = guest->Read(buffer);
    return count ? std::string(buffer.data(), *count) : std::string();
  }
  void GuestWrites(std::string_view bytes) { EXPECT_TRUE(guest->Write(bytes)); }

  // Reads the host's mark, as it is, and leaves the repetitions to come.
  std::string HostsMark() {
    std::string mark;
    while (mark.size() < 11) mark += GuestReads();
    if (const size_t second = mark.find('\xC0', 1); second != std::string::npos) mark.resize(second);
    return mark;
  }

  std::unique_ptr<Stream> host;
  std::unique_ptr<Stream> guest;
};

// A guest that answers every request with the same bytes.
void Echo(Stream& guest, int* sessions) {
  SessionPort* self = nullptr;
  SessionPort port({[&] { ++*sessions; }, [&](std::string_view data) { self->Send(data); }});
  self = &port;
  std::array<char, 3000> buffer;
  while (true) {
    const auto count = guest.Read(buffer);
    if (!count || *count == 0) return;
    port.Receive(std::span(buffer).first(*count));
    if (!guest.Write(port.Output())) return;
    port.Consume(port.Output().size());
  }
}

std::string ReadExactly(Stream& stream, size_t size) {
  std::string all;
  std::array<char, 1777> buffer;
  while (all.size() < size) {
    const auto count = stream.Read(std::span(buffer).first(std::min(buffer.size(), size - all.size())));
    if (!count || *count == 0) break;
    all.append(buffer.data(), *count);
  }
  return all;
}

TEST(SessionStream, Stream_BothWays_CarriesData) {
  Port port;
  int sessions = 0;
  std::thread guest([&] { Echo(*port.guest, &sessions); });
  auto session = SessionStream::Open(std::move(port.host), Deadline::After(10s));
  ASSERT_TRUE(session) << session.error().ToString();
  std::mt19937 random(6);
  std::string data(300'000, '\0');
  for (char& c : data) c = random() % 10 == 0 ? "\xC0\xDB"[random() % 2] : static_cast<char>(random());
  std::thread writer([&] { EXPECT_TRUE((*session)->Write(data)); });
  EXPECT_EQ(ReadExactly(**session, data.size()), data);
  writer.join();
  session->reset();
  guest.join();
  EXPECT_EQ(sessions, 1);
}

TEST(SessionStream, Open_LeftoversOfOlderSessions_AreDropped) {
  Port port;
  port.GuestWrites("half a frame\xDB" + Mark(1) + "an answer nobody waits for" + Mark(2));
  auto opening = std::async([&] { return SessionStream::Open(std::move(port.host), Deadline::After(10s)); });
  const std::string mark = port.HostsMark();
  port.GuestWrites("more" + mark + "hello");
  auto session = opening.get();
  ASSERT_TRUE(session) << session.error().ToString();
  EXPECT_EQ(ReadExactly(**session, 5), "hello");
}

TEST(SessionStream, Open_FirstMarksLost_RepeatsMark) {
  Port port;
  auto opening = std::async([&] { return SessionStream::Open(std::move(port.host), Deadline::After(10s)); });
  // The first marks get lost, as if the port had no reader yet.
  std::string seen;
  while (seen.size() < 3 * 11) seen += port.GuestReads();
  port.GuestWrites(port.HostsMark());
  EXPECT_TRUE(opening.get());
}

TEST(SessionStream, Read_AnswersToRepeatedMarks_AreIgnored) {
  Port port;
  auto opening = std::async([&] { return SessionStream::Open(std::move(port.host), Deadline::After(10s)); });
  const std::string mark = port.HostsMark();
  port.GuestWrites(mark);
  auto session = opening.get();
  ASSERT_TRUE(session) << session.error().ToString();
  port.GuestWrites(mark + mark + "data");
  EXPECT_EQ(ReadExactly(**session, 4), "data");
}

TEST(SessionStream, Open_NoAnswer_FailsAtDeadline) {
  Port port;
  const auto session = SessionStream::Open(std::move(port.host), Deadline::After(30ms));
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code(), Code::kDeadlineExceeded);
}

TEST(SessionStream, Open_PortBufferFull_FailsAtDeadline) {
  Port port;
  const int fd = static_cast<ttrpc::FdStream&>(*port.host).fd();
  const std::string filler(64 << 10, 'x');
  while (::send(fd, filler.data(), filler.size(), MSG_DONTWAIT) > 0) {
  }
  const auto session = SessionStream::Open(std::move(port.host), Deadline::After(30ms));
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code(), Code::kDeadlineExceeded);
}

TEST(SessionStream, Open_LinkIsClosed_Fails) {
  Port port;
  port.guest.reset();
  const auto session = SessionStream::Open(std::move(port.host), Deadline::After(10s));
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code(), Code::kUnavailable);
}

TEST(SessionStream, Read_OtherSessionBegins_FailsWithUnavailable) {
  Port port;
  auto opening = std::async([&] { return SessionStream::Open(std::move(port.host), Deadline::After(10s)); });
  port.GuestWrites(port.HostsMark() + "data" + Mark(99) + "not ours");
  auto session = opening.get();
  ASSERT_TRUE(session) << session.error().ToString();
  EXPECT_EQ(ReadExactly(**session, 4), "data");
  std::array<char, 10> buffer;
  const auto count = (*session)->Read(buffer);
  ASSERT_FALSE(count);
  EXPECT_EQ(count.error().code(), Code::kUnavailable);
}

TEST(SessionStream, Read_BytesLost_FailsWithDataLoss) {
  Port port;
  auto opening = std::async([&] { return SessionStream::Open(std::move(port.host), Deadline::After(10s)); });
  port.GuestWrites(port.HostsMark());
  auto session = opening.get();
  ASSERT_TRUE(session) << session.error().ToString();
  port.GuestWrites("ok\xDB!wrong");
  EXPECT_EQ(ReadExactly(**session, 2), "ok");
  std::array<char, 10> buffer;
  for (int i = 0; i < 2; ++i) {
    const auto count = (*session)->Read(buffer);
    ASSERT_FALSE(count);
    EXPECT_EQ(count.error().code(), Code::kDataLoss);
  }
}

}  // namespace
}  // namespace virtcontainers::link
