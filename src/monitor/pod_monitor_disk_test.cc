// A pod's monitor on a disk that takes nothing for a while.

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <gtest/gtest.h>
#include <string>
#include <thread>

#include "monitor/test_pod.h"
#include "os/file.h"

namespace virtcontainers {
namespace {

using std::chrono::milliseconds;

class PodMonitorDiskTest : public PodMonitorTest {
 protected:
  // The state cannot be written: there is a directory in its place. It can be read aside.
  void Break() {
    ASSERT_EQ(::rename(State().c_str(), Aside().c_str()), 0);
    ASSERT_EQ(::mkdir(State().c_str(), 0700), 0);
  }
  void Mend() {
    ASSERT_EQ(::rmdir(State().c_str()), 0);
    ASSERT_EQ(::rename(Aside().c_str(), State().c_str()), 0);
  }

  ContainerState StateOf(const std::string& id) const {
    PodRecord record = Record();
    const ContainerRecord* container = record.Find(id);
    return container != nullptr ? container->state : ContainerState{};
  }

 private:
  std::string State() const { return files_.paths().state(); }
  std::string Aside() const { return State() + ".aside"; }
};

TEST_F(PodMonitorDiskTest, StartContainer_RecordCannotBeWritten_Fails) {
  Start({Container("a")});
  ASSERT_TRUE(pod_->CreateContainer(Container("b"), Soon()));
  Break();
  EXPECT_FALSE(pod_->StartContainer("b", Soon()));
  Mend();
  EXPECT_EQ(StateOf("b"), ContainerState::kReady);
  const Status again = pod_->StartContainer("b", Soon());
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_EQ(StateOf("b"), ContainerState::kRunning);
}

TEST_F(PodMonitorDiskTest, StopContainer_RecordCannotBeWritten_FailsAndCanBeRepeated) {
  Start({Container("a")});
  Break();
  EXPECT_FALSE(pod_->StopContainer("a", milliseconds(0), Soon()));
  Mend();
  EXPECT_TRUE(pod_->StopContainer("a", milliseconds(0), Soon()));
  EXPECT_EQ(StateOf("a"), ContainerState::kStopped);
}

TEST_F(PodMonitorDiskTest, Record_DiskRecovers_IsWrittenWithoutNewCall) {
  Start({Container("a")});
  Break();
  EXPECT_FALSE(pod_->StopContainer("a", milliseconds(0), Soon()));
  Mend();
  const Deadline deadline = Soon();
  while (StateOf("a") != ContainerState::kStopped && !deadline.passed()) std::this_thread::yield();
  EXPECT_EQ(StateOf("a"), ContainerState::kStopped) << "nobody asked again";
}

TEST_F(PodMonitorDiskTest, DeleteContainer_RecordCannotBeWritten_FailsAndCanBeRepeated) {
  Start({Container("a")});
  ASSERT_TRUE(pod_->CreateContainer(Container("b"), Soon()));
  Break();
  EXPECT_FALSE(pod_->DeleteContainer("b", Soon()));
  Mend();
  const Status again = pod_->DeleteContainer("b", Soon());
  ASSERT_TRUE(again) << again.error().ToString();
  PodRecord record = Record();
  EXPECT_EQ(record.Find("b"), nullptr);
  EXPECT_FALSE(FileExists(files_.paths().container("b")));
}

TEST_F(PodMonitorDiskTest, Pause_RecordCannotBeWritten_Fails) {
  Start({Container("a")});
  Break();
  EXPECT_FALSE(pod_->PauseContainer("a", Soon()));
  EXPECT_FALSE(pod_->PausePod(Soon()));
  Mend();
  EXPECT_EQ(StateOf("a"), ContainerState::kRunning);
  EXPECT_TRUE(pod_->StatsContainer("a", Soon())) << "it stands still";
  ASSERT_TRUE(pod_->PauseContainer("a", Soon()));
  Break();
  EXPECT_FALSE(pod_->ResumeContainer("a", Soon()));
  Mend();
  EXPECT_TRUE(pod_->ResumeContainer("a", Soon()));
  EXPECT_EQ(StateOf("a"), ContainerState::kRunning);
}

}  // namespace
}  // namespace virtcontainers
