// A pod's monitor on a disk that takes nothing for a while.

#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <thread>
#include <vector>

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

TEST_F(PodMonitorDiskTest, Routes_RecordCannotBeWritten_AreAsTheyWere) {
  std::vector<std::string> of_guest;
  faults_.update_routes = [&](const std::vector<NetworkInterface>& interfaces) {
    of_guest.clear();
    for (const Route& route : interfaces.at(0).routes) of_guest.push_back(route.destination);
    return Status();
  };
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd ours(ends[0]);
  std::map<std::string, UniqueFd> sockets;
  sockets["net0"].reset(ends[1]);
  PodConfig config;
  config.id = "web";
  config.hypervisor.type = "mock";
  config.agent.type = "noop";
  config.networks.emplace_back().kind = NetworkKind::kDescriptor;
  config.networks.back().name = "net0";
  ASSERT_TRUE(store_.CreatePod(config));
  ASSERT_TRUE(MakeDirectories(files_.paths().run_dir));
  pod_ = std::make_unique<PodMonitor>(parts_, files_, "/guest", std::move(sockets));
  const Status started = pod_->Start(Soon());
  ASSERT_TRUE(started) << started.error().ToString();

  const std::vector<std::string> none, one = {"10.1.0.0/16"};
  const Route route{.destination = one[0], .gateway = "10.0.0.1"};
  Break();
  EXPECT_FALSE(pod_->AddRoute("net0", route, Soon()));
  Mend();
  EXPECT_EQ(of_guest, none);
  const Status added = pod_->AddRoute("net0", route, Soon());
  ASSERT_TRUE(added) << added.error().ToString();
  Break();
  EXPECT_FALSE(pod_->RemoveRoute("net0", {.destination = one[0]}, Soon()));
  Mend();
  EXPECT_EQ(of_guest, one);
  const Status removed = pod_->RemoveRoute("net0", route, Soon());
  ASSERT_TRUE(removed) << removed.error().ToString();
  EXPECT_EQ(of_guest, none);
}

}  // namespace
}  // namespace virtcontainers
