#include "monitor/record_keeper.h"

#include <gtest/gtest.h>
#include <thread>

#include "base/test_deadline.h"
#include "os/file.h"
#include "os/test_directory.h"
#include "pod/store.h"

namespace virtcontainers {
namespace {

class RecordKeeperTest : public testing::Test {
 protected:
  void SetUp() override {
    PodConfig config;
    config.id = "web";
    config.hypervisor.type = "mock";
    ASSERT_TRUE(store_.CreatePod(config));
    ASSERT_TRUE(keeper_.Load());
  }

  PodRecord OnDisk() const { return files_.LoadRecord().value(); }

  static void SetReason(LivePod& pod) { pod.record.reason = "changed"; }

  // A directory in the record's place: it cannot be written.
  void BreakDisk() {
    ASSERT_TRUE(RemoveTree(files_.paths().state()));
    ASSERT_TRUE(MakeDirectories(files_.paths().state() + "/in-the-way"));
  }
  void MendDisk() { ASSERT_TRUE(RemoveTree(files_.paths().state())); }

  const TestDirectory directory_;
  const Store store_ = *Store::Open(directory_ / "root", directory_ / "run");
  const PodFiles files_ = store_.Pod("web");
  RecordKeeper keeper_{files_};
};

TEST_F(RecordKeeperTest, Change_Succeeds_IsOnDiskWhenItReturns) {
  ASSERT_TRUE(keeper_.Change(SetReason));
  EXPECT_EQ(OnDisk().reason, "changed");
}

TEST_F(RecordKeeperTest, Update_OfWhatIsNotWritten_WritesNothing) {
  const std::string before = ReadFile(files_.paths().state(), 1 << 20).value();
  ASSERT_TRUE(RemoveTree(files_.paths().state()));
  keeper_.Update([](LivePod& pod) { pod.stopping = true; });
  EXPECT_TRUE(keeper_.Save());
  EXPECT_FALSE(FileExists(files_.paths().state())) << before;
}

TEST_F(RecordKeeperTest, Change_CannotBeWritten_HoldsAndIsWrittenLater) {
  int unsaved = 0;
  keeper_.OnUnsaved([&unsaved] { ++unsaved; });
  BreakDisk();
  EXPECT_FALSE(keeper_.Change(SetReason));
  EXPECT_EQ(unsaved, 1);
  EXPECT_EQ(keeper_.Read([](const LivePod& pod) { return pod.record.reason; }), "changed");
  EXPECT_FALSE(keeper_.Save());
  MendDisk();
  EXPECT_TRUE(keeper_.Save());
  EXPECT_EQ(unsaved, 2);
  EXPECT_EQ(OnDisk().reason, "changed");
}

TEST_F(RecordKeeperTest, BeginStart_UntilCommit_WritesProcessesOnly) {
  keeper_.BeginStart();
  ASSERT_TRUE(keeper_.Change([](LivePod& pod) {
    pod.record.reason = "changed";
    pod.record.monitor.pid = 77;
    pod.record.attachments = {{"share", {}, {}, {}}};
  }));
  EXPECT_EQ(OnDisk().reason, "");
  EXPECT_EQ(OnDisk().monitor.pid, 77);
  EXPECT_EQ(OnDisk().attachments.size(), 1u);
  ASSERT_TRUE(keeper_.CommitStart([](PodRecord& record) { record.state = PodState::kRunning; }));
  EXPECT_EQ(OnDisk().reason, "changed");
  EXPECT_EQ(OnDisk().state, PodState::kRunning);
}

TEST_F(RecordKeeperTest, RollBackStart_AfterChanges_RestoresRecord) {
  ASSERT_TRUE(keeper_.Change([](LivePod& pod) { pod.record.reason = "before"; }));
  keeper_.BeginStart();
  ASSERT_TRUE(keeper_.Change(SetReason));
  ASSERT_TRUE(keeper_.RollBackStart());
  EXPECT_EQ(OnDisk().reason, "before");
  EXPECT_EQ(keeper_.Read([](const LivePod& pod) { return pod.record.reason; }), "before");
}

TEST_F(RecordKeeperTest, RollBackStart_CommitCouldNotBeWritten_RestoresRecord) {
  keeper_.BeginStart();
  BreakDisk();
  EXPECT_FALSE(keeper_.CommitStart([](PodRecord& record) { record.state = PodState::kRunning; }));
  MendDisk();
  ASSERT_TRUE(keeper_.RollBackStart());
  EXPECT_EQ(OnDisk().state, PodState::kReady);
}

TEST_F(RecordKeeperTest, CommitStart_VmHasEnded_ChangesNothing) {
  keeper_.BeginStart();
  keeper_.Update([](LivePod& pod) { pod.stopped = true; });
  EXPECT_TRUE(keeper_.CommitStart([](PodRecord& record) { record.state = PodState::kRunning; }));
  EXPECT_EQ(OnDisk().state, PodState::kReady);
}

TEST_F(RecordKeeperTest, WaitUntil_ChangeByAnotherThread_Returns) {
  std::thread changer([this] { EXPECT_TRUE(keeper_.Change(SetReason)); });
  EXPECT_TRUE(keeper_.WaitUntil(Soon(), [](const LivePod& pod) { return pod.record.reason == "changed"; }));
  changer.join();
  EXPECT_FALSE(keeper_.WaitUntil(Deadline::After(std::chrono::milliseconds(1)),
                                 [](const LivePod& pod) { return pod.stopped; }));
}

TEST_F(RecordKeeperTest, Find_UnknownContainer_IsNotFound) {
  PodState state{};
  const auto found = keeper_.Find("a", &state);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().reason(), Reason::kContainerNotFound);
  EXPECT_EQ(found.error().message(), "no container 'a' in pod 'web'");
  EXPECT_EQ(state, PodState::kReady);
}

TEST_F(RecordKeeperTest, Change_ByManyThreads_WritesTheLast) {
  std::vector<std::thread> changers;
  for (int i = 0; i < 4; ++i) {
    changers.emplace_back([this] {
      for (int round = 0; round < 20; ++round) {
        EXPECT_TRUE(keeper_.Change([](LivePod& pod) { pod.record.reason += "x"; }));
      }
    });
  }
  for (std::thread& changer : changers) changer.join();
  EXPECT_EQ(OnDisk().reason, std::string(80, 'x'));
}

}  // namespace
}  // namespace virtcontainers
