// The calls on networks, with real networks of the host and a VM that does nothing.

#include <sched.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "base/json.h"
#include "network/network_traces.h"
#include "os/subprocess.h"
#include "runtime/test_runtime.h"

namespace virtcontainers {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class NetworkCallsTest : public RuntimeTest {
 protected:
  // Runs `body` on a thread in a network namespace with a bridge, where monitors that it starts live, too.
  void OnOwnHost(const std::function<void()>& body) {
    if (::geteuid() != 0) GTEST_SKIP() << "skipped: networks of the host need root";
    std::thread([&] {
      ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
      Sh("ip link set lo up; ip link add br0 type bridge; ip link set br0 up");
      before_ = Devices();
      body();
      for (const PodStatus& pod : runtime_.ListPod().value_or(std::vector<PodStatus>())) {
        EXPECT_OK(runtime_.StopPod(pod.id, std::chrono::milliseconds(0), Soon()));
      }
      // The kernel removes the devices of a namespace that has ended some time later.
      EXPECT_TRUE(Eventually([&] { return Devices() == before_; })) << Devices();
    }).join();
  }

  static std::string Sh(const std::string& script) {
    const Result<std::string> output = RunCommand({"/bin/sh", "-ec", script}, Soon());
    EXPECT_OK(output);
    return output.value_or("");
  }
  static std::string Devices() { return Sh("ip -o link | cut -d: -f2"); }

  static NetworkConfig Bridge(const std::string& name) {
    NetworkConfig network;
    network.kind = NetworkKind::kBridge;
    network.name = name;
    network.source = "br0";
    network.addresses = {"10.9.0.2/24"};
    return network;
  }

  std::vector<std::string> NetworksOf(const std::string& pod) {
    std::vector<std::string> names;
    for (const NetworkStatus& network : StatusOf(pod).networks) names.push_back(network.name);
    return names;
  }

  // What a dead monitor has left that had begun to attach the pod to a CNI network.
  void LeaveCniFile(const std::string& pod) {
    const Json record = {{"list", R"({"cniVersion": "1.0.0", "name": "n", "plugins": [{"type": "note"}]})"},
                         {"plugin_directories", {directory_.path()}},
                         // Its plugins' processes are known by this: two runs of the test have two names.
                         {"container", std::filesystem::path(Paths(pod).run_dir).filename()},
                         {"netns", "/proc/1/ns/none"},
                         {"interface", "eth0"},
                         {"args", Json::object()},
                         {"capabilities", ""},
                         {"result", ""}};
    NetworkTraces traces;
    traces.owner = std::filesystem::path(Paths(pod).run_dir).filename();
    traces.cni = DumpJson(record, false);
    ASSERT_TRUE(MakeDirectories(Paths(pod).networks()));
    ASSERT_TRUE(WriteFileAtomically(Paths(pod).network("eth0"), FormatTraces(traces)));
  }
  void InstallPlugin() {
    ASSERT_TRUE(WriteFileAtomically(directory_ / "note",
                                    "#!/bin/sh\ncat > /dev/null\n"
                                    "[ $CNI_COMMAND = VERSION ] && echo '{\"cniVersion\": \"1.0.0\", "
                                    "\"supportedVersions\": [\"1.0.0\"]}' && exit\n"
                                    "echo $CNI_COMMAND >> '" +
                                        directory_ / "calls" + "'\n"));
    std::filesystem::permissions(directory_ / "note", std::filesystem::perms::owner_all);
  }
  std::string Calls() const { return ReadFile(directory_ / "calls", 1000).value_or(""); }

