#include "runtime/event_reader.h"

#include <poll.h>

#include <gtest/gtest.h>
#include <thread>

#include "os/test_directory.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;

class EventReaderTest : public testing::Test {
 protected:
  void Append(int count = 1, uint64_t max_bytes = EventLog::kMaxBytes) {
    for (int i = 0; i < count; ++i) {
      Event event;
      event.type = EventType::kPodStarted;
      event.time = std::chrono::system_clock::now();
      event.pod = "web";
      ASSERT_TRUE(EventLog(directory_.path(), max_bytes).Append(event));
    }
  }

  std::unique_ptr<EventStream> Open(std::optional<uint64_t> after = {}) {
    auto reader = EventReader::Open(directory_.path(), after);
    EXPECT_TRUE(reader) << reader.error().ToString();
    return std::move(*reader);
  }

  static std::optional<Event> Next(EventStream& stream, milliseconds patience = milliseconds(0)) {
    auto event = stream.Next(Deadline::After(patience));
    EXPECT_TRUE(event) << event.error().ToString();
    return event.value_or(std::nullopt);
  }

  static bool Readable(const EventStream& stream) {
    pollfd poll{stream.fd(), POLLIN, 0};
    return ::poll(&poll, 1, 0) == 1;
  }

  const TestDirectory directory_;
};

TEST_F(EventReaderTest, Open_WithoutNumber_BeginsNow) {
  Append(3);
  const auto stream = Open();
  EXPECT_FALSE(Next(*stream));
  EXPECT_FALSE(Readable(*stream));
  Append();
  EXPECT_TRUE(Readable(*stream));
  const auto event = Next(*stream);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->sequence, 4u);
  EXPECT_FALSE(Next(*stream));
}

TEST_F(EventReaderTest, Open_WithNumber_BeginsAfterIt) {
  Append(5);
  EXPECT_EQ(Next(*Open(0))->sequence, 1u);
  EXPECT_EQ(Next(*Open(3))->sequence, 4u);
  EXPECT_FALSE(Next(*Open(5)));
}

TEST_F(EventReaderTest, Next_NoEvent_WaitsForOne) {
  const auto stream = Open();
  std::thread writer([&] {
    std::this_thread::sleep_for(milliseconds(50));
    Append();
  });
  EXPECT_TRUE(Next(*stream, milliseconds(30000)));
  writer.join();
}

TEST_F(EventReaderTest, Next_LogIsRotated_LosesNoEvent) {
  const auto stream = Open(0);
  uint64_t expected = 0;
  for (int round = 0; round < 50; ++round) {
    Append(3, 1024);
    for (int i = 0; i < 3; ++i) {
      const auto event = Next(*stream);
      ASSERT_TRUE(event);
      EXPECT_EQ(event->sequence, ++expected);
      EXPECT_EQ(event->type, EventType::kPodStarted);
    }
  }
}

TEST_F(EventReaderTest, Next_EventsAreGone_ReturnsLost) {
  Append(1);
  const auto stream = Open(0);
  EXPECT_EQ(Next(*stream)->sequence, 1u);
  Append(200, 1024);
  bool told = false;
  uint64_t last = 1;
  while (const auto event = Next(*stream)) {
    if (event->type == EventType::kLost) {
      EXPECT_FALSE(told);
      told = true;
      EXPECT_NE(event->reason.find("missing"), std::string::npos);
    } else if (told) {
      EXPECT_EQ(event->sequence, last + 1);
    }
    last = event->sequence;
  }
  EXPECT_TRUE(told);
  EXPECT_EQ(last, 201u);
}

TEST_F(EventReaderTest, Open_RootIsMissing_Fails) {
  const auto stream = EventReader::Open(directory_ / "nowhere", {});
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().code(), Code::kNotFound);
}

}  // namespace
}  // namespace virtcontainers
