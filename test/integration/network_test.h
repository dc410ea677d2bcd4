// What the tests of networks with real VMs have in common.

#ifndef VIRTCONTAINERS_TEST_INTEGRATION_NETWORK_TEST_H_
#define VIRTCONTAINERS_TEST_INTEGRATION_NETWORK_TEST_H_

#include <string>
#include <utility>

#include "integration/network_lab.h"

namespace virtcontainers::test {

// The laboratory is entered once, before the first test.
class LabEnvironment : public testing::Environment {
 public:
  void SetUp() override {
    if (!PodHost::Obstacle().empty()) return;
    ASSERT_EQ(EnterNetworkLab(), "");
  }
};

// Each test leaves the laboratory as it was.
class NetworkTest : public PodTest {
 protected:
  void SetUp() override {
    PodTest::SetUp();
    if (!IsSkipped() && !HasFatalFailure()) before_ = LinksAndRules();
  }

  void TearDown() override {
    PodTest::TearDown();  // stops and deletes the pods
    if (!undo_.empty()) RunAll(undo_);
    if (IsSkipped() || before_.empty()) return;
    // The kernel takes the devices of a namespace away a moment after its last process.
    EXPECT_TRUE(Eventually([&] { return LinksAndRules() == before_; })) << "before:\n"
                                                                        << before_ << "after:\n"
                                                                        << LinksAndRules();
  }

  // Runs commands, and others when the pods are gone.
  void Make(const std::string& commands, const std::string& undo) {
    RunAll(commands);
    undo_ = undo + "\n" + undo_;
  }

  // A bridge as engines make them, with the addresses .1 and ::1 of its networks.
  void MakeBridge(const std::string& name, const std::string& ipv4, const std::string& ipv6) {
    Make("ip link add " + name + " type bridge\nip addr add " + ipv4 + ".1/24 dev " + name +
             "\nip -6 addr add " + ipv6 + "::1/64 dev " + name + " nodad\nip link set " + name + " up",
         "ip link del " + name);
  }

  // A pod with one container that sleeps, and networks.
  PodConfig NetworkPod(const std::string& id, std::vector<NetworkConfig> networks) {
    PodConfig pod = Pod(id, {Container(id + "-c")});
    pod.networks = std::move(networks);
    return pod;
  }

  Finished In(const std::string& pod, const std::string& script, std::string_view input = "") {
    return Finish(runtime().EnterContainer(pod, pod + "-c", Shell(script)), input);
  }

  // Whether the pod's guest gets an answer from an address.
  bool Pings(const std::string& pod, const std::string& address) {
    return In(pod, "ping -c 1 -W 2 " + address).code == 0;
  }

  // A process that may change the guest's network, as a guest that was taken over could.
  static ProcessConfig AsNetworkAdmin(ProcessConfig process) {
    const std::vector<std::string> all = {"CAP_NET_ADMIN", "CAP_NET_RAW"};
    process.capabilities = Capabilities{all, all, {}, all, {}};
    return process;
  }

  static NetworkConfig Network(NetworkKind kind, std::string source = "") {
    NetworkConfig network;
    network.kind = kind;
    network.source = std::move(source);
    return network;
  }

 private:
  std::string before_, undo_;
};

}  // namespace virtcontainers::test

#endif  // VIRTCONTAINERS_TEST_INTEGRATION_NETWORK_TEST_H_