  std::string before_;
};

constexpr char kPod[] = "web";

TEST_F(NetworkCallsTest, PodThatDoesNotRun_IsToBeStartedFirst) {
  EXPECT_CODE(runtime_.AddNetwork(kPod, Bridge("net0")), Code::kNotFound);
  ASSERT_OK(runtime_.CreatePod(Pod(kPod)));
  const Route route{.destination = "10.10.0.0/16", .gateway = "10.9.0.1"};
  const auto expect_refused = [&] {
    const auto added = runtime_.AddNetwork(kPod, Bridge("net0"));
    EXPECT_CODE(added, Code::kFailedPrecondition);
    EXPECT_THAT(added.error().ToString(), HasSubstr("start it first"));
    EXPECT_CODE(runtime_.RemoveNetwork(kPod, "net0"), Code::kFailedPrecondition);
    EXPECT_CODE(runtime_.AddRoute(kPod, "net0", route), Code::kFailedPrecondition);
    EXPECT_CODE(runtime_.RemoveRoute(kPod, "net0", route), Code::kFailedPrecondition);
  };
  expect_refused();
  ASSERT_OK(runtime_.StartPod(kPod, Soon()));
  ASSERT_OK(runtime_.PausePod(kPod, Soon()));
  EXPECT_CODE(runtime_.AddNetwork(kPod, Bridge("net0")), Code::kFailedPrecondition);
  ASSERT_OK(runtime_.StopPod(kPod, std::chrono::milliseconds(0), Soon()));
  expect_refused();
}

TEST_F(NetworkCallsTest, InvalidNetwork_IsRefusedWithItsField) {
  CreateAndStart(Pod(kPod));
  NetworkConfig network = Bridge("net0");
  network.mac = "nonsense";
  const auto added = runtime_.AddNetwork(kPod, network);
  EXPECT_CODE(added, Code::kInvalidArgument);
  EXPECT_THAT(added.error().ToString(), HasSubstr("nonsense"));
}

TEST_F(NetworkCallsTest, UnknownNetwork_IsNotFoundAndTheOthersAreNamed) {
  OnOwnHost([&] {
    CreateAndStart(Pod(kPod));
    ASSERT_OK(runtime_.AddNetwork(kPod, Bridge("net0")));
    const auto removed = runtime_.RemoveNetwork(kPod, "net1");
    EXPECT_CODE(removed, Code::kNotFound);
    EXPECT_THAT(removed.error().ToString(), HasSubstr("net0"));
  });
}

TEST_F(NetworkCallsTest, NameThatIsTaken_IsRefused) {
  OnOwnHost([&] {
    PodConfig config = Pod(kPod);
    config.networks = {Bridge("net0")};
    CreateAndStart(config);
    EXPECT_CODE(runtime_.AddNetwork(kPod, Bridge("net0")), Code::kAlreadyExists);
    EXPECT_THAT(NetworksOf(kPod), ElementsAre("net0"));
  });
}

TEST_F(NetworkCallsTest, Removed_CanBeAddedAgain) {
  OnOwnHost([&] {
    CreateAndStart(Pod(kPod));
    for (int i = 0; i < 2; ++i) {
      ASSERT_OK(runtime_.AddNetwork(kPod, Bridge("net0")));
      EXPECT_THAT(NetworksOf(kPod), ElementsAre("net0"));
      EXPECT_NE(Devices(), before_);
      ASSERT_OK(runtime_.RemoveNetwork(kPod, "net0"));
      EXPECT_THAT(NetworksOf(kPod), IsEmpty());
      EXPECT_FALSE(FileExists(Paths(kPod).network("net0")));
      EXPECT_EQ(Devices(), before_) << "the bridge's port is gone when the call returns";
    }
  });
}

TEST_F(NetworkCallsTest, Stopped_BridgePortIsGone) {
  OnOwnHost([&] {
    PodConfig config = Pod(kPod);
    config.networks = {Bridge("net0")};
    ASSERT_OK(runtime_.CreatePod(config));
    for (int i = 0; i < 2; ++i) {
      ASSERT_OK(runtime_.StartPod(kPod, Soon()));
      EXPECT_NE(Devices(), before_);
      ASSERT_OK(runtime_.StopPod(kPod, std::chrono::milliseconds(0), Soon()));
      EXPECT_EQ(Devices(), before_);
    }
  });
}

TEST_F(NetworkCallsTest, MonitorAndVmDied_NextCallTakesTheBridgePortAway) {
  OnOwnHost([&] {
    PodConfig config = Pod(kPod);
    config.networks = {Bridge("net0")};
    ASSERT_OK(runtime_.CreatePod(config));
    ASSERT_OK(runtime_.StartPod(kPod, Soon()));
    const pid_t vm = StatusOf(kPod).vm_pid;
    KillMonitor(kPod);
    Kill(vm);
    EXPECT_OK(runtime_.DeletePod(kPod, Soon()));
    EXPECT_EQ(Devices(), before_);
  });
}

TEST_F(NetworkCallsTest, Failed_LeavesNothing) {
  OnOwnHost([&] {
    CreateAndStart(Pod(kPod));
    NetworkConfig network = Bridge("net0");
    network.source = "nobr";
    const auto added = runtime_.AddNetwork(kPod, network);
    ASSERT_FALSE(added);
    EXPECT_THAT(added.error().ToString(), HasSubstr("nobr"));
    EXPECT_FALSE(FileExists(Paths(kPod).network("net0")));
    EXPECT_TRUE(Eventually([&] { return Devices() == before_; }));
    EXPECT_OK(runtime_.AddNetwork(kPod, Bridge("net0")));
  });
}

TEST_F(NetworkCallsTest, Routes_AreAddedOnceAndRemovedOnce) {
  OnOwnHost([&] {
    CreateAndStart(Pod(kPod));
    ASSERT_OK(runtime_.AddNetwork(kPod, Bridge("net0")));
    const Route route{.destination = "10.10.0.0/16", .gateway = "10.9.0.1"};
    ASSERT_OK(runtime_.AddRoute(kPod, "net0", route));
    EXPECT_CODE(runtime_.AddRoute(kPod, "net0", route), Code::kAlreadyExists);
    ASSERT_OK(runtime_.RemoveRoute(kPod, "net0", route));
    EXPECT_CODE(runtime_.RemoveRoute(kPod, "net0", route), Code::kNotFound);
  });
}

TEST_F(NetworkCallsTest, MonitorDied_NetworkIsKeptAndCanBeRemoved) {
  OnOwnHost([&] {
    CreateAndStart(Pod(kPod));
    ASSERT_OK(runtime_.AddNetwork(kPod, Bridge("net0")));
    KillMonitor(kPod);
    EXPECT_CODE(runtime_.AddNetwork(kPod, Bridge("net0")), Code::kAlreadyExists);
    KillMonitor(kPod);
    ASSERT_OK(runtime_.RemoveNetwork(kPod, "net0"));
    EXPECT_THAT(NetworksOf(kPod), IsEmpty());
  });
}

TEST_F(NetworkCallsTest, MonitorDiedAndAddedNetworkWasNotRecorded_IsUndone) {
  InstallPlugin();
  CreateAndStart(Pod(kPod));
  KillMonitor(kPod);
  LeaveCniFile(kPod);
  // Any call that needs the monitor.
  EXPECT_CODE(runtime_.RemoveNetwork(kPod, "none"), Code::kNotFound);
  EXPECT_EQ(Calls(), "DEL\n");
  EXPECT_FALSE(FileExists(Paths(kPod).network("eth0")));
}

TEST_F(NetworkCallsTest, PluginIsMissing_CallsSayWhyUntilItIsThere) {
  ASSERT_OK(runtime_.CreatePod(Pod(kPod)));
  LeaveCniFile(kPod);
  for (const Status& refused : {runtime_.StartPod(kPod, Soon()), runtime_.DeletePod(kPod, Soon())}) {
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().ToString(), HasSubstr("'note'"));
    EXPECT_THAT(refused.error().ToString(), HasSubstr(Paths(kPod).network("eth0")));
  }
  InstallPlugin();
  EXPECT_OK(runtime_.StartPod(kPod, Soon()));
  EXPECT_EQ(Calls(), "DEL\n");
}

