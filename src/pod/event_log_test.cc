#include "pod/event_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <set>
#include <thread>
#include <vector>

#include "os/file.h"
#include "os/file_lock.h"
#include "os/test_directory.h"

namespace virtcontainers {
namespace {

class EventLogTest : public testing::Test {
 protected:
  static Event Some(EventType type = EventType::kContainerExited) {
    Event event;
    event.type = type;
    event.time = std::chrono::system_clock::now();
    event.pod = "web";
    event.container = "db";
    event.process = "exec-1";
    event.exit = ExitStatus{137};
    event.reason = "killed \"softly\"\n";
    return event;
  }

  std::vector<Event> Read(const std::string& name) const {
    std::vector<Event> events;
    const std::string text = ReadFile(directory_ / name, 16 << 20).value_or("");
    for (size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      if (auto event = ParseEvent(std::string_view(text).substr(begin, end - begin)))
        events.push_back(*event);
    }
    return events;
  }

  const TestDirectory directory_;
};

TEST_F(EventLogTest, FormatEvent_ParsedAgain_RoundTrips) {
  Event event = Some();
  event.sequence = 7;
  const auto read = ParseEvent(FormatEvent(event));
  ASSERT_TRUE(read) << read.error().ToString();
  EXPECT_EQ(read->type, EventType::kContainerExited);
  EXPECT_EQ(read->sequence, 7u);
  EXPECT_EQ(read->time, event.time);
  EXPECT_EQ(read->pod, "web");
  EXPECT_EQ(read->container, "db");
  EXPECT_EQ(read->process, "exec-1");
  EXPECT_EQ(read->exit, ExitStatus{137});
  EXPECT_EQ(read->reason, event.reason);
  EXPECT_EQ(EventTypeName(read->type), "container-exited");
}

TEST_F(EventLogTest, Append_WithCallback_HoldsLockAndLogsOnlyOnSuccess) {
  const EventLog log(directory_.path());
  ASSERT_TRUE(log.Append(Some(), [&]() -> Status {
    EXPECT_TRUE(FileLock::IsHeld(EventLogPaths(directory_.path()).lock()).value_or(false));
    EXPECT_EQ(Read("events.log").size(), 0u) << "it is told when it is so";
    return {};
  }));
  EXPECT_EQ(Read("events.log").size(), 1u);

  const Status failed =
      log.Append(Some(), [] { return Status(tl::unexpected(Error(Code::kAborted, "no"))); });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message(), "no");
  EXPECT_EQ(Read("events.log").size(), 1u) << "what did not happen is not told";
}

TEST_F(EventLogTest, Append_ManyWriters_SequenceNumbersAreConsecutive) {
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&] {
      const EventLog log(directory_.path());
      for (int n = 0; n < 25; ++n) EXPECT_TRUE(log.Append(Some()));
    });
  }
  for (std::thread& writer : writers) writer.join();
  const std::vector<Event> events = Read("events.log");
  ASSERT_EQ(events.size(), 100u);
  for (size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i].sequence, i + 1);
}

TEST_F(EventLogTest, Append_BeyondMaximumSize_RotatesAndContinuesSequence) {
  const EventLog log(directory_.path(), 4096);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(log.Append(Some()));
  EXPECT_LE(ReadFile(directory_ / "events.log.1", 1 << 20)->size(), 4096u + 300);
  std::vector<Event> events = Read("events.log.1");
  for (const Event& event : Read("events.log")) events.push_back(event);
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.back().sequence, 100u);
  EXPECT_LT(events.size(), 100u);
  for (size_t i = 1; i < events.size(); ++i) EXPECT_EQ(events[i].sequence, events[i - 1].sequence + 1);
}

TEST_F(EventLogTest, Append_AfterTornLine_SkipsTornLine) {
  const EventLog log(directory_.path());
  ASSERT_TRUE(log.Append(Some()));
  const UniqueFd file(::open((directory_ / "events.log").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  ASSERT_TRUE(WriteAll(file.get(), "{\"sequence\":2,\"ty"));
  ASSERT_TRUE(log.Append(Some(EventType::kPodStarted)));
  const std::vector<Event> events = Read("events.log");
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[1].sequence, 2u);
  EXPECT_EQ(events[1].type, EventType::kPodStarted);
}

TEST_F(EventLogTest, ParseEvent_Malformed_Fails) {
  for (const char* line : {"", "{}", "[]", "{\"sequence\":1}", "{\"sequence\":1,\"type\":\"party\"}",
                           "{\"sequence\":0,\"type\":\"pod-started\",\"time\":\"2026-01-31T09:05:00Z\"}",
                           "{\"sequence\":1,\"type\":\"pod-started\",\"time\":\"yesterday\"}"}) {
    EXPECT_FALSE(ParseEvent(line)) << line;
  }
}

TEST_F(EventLogTest, Append_DirectoryIsGone_Fails) {
  const auto appended = EventLog(directory_ / "nowhere").Append(Some());
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code(), Code::kNotFound);
}

}  // namespace
}  // namespace virtcontainers
