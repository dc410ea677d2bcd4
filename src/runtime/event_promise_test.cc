// Whoever is told of an event may act on it at once: what it tells is so for every call.

#include <atomic>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <thread>

#include "runtime/test_runtime.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;

constexpr int kRounds = 9;

class EventPromiseTest : public RuntimeTest {
 protected:
  void SetUp() override {
    auto events = runtime_.Events();
    ASSERT_OK(events);
    events_ = std::move(*events);
  }

  // The next event of a type; all others are passed over.
  Event Await(EventType type) {
    while (true) {
      const auto event = events_->Next(Soon());
      if (!event || !*event) {
        ADD_FAILURE() << "no event '" << EventTypeName(type) << "' came";
        return {};
      }
      if ((*event)->type == type) return **event;
    }
  }

  // Runs `act` on another thread while this one waits for its event, and then `follow`.
  template <typename Act, typename Follow>
  void OnEvent(EventType type, Act act, Follow follow) {
    Runtime other = Open();
    // Earlier ones tell of what this test has done since.
    for (auto event = events_->Next(Passed()); event && *event;) event = events_->Next(Passed());
    std::thread acting([&] { act(other); });
    follow(Await(type));
    acting.join();
  }

  ContainerConfig Attached(const std::string& id, std::vector<std::string> args) const {
    ContainerConfig config = Container(id, std::move(args));
    config.output = ContainerOutput::kAttach;
    return config;
  }

  std::unique_ptr<EventStream> events_;
};

TEST_F(EventPromiseTest, ContainerStarted_AttachAndExecAndStatsWork) {
  CreateAndStart(Pod("web"));
  for (int round = 0; round < kRounds; ++round) {
    ASSERT_OK(runtime_.CreateContainer("web", Attached("a", {"sleep"}), Soon()));
    OnEvent(
        EventType::kContainerStarted,
        [](Runtime& other) { EXPECT_OK(other.StartContainer("web", "a", Soon())); },
        [&](const Event&) {
          const auto attached = runtime_.AttachContainer("web", "a");
          ASSERT_OK(attached);
          char byte;
          EXPECT_CODE((*attached)->ReadStdout({&byte, 1}, Deadline::After(milliseconds(1))),
                      Code::kDeadlineExceeded);
          EXPECT_OK((*attached)->Signal(0));
          EXPECT_OK(runtime_.EnterContainer("web", "a", Command({"true"}), Soon()));
          EXPECT_OK(runtime_.StatsContainer("web", "a", Soon()));
          EXPECT_EQ(runtime_.ContainerStatus("web", "a")->state, ContainerState::kRunning);
        });
    ASSERT_OK(runtime_.StopContainer("web", "a", milliseconds(0), Soon()));
    ASSERT_OK(runtime_.DeleteContainer("web", "a", Soon()));
  }
}

TEST_F(EventPromiseTest, ContainerCreated_StartWorks_AndExited_StartOrDeleteWork) {
  CreateAndStart(Pod("web"));
  for (int round = 0; round < kRounds; ++round) {
    OnEvent(
        EventType::kContainerCreated,
        [&](Runtime& other) { EXPECT_OK(other.CreateContainer("web", Container("a", {"sleep"}), Soon())); },
        [&](const Event&) { EXPECT_OK(runtime_.StartContainer("web", "a", Soon())); });
    OnEvent(
        EventType::kContainerExited,
        [](Runtime& other) { EXPECT_OK(other.KillContainer("web", "a", SIGKILL, Soon())); },
        [&](const Event& event) {
          EXPECT_EQ(event.exit, runtime_.ContainerStatus("web", "a")->exit);
          EXPECT_EQ(runtime_.ContainerStatus("web", "a")->state, ContainerState::kStopped);
          EXPECT_OK(runtime_.WaitContainer("web", "a", Passed()));
          if (round % 2 != 0) return;
          EXPECT_OK(runtime_.StartContainer("web", "a", Soon()));
        });
    ASSERT_OK(runtime_.StopContainer("web", "a", milliseconds(0), Soon()));
    OnEvent(
        EventType::kContainerDeleted,
        [](Runtime& other) { EXPECT_OK(other.DeleteContainer("web", "a", Soon())); },
        [&](const Event&) {
          EXPECT_OK(runtime_.CreateContainer("web", Container("a", {"sleep"}), Soon()));
          EXPECT_OK(runtime_.DeleteContainer("web", "a", Soon()));
        });
  }
}

TEST_F(EventPromiseTest, ProcessStarted_OpenWorks_AndItsExitIsToldAfterIt) {
  CreateAndStart(Pod("web", {Container("a", {"sleep"})}));
  for (int round = 0; round < kRounds; ++round) {
    OnEvent(
        EventType::kProcessStarted,
        [&](Runtime& other) { EXPECT_OK(other.EnterContainer("web", "a", Command({"true"}), Soon())); },
        [&](const Event& event) {
          const auto process = runtime_.OpenProcess("web", "a", event.process);
          ASSERT_OK(process);
          EXPECT_OK((*process)->Wait(Soon()));
          EXPECT_EQ(Await(EventType::kProcessExited).process, event.process);
        });
  }
}

TEST_F(EventPromiseTest, PodStarted_CallsWork_AndStopped_StartOrDeleteWork) {
  for (int round = 0; round < kRounds / 3; ++round) {
    OnEvent(
        EventType::kPodCreated,
        [&](Runtime& other) { EXPECT_OK(other.CreatePod(Pod("web", {Attached("a", {"sleep"})}))); },
        [&](const Event&) { EXPECT_OK(runtime_.FetchPod("web")); });
    OnEvent(
        EventType::kPodStarted, [](Runtime& other) { EXPECT_OK(other.StartPod("web", Soon())); },
        [&](const Event&) {
          EXPECT_EQ(StatusOf("web").state, PodState::kRunning);
          EXPECT_OK(runtime_.AttachContainer("web", "a"));
          EXPECT_OK(runtime_.EnterPod("web", Command({"true"}), Soon()));
          EXPECT_OK(runtime_.CreateContainer("web", Container("b"), Soon()));
        });
    OnEvent(
        EventType::kPodStopped,
        [](Runtime& other) { EXPECT_OK(other.StopPod("web", milliseconds(0), Soon())); },
        [&](const Event&) {
          EXPECT_EQ(StatusOf("web").state, PodState::kStopped);
          if (round % 2 == 0) return;
          EXPECT_OK(runtime_.StartPod("web", Soon()));
          EXPECT_OK(runtime_.StopPod("web", milliseconds(0), Soon()));
        });
    OnEvent(
        EventType::kPodDeleted, [](Runtime& other) { EXPECT_OK(other.DeletePod("web", Soon())); },
        [&](const Event&) {
          EXPECT_OK(runtime_.CreatePod(Pod("web")));
          EXPECT_OK(runtime_.DeletePod("web", Soon()));
        });
  }
}

}  // namespace
}  // namespace virtcontainers