TEST_F(NetworkCallsTest, OneNetworkCannotBeUndone_TheOthersAre) {
  ASSERT_OK(runtime_.CreatePod(Pod(kPod)));
  LeaveCniFile(kPod);
  NetworkTraces traces;
  traces.owner = std::filesystem::path(Paths(kPod).run_dir).filename();
  ASSERT_TRUE(WriteFileAtomically(Paths(kPod).network("net9"), FormatTraces(traces)));
  EXPECT_FALSE(runtime_.StartPod(kPod, Soon()));
  EXPECT_FALSE(FileExists(Paths(kPod).network("net9")));
  InstallPlugin();
}

TEST_F(NetworkCallsTest, FileIsDamaged_PodIsNotHeldUp) {
  ASSERT_OK(runtime_.CreatePod(Pod(kPod)));
  ASSERT_TRUE(MakeDirectories(Paths(kPod).networks()));
  ASSERT_TRUE(WriteFileAtomically(Paths(kPod).network("eth0"), "{\"cni\": \""));
  EXPECT_OK(runtime_.StartPod(kPod, Soon()));
  EXPECT_FALSE(FileExists(Paths(kPod).network("eth0")));
}

TEST_F(NetworkCallsTest, FileOfAPodThatRanBeforeTheHostsRestart_IsUndone) {
  InstallPlugin();
  ASSERT_OK(runtime_.CreatePod(Pod(kPod)));
  LeaveCniFile(kPod);
  // Such a pod has an empty journal, or none, and no run directory.
  std::filesystem::remove(Paths(kPod).journal());
  EXPECT_OK(runtime_.StartPod(kPod, Soon()));
  EXPECT_EQ(Calls(), "DEL\n");
}

}  // namespace
}  // namespace virtcontainers
