#include "monitor/event_outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/test_directory.h"
#include "pod/event_log.h"

namespace virtcontainers {
namespace {

using testing::ElementsAre;

class EventOutboxTest : public testing::Test {
 protected:
  void SetUp() override { outbox_ = std::make_unique<EventOutbox>(directory_.path(), "web"); }

  // What is in the log when everything is written.
  std::vector<EventType> Written() {
    outbox_.reset();
    std::vector<EventType> types;
    for (const Event& event : EventsOf(EventLogPaths(directory_.path()), "web")) types.push_back(event.type);
    return types;
  }

  const TestDirectory directory_;
  std::unique_ptr<EventOutbox> outbox_;
};

TEST_F(EventOutboxTest, Emit_Events_AreWrittenInOrder) {
  outbox_->Emit(EventType::kContainerStarted, "a");
  outbox_->Emit(EventType::kContainerExited, "a", "", ExitStatus{3}, "why");
  EXPECT_THAT(Written(), ElementsAre(EventType::kContainerStarted, EventType::kContainerExited));
  const std::vector<Event> events = EventsOf(EventLogPaths(directory_.path()), "web");
  EXPECT_EQ(events[1].container, "a");
  EXPECT_EQ(events[1].exit->code, 3);
  EXPECT_EQ(events[1].reason, "why");
}

TEST_F(EventOutboxTest, Defer_NeverEmitted_WritesNothing) {
  outbox_->Defer();
  outbox_->Emit(EventType::kContainerStarted, "a");
  EXPECT_THAT(Written(), ElementsAre());
}

TEST_F(EventOutboxTest, EmitDeferred_AfterDefer_WritesFirstThenDeferred) {
  outbox_->Defer();
  outbox_->Emit(EventType::kContainerStarted, "a");
  outbox_->EmitNow(Event{}, {});
  outbox_->EmitDeferred(EventType::kPodStarted);
  outbox_->Emit(EventType::kPodStopped);
  EXPECT_THAT(Written(), ElementsAre(Event{}.type, EventType::kPodStarted, EventType::kContainerStarted,
                                     EventType::kPodStopped));
}

}  // namespace
}  // namespace virtcontainers
