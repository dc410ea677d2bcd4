// Namespaces, bridges, taps and descriptors that pods are given.

#include <fcntl.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <atomic>
#include <cstring>
#include <net/if.h>

#include "integration/network_test.h"

namespace virtcontainers::test {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

[[maybe_unused]] testing::Environment* const kLab = testing::AddGlobalTestEnvironment(new LabEnvironment);

class NamespaceNetworkTest : public NetworkTest {
 protected:
  // As netavark does: a veth into a bridge, addresses of both families, default routes.
  void MakeLikeNetavark(const std::string& name) {
    Make("ip netns add " + name + "\nip link add name eth0 netns " + name + " type veth peer name v-" + name +
             "\nip link set v-" + name + " master br0 up\nip -n " + name + " link set lo up\nip -n " + name +
             " link set eth0 mtu 1400 address 02:00:00:00:aa:01 up\nip -n " + name +
             " addr add 10.70.0.2/24 dev eth0\nip -n " + name +
             " -6 addr add fd70::2/64 dev eth0 nodad\nip -n " + name +
             " route add default via 10.70.0.1 metric 100\nip -n " + name +
             " -6 route add default via fd70::1\nip -n " + name +
             " route add 198.51.100.0/24 via 10.70.0.9 src 10.70.0.2\nip -n " + name +
             " neigh add 10.70.0.77 lladdr 02:00:00:00:00:77 dev eth0 nud permanent",
         "ip netns del " + name + "\nip link del v-" + name + " 2>/dev/null || true");
  }
};

TEST_F(NamespaceNetworkTest, MadeAsByNetavark_IsTheGuests_AndIsGivenBack) {
  MakeBridge("br0", "10.70.0", "fd70");
  MakeLikeNetavark("blue");
  ASSERT_OK(runtime().RunPod(NetworkPod("p", {Network(NetworkKind::kNamespace, "/run/netns/blue")})));

  const PodStatus status = StatusOf("p");
  ASSERT_EQ(status.networks.size(), 1u);
  ASSERT_EQ(status.networks[0].interfaces.size(), 1u);
  const NetworkInterface& eth0 = status.networks[0].interfaces[0];
  EXPECT_EQ(eth0.name, "eth0");
  EXPECT_EQ(eth0.mac, "02:00:00:00:aa:01");
  EXPECT_EQ(eth0.mtu, 1400u);
  EXPECT_THAT(eth0.addresses, UnorderedElementsAre("10.70.0.2/24", "fd70::2/64"));
  EXPECT_THAT(status.networks[0].host, HasSubstr("veth in /run/netns/blue"));

  const std::string guest =
      In("p", "ip link show eth0; ip addr show eth0; ip route; ip -6 route; ip neigh").out;
  EXPECT_THAT(guest, HasSubstr("mtu 1400"));
  EXPECT_THAT(guest, HasSubstr("02:00:00:00:aa:01"));
  EXPECT_THAT(guest, HasSubstr("inet 10.70.0.2/24"));
  EXPECT_THAT(guest, HasSubstr("default via 10.70.0.1 dev eth0  metric 100"));
  EXPECT_THAT(guest, HasSubstr("default via fd70::1 dev eth0"));
  EXPECT_THAT(guest, HasSubstr("198.51.100.0/24 via 10.70.0.9 dev eth0  src 10.70.0.2"));
  EXPECT_THAT(guest, HasSubstr("10.70.0.77 dev eth0 lladdr 02:00:00:00:00:77"));

  // Both directions, both families.
  EXPECT_TRUE(Pings("p", "10.70.0.1"));
  EXPECT_TRUE(Pings("p", "fd70::1"));
  {
    LabServer server("::", 7000, [](int connection) { SendAll(connection, "hello from the host"); });
    EXPECT_EQ(In("p", "nc fd70::1 7000 </dev/null").out, "hello from the host");
  }
  auto listening = runtime().EnterContainer("p", "p-c", Shell("echo hello from the guest | nc -l -p 7001"));
  ASSERT_OK(listening);
  const UniqueFd connection = ConnectTo("10.70.0.2", 7001);
  ASSERT_TRUE(connection);
  EXPECT_EQ(ReadToEnd(connection.get()), "hello from the guest\n");

  ASSERT_OK(runtime().StopPod("p"));
  EXPECT_THAT(OutputOf("tc -n blue qdisc; ip -n blue link"), Not(HasSubstr("ingress")));
  RunAll("ip netns exec blue sh -c 'busybox ping -c 1 -W 2 10.70.0.1 >/dev/null'");
}

TEST_F(NamespaceNetworkTest, MadeAsByContainerd_GatewayOutsideOfTheSubnet_IsReached) {
  Make(
      "ip netns add ptp\nip link add name eth0 netns ptp type veth peer name ptp0\nip link set ptp0 up\n"
      "ip addr add 169.254.1.1/32 dev ptp0\nip route add 10.71.0.2/32 dev ptp0\nip -n ptp link set eth0 up\n"
      "ip -n ptp addr add 10.71.0.2/32 dev eth0\nip -n ptp route add 169.254.1.1 dev eth0 scope link\n"
      "ip -n ptp route add default via 169.254.1.1 dev eth0 onlink",
      "ip netns del ptp\nip link del ptp0 2>/dev/null || true");
  ASSERT_OK(runtime().RunPod(NetworkPod("p", {Network(NetworkKind::kNamespace, "/run/netns/ptp")})));
  EXPECT_TRUE(Pings("p", "169.254.1.1"));
  RunAll("busybox ping -c 1 -W 2 10.71.0.2 >/dev/null");
}

TEST_F(NamespaceNetworkTest, CallerAndMonitorKilled_NamespaceIsGivenBackByTheNextCall) {
  MakeBridge("br0", "10.70.0", "fd70");
  MakeLikeNetavark("blue");
  ASSERT_OK(runtime().RunPod(NetworkPod("p", {Network(NetworkKind::kNamespace, "/run/netns/blue")})));
  const PodStatus status = StatusOf("p");
  ASSERT_EQ(::kill(status.monitor_pid, SIGKILL), 0);
  ASSERT_EQ(::kill(status.vm_pid, SIGKILL), 0);
  EXPECT_TRUE(Eventually([&] { return StatusOf("p").state == PodState::kStopped; }));
  ASSERT_OK(runtime().DeletePod("p"));
  EXPECT_THAT(OutputOf("tc -n blue qdisc"), Not(HasSubstr("ingress")));
}

TEST_F(NamespaceNetworkTest, NamespaceIsGoneAtTheNextStart_PodIsAsItWas) {
  MakeBridge("br0", "10.70.0", "fd70");
  MakeLikeNetavark("blue");
  ASSERT_OK(runtime().CreatePod(NetworkPod("p", {Network(NetworkKind::kNamespace, "/run/netns/gone")})));
  EXPECT_FAILS(runtime().StartPod("p"), Code::kNotFound, "/run/netns/gone");
  EXPECT_EQ(StatusOf("p").state, PodState::kReady);
}

TEST_F(NamespaceNetworkTest, BadNamespaces_AreNamed_AndNothingIsMade) {
  Make("ip netns add empty\nip -n empty link set lo up", "ip netns del empty");
  WriteTo(dir() + "/file", "x");
  const std::pair<std::string, std::string> cases[] = {
      {dir() + "/file", "is a regular file, not a network namespace"},
      {"/proc/self/ns/mnt", "not a network namespace"},
      {"/run/netns/empty", "/run/netns/empty"},
      {"/proc/1/root/none", "/proc/1/root/none"},
  };
  for (const auto& [path, message] : cases) {
    const Status run = runtime().RunPod(NetworkPod("p", {Network(NetworkKind::kNamespace, path)}));
    ASSERT_FALSE(run) << path;
    EXPECT_THAT(run.error().ToString(), HasSubstr(message));
    EXPECT_THAT(runtime().ListPod().value(), IsEmpty());
  }
  EXPECT_THAT(ProcessesLeft(), IsEmpty());
}

TEST_F(NamespaceNetworkTest, BridgeAndTap_WithStaticAddresses_ReachTheHost_AndCannotLie) {
  MakeBridge("br0", "10.70.0", "fd70");
  Make("ip tuntap add tap7 mode tap\nip addr add 10.72.0.1/24 dev tap7\nip link set tap7 up",
       "ip link del tap7");
  NetworkConfig bridge = Network(NetworkKind::kBridge, "br0");
  bridge.addresses = {"10.70.0.5/24", "fd70::5/64"};
  bridge.routes = {{"0.0.0.0/0", "10.70.0.1", "", 0, false}};
  NetworkConfig tap = Network(NetworkKind::kTap, "tap7");
  tap.addresses = {"10.72.0.2/24"};
  tap.mac = "02:00:00:00:72:02";
  ASSERT_OK(runtime().RunPod(NetworkPod("p", {bridge, tap})));
  EXPECT_TRUE(Pings("p", "10.70.0.1"));
  EXPECT_TRUE(Pings("p", "fd70::1"));
  EXPECT_TRUE(Pings("p", "10.72.0.1"));
  EXPECT_THAT(OutputOf("ip neigh show 10.72.0.2"), HasSubstr("02:00:00:00:72:02"));

  // The guest takes an address that is not its own: nobody hears of it.
  const auto enter = [&](const std::string& script) {
    return Finish(runtime().EnterPod("p", AsNetworkAdmin(Shell(script))));
  };
  EXPECT_EQ(enter("ip addr add 10.72.0.99/24 dev eth1").code, 0);
  EXPECT_NE(enter("ping -c 1 -W 1 -I 10.72.0.99 10.72.0.1").code, 0);
  EXPECT_EQ(enter("ip addr del 10.72.0.99/24 dev eth1; ip link set eth0 down; "
                  "ip link set eth0 address 02:00:00:00:00:99; ip link set eth0 up")
                .code,
            0);
  EXPECT_NE(enter("ping -c 1 -W 1 10.70.0.1").code, 0);

  // The tap is somebody's now.
  ASSERT_OK(runtime().CreatePod(NetworkPod("q", {Network(NetworkKind::kTap, "tap7")})));
  EXPECT_FAILS(runtime().StartPod("q"), Code::kFailedPrecondition, "tap7");
  ASSERT_OK(runtime().StopPod("p"));
  EXPECT_THAT(OutputOf("tc qdisc show dev tap7"), Not(HasSubstr("ingress")));
}

TEST_F(NamespaceNetworkTest, SpoofingAllowed_OtherAddressIsHeard) {
  MakeBridge("br0", "10.70.0", "fd70");
  NetworkConfig bridge = Network(NetworkKind::kBridge, "br0");
  bridge.addresses = {"10.70.0.5/24"};
  bridge.allow_spoofing = true;
  ASSERT_OK(runtime().RunPod(NetworkPod("p", {bridge})));
  EXPECT_EQ(
      Finish(runtime().EnterPod(
                 "p", AsNetworkAdmin(Shell(
                          "ip addr add 10.70.0.99/24 dev eth0; ping -c 1 -W 2 -I 10.70.0.99 10.70.0.1"))))
          .code,
      0);
}

TEST_F(NamespaceNetworkTest, DescriptorsHandedOver_AtTheStartAndLater_CarryFrames) {
  Make("ip tuntap add tap8 mode tap vnet_hdr\nip addr add 10.73.0.1/24 dev tap8\nip link set tap8 up",
       "ip link del tap8");
  UniqueFd tap(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  ifreq request{};
  std::strcpy(request.ifr_name, "tap8");
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  ASSERT_EQ(::ioctl(tap.get(), TUNSETIFF, &request), 0) << std::strerror(errno);
  NetworkConfig network = Network(NetworkKind::kDescriptor);
  network.addresses = {"10.73.0.2/24"};
  ASSERT_OK(runtime().CreatePod(NetworkPod("p", {network})));
  EXPECT_FAILS(runtime().StartPod("p"), Code::kInvalidArgument, "it needs a descriptor");
  ASSERT_OK(runtime().StartPod("p", {.descriptors = {{"eth0", tap.get()}}}));
  EXPECT_TRUE(Pings("p", "10.73.0.1"));

  // Frames of a stream socket, each after its length.
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  network.addresses = {"10.74.0.2/24"};
  ASSERT_OK(runtime().AddNetwork("p", network, theirs.get()));
  theirs.reset();
  EXPECT_NE(In("p", "ping -c 1 -W 1 10.74.0.1").code, 0);  // an ARP request, at least
  const timeval patience{5, 0};
  ::setsockopt(ours.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  unsigned char frame[64];
  ASSERT_EQ(::recv(ours.get(), frame, sizeof(frame), MSG_WAITALL), static_cast<ssize_t>(sizeof(frame)));
  EXPECT_EQ(frame[0], 0);
  EXPECT_EQ(frame[1], 0);
  ASSERT_OK(runtime().RemoveNetwork("p", "eth1"));
  UniqueFd file(::open("/dev/null", O_RDWR | O_CLOEXEC));
  EXPECT_FAILS(runtime().AddNetwork("p", network, file.get()), Code::kInvalidArgument,
               "neither a connected stream");
}

TEST_F(NamespaceNetworkTest, Running_NetworksAddedAndRemovedTenTimes_LeaveNothing) {
  MakeBridge("br0", "10.70.0", "fd70");
  ASSERT_OK(runtime().RunPod(NetworkPod("p", {})));
  const auto descriptors = [&] {
    return OutputOf("ls /proc/" + std::to_string(StatusOf("p").vm_pid) + "/fd | wc -l");
  };
  NetworkConfig bridge = Network(NetworkKind::kBridge, "br0");
  bridge.addresses = {"10.70.0.5/24"};
  std::string before;
  for (int round = 0; round < 10; ++round) {
    const auto added = runtime().AddNetwork("p", bridge);
    ASSERT_OK(added);
    EXPECT_EQ(added->name, "eth0");
    if (round % 5 == 0) {
      EXPECT_TRUE(Pings("p", "10.70.0.1"));
    }
    ASSERT_OK(runtime().RemoveNetwork("p", "eth0"));
    if (round == 0) before = descriptors();
  }
  EXPECT_EQ(descriptors(), before);
  EXPECT_THAT(StatusOf("p").networks, IsEmpty());
  EXPECT_NE(In("p", "ip link show eth0").code, 0);
  EXPECT_FAILS(runtime().RemoveNetwork("p", "eth0"), Code::kNotFound, "the pod has no network 'eth0'");

  // Routes come and go with their networks.
  ASSERT_OK(runtime().AddNetwork("p", bridge));
  const Route route{"198.51.100.0/24", "10.70.0.1", "", 0, false};
  ASSERT_OK(runtime().AddRoute("p", "eth0", route));
  EXPECT_FAILS(runtime().AddRoute("p", "eth0", route), Code::kAlreadyExists, "198.51.100.0/24");
  EXPECT_THAT(In("p", "ip route").out, HasSubstr("198.51.100.0/24 via 10.70.0.1 dev eth0"));
  EXPECT_EQ(StatusOf("p").networks[0].interfaces[0].routes.size(), 1u);
  EXPECT_FAILS(runtime().AddRoute("p", "eth0", {"203.0.113.0/24", "192.0.2.1", "", 0, false}),
               Code::kFailedPrecondition, "203.0.113.0/24");
  ASSERT_OK(runtime().RemoveRoute("p", "eth0", route));
  EXPECT_THAT(In("p", "ip route").out, Not(HasSubstr("198.51.100.0/24")));
  EXPECT_FAILS(runtime().AddNetwork("p",
                                    [&] {
                                      NetworkConfig twice = bridge;
                                      twice.name = "eth0";
                                      return twice;
                                    }()),
               Code::kAlreadyExists, "'eth0'");
}

TEST_F(NamespaceNetworkTest, Microvm_RefusesNetworksWhileItRuns_AndNamesQ35) {
  MakeBridge("br0", "10.70.0", "fd70");
  NetworkConfig bridge = Network(NetworkKind::kBridge, "br0");
  bridge.addresses = {"10.70.0.5/24"};
  PodConfig pod = NetworkPod("p", {bridge});
  pod.hypervisor.machine = "microvm";
  ASSERT_OK(runtime().RunPod(pod));
  EXPECT_TRUE(Pings("p", "10.70.0.1"));
  bridge.addresses = {"10.70.0.6/24"};
  EXPECT_FAILS(runtime().AddNetwork("p", bridge), Code::kFailedPrecondition, "q35");
  EXPECT_EQ(StatusOf("p").networks.size(), 1u);
}

TEST_F(NamespaceNetworkTest, MonitorKilled_TransferOf100MB_GoesOn) {
  MakeBridge("br0", "10.70.0", "fd70");
  NetworkConfig bridge = Network(NetworkKind::kBridge, "br0");
  bridge.addresses = {"10.70.0.5/24"};
  ASSERT_OK(runtime().RunPod(NetworkPod("p", {bridge})));
  std::atomic<size_t> sent{0};
  LabServer server("0.0.0.0", 7000, [&](int connection) {
    const std::string block(1 << 20, 'x');
    for (int i = 0; i < 100; ++i) {
      SendAll(connection, block);
      sent += block.size();
    }
  });
  auto receiving = runtime().EnterContainer("p", "p-c", Shell("nc 10.70.0.1 7000 </dev/null | sha256sum"));
  ASSERT_OK(receiving);
  ASSERT_TRUE(Eventually([&] { return sent > (5 << 20); }));
  const pid_t monitor = StatusOf("p").monitor_pid;
  ASSERT_EQ(::kill(monitor, SIGKILL), 0);
  EXPECT_LT(sent, size_t{100} << 20) << "the transfer was over too soon";
  const Finished finished = Finish(std::move(receiving));
  EXPECT_EQ(finished.out, OutputOf("head -c 104857600 /dev/zero | tr '\\0' x | sha256sum"));
  EXPECT_NE(StatusOf("p").monitor_pid, monitor);
  ASSERT_OK(runtime().RemoveNetwork("p", "eth0"));
}

}  // namespace
}  // namespace virtcontainers::test
