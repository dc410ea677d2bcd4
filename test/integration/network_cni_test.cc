// Pods on networks that the distribution's CNI plugins make.

#include <sys/stat.h>

#include "integration/network_test.h"

namespace virtcontainers::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

[[maybe_unused]] testing::Environment* const kLab = testing::AddGlobalTestEnvironment(new LabEnvironment);

class CniNetworkTest : public NetworkTest {
 protected:
  // host-local with its store in the test's directory, and both families.
  std::string Ipam(const std::string& ipv4, const std::string& ipv6) const {
    return R"("ipam":{"type":"host-local","dataDir":")" + dir() + R"(/ipam","ranges":[[{"subnet":")" + ipv4 +
           R"(.0/24"}],[{"subnet":")" + ipv6 + R"(::/64"}]],"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}]})";
  }

  // A list of the directory that pods of the test look in.
  void WriteList(const std::string& name, const std::string& plugins, const std::string& version = "1.0.0") {
    ::mkdir((dir() + "/net.d").c_str(), 0755);
    WriteTo(dir() + "/net.d/10-" + name + ".conflist",
            R"({"cniVersion":")" + version + R"(","name":")" + name + R"(","plugins":[)" + plugins + "]}");
  }

  NetworkConfig Cni(const std::string& list) const {
    NetworkConfig network = Network(NetworkKind::kCni, list);
    network.cni.directories = {dir() + "/net.d"};
    network.cni.plugin_directories = {"/usr/lib/cni"};
    return network;
  }

  // The addresses that host-local has given away.
  std::string Allocated(const std::string& list) const {
    return OutputOf("ls " + dir() + "/ipam/" + list +
                    " 2>/dev/null | grep -v 'last_reserved\\|lock' || true");
  }
};

TEST_F(CniNetworkTest, TwoPodsOnABridge_ReachEachOtherByName_UntilTheyAreDeleted) {
  WriteList("lan", R"({"type":"bridge","bridge":"cni-lan","isGateway":true,"ipMasq":true,)" +
                       Ipam("10.80.0", "fd80") + R"(},{"type":"tuning"})");
  Make("true", "ip link del cni-lan");
  PodConfig a = NetworkPod("a", {Cni("lan")}), b = NetworkPod("b", {Cni("lan")});
  a.hosts = {{"10.80.0.3", {"beta"}}, {"fd80::3", {"beta6"}}};
  b.hosts = {{"10.80.0.2", {"alpha"}}};
  ASSERT_OK(runtime().RunPod(a));
  ASSERT_OK(runtime().RunPod(b));
  EXPECT_EQ(StatusOf("a").networks[0].interfaces[0].addresses,
            (std::vector<std::string>{"10.80.0.2/24", "fd80::2/64"}));
  EXPECT_THAT(StatusOf("a").networks[0].host, HasSubstr("cni lan: cni-lan, veth"));
  EXPECT_THAT(In("a", "cat /etc/hosts").out, HasSubstr("10.80.0.2\ta\n"));

  for (const char* name : {"beta", "fd80::3"}) EXPECT_TRUE(Pings("a", name)) << name;
  EXPECT_TRUE(Pings("b", "alpha"));
  const auto serve = [&](const std::string& pod) {
    return runtime().EnterContainer(pod, pod + "-c", Shell("echo from " + pod + " | nc -l -p 7000"));
  };
  {
    auto server = serve("b");
    ASSERT_OK(server);
    ASSERT_TRUE(Eventually([&] { return In("a", "nc beta 7000 </dev/null").out == "from b\n"; }));
  }
  {
    auto server = serve("a");
    ASSERT_OK(server);
    const UniqueFd connection = ConnectTo("fd80::2", 7000);
    ASSERT_TRUE(connection);
    EXPECT_EQ(ReadToEnd(connection.get()), "from a\n");
  }
  {
    LabServer server("0.0.0.0", 7001, [](int connection) { SendAll(connection, "from the host"); });
    EXPECT_EQ(In("a", "nc 10.80.0.1 7001 </dev/null").out, "from the host");
  }

  EXPECT_THAT(Allocated("lan"), HasSubstr("10.80.0.3"));
  ASSERT_OK(runtime().StopPod("b"));
  EXPECT_THAT(Allocated("lan"), Not(HasSubstr("10.80.0.3")));
  EXPECT_FALSE(Pings("a", "beta"));
  // Started again, it has a network again.
  ASSERT_OK(runtime().StartPod("b"));
  EXPECT_TRUE(Pings("b", "alpha"));
  ASSERT_OK(runtime().StopPod("a"));
  ASSERT_OK(runtime().StopPod("b"));
  EXPECT_EQ(Allocated("lan"), "");
}

TEST_F(CniNetworkTest, PortmapAndBandwidth_DoWhatTheNetworkAsksFor) {
  WriteList("web", R"({"type":"bridge","bridge":"cni-web","isGateway":true,"hairpinMode":true,)" +
                       Ipam("10.81.0", "fd81") +
                       R"(},{"type":"portmap","capabilities":{"portMappings":true},"snat":true},)"
                       R"({"type":"bandwidth","capabilities":{"bandwidth":true}})");
  Make("true",
       "ip link del cni-web; iptables -t nat -F; iptables -t nat -X; ip6tables -t nat -F; ip6tables -t nat "
       "-X");
  NetworkConfig network = Cni("web");
  network.forwards = {{"", 18080, 7000, 1, NetworkProtocol::kTcp}};
  network.limits.receive.rate = 4 << 20;
  ASSERT_OK(runtime().RunPod(NetworkPod("p", {network})));
  auto server = runtime().EnterContainer("p", "p-c", Shell("echo through the port | nc -l -p 7000"));
  ASSERT_OK(server);
  const UniqueFd connection = ConnectTo("10.81.0.1", 18080);
  ASSERT_TRUE(connection);
  EXPECT_EQ(ReadToEnd(connection.get()), "through the port\n");
  EXPECT_THAT(OutputOf("tc qdisc"), HasSubstr("tbf"));
  EXPECT_THAT(OutputOf("iptables -t nat -S"), HasSubstr("18080"));
  const Finished ports = Virtc({"pod", "port", "p"});
  EXPECT_THAT(ports.out, HasSubstr("18080:7000/tcp"));
  ASSERT_OK(runtime().StopPod("p"));
  EXPECT_THAT(OutputOf("iptables -t nat -S"), Not(HasSubstr("18080")));
  EXPECT_EQ(Allocated("web"), "");
}

TEST_F(CniNetworkTest, PtpMacvlanAndStatic_OnARunningPod_WorkAsThePluginsSay) {
  Make(
      "ip link add name parent0 type veth peer name parent1\nip link set parent0 up\nip link set parent1 up\n"
      "ip addr add 10.83.0.1/24 dev parent1",
      "ip link del parent0");
  WriteList("ptp", R"({"type":"ptp",)" + Ipam("10.82.0", "fd82") + "}", "0.4.0");
  WriteList("mac",
            R"({"type":"macvlan","master":"parent0","mode":"bridge","ipam":{"type":"static",)"
            R"("addresses":[{"address":"10.83.0.7/24"}],"routes":[]}})",
            "0.3.1");
  ASSERT_OK(runtime().RunPod(NetworkPod("p", {})));
  ASSERT_OK(runtime().AddNetwork("p", Cni("ptp")));
  EXPECT_TRUE(Pings("p", "10.82.0.1"));
  EXPECT_THAT(In("p", "ip route").out, HasSubstr("default via 10.82.0.1 dev eth0"));
  ASSERT_OK(runtime().AddNetwork("p", Cni("mac")));
  EXPECT_TRUE(Pings("p", "10.83.0.1"));
  EXPECT_THAT(In("p", "ip addr show eth1").out, HasSubstr("10.83.0.7/24"));
  EXPECT_EQ(StatusOf("p").networks.size(), 2u);
  ASSERT_OK(runtime().RemoveNetwork("p", "eth0"));
  EXPECT_EQ(Allocated("ptp"), "");
  EXPECT_TRUE(Pings("p", "10.83.0.1"));
}

TEST_F(CniNetworkTest, AllProcessesKilled_NextCallReleasesTheAddress) {
  WriteList("lan", R"({"type":"bridge","bridge":"cni-lan","isGateway":true,"ipMasq":true,)" +
                       Ipam("10.80.0", "fd80") + "}");
  Make("true", "ip link del cni-lan");
  ASSERT_OK(runtime().RunPod(NetworkPod("p", {Cni("lan")})));
  const PodStatus status = StatusOf("p");
  ASSERT_EQ(::kill(status.monitor_pid, SIGKILL), 0);
  ASSERT_EQ(::kill(status.vm_pid, SIGKILL), 0);
  // The namespace ends by itself, and the veth with it.
  EXPECT_TRUE(Eventually([&] { return OutputOf("ip link show master cni-lan").empty(); }));
  EXPECT_THAT(Allocated("lan"), HasSubstr("10.80.0.2"));
  EXPECT_THAT(OutputOf("iptables -t nat -S; ip6tables -t nat -S"), HasSubstr("10.80.0.2"));
  ASSERT_OK(runtime().CollectGarbage());
  EXPECT_THAT(OutputOf("iptables -t nat -S; ip6tables -t nat -S"), Not(HasSubstr("10.80.0.2")));
  EXPECT_EQ(Allocated("lan"), "");
  ASSERT_OK(runtime().DeletePod("p"));
}

TEST_F(CniNetworkTest, MonitorKilled_NetworkIsRemovedByTheNext) {
  WriteList("lan",
            R"({"type":"bridge","bridge":"cni-lan","isGateway":true,)" + Ipam("10.80.0", "fd80") + "}");
  Make("true", "ip link del cni-lan");
  ASSERT_OK(runtime().RunPod(NetworkPod("p", {Cni("lan")})));
  ASSERT_EQ(::kill(StatusOf("p").monitor_pid, SIGKILL), 0);
  EXPECT_TRUE(Pings("p", "10.80.0.1"));
  ASSERT_OK(runtime().RemoveNetwork("p", "eth0"));
  EXPECT_EQ(Allocated("lan"), "");
  EXPECT_EQ(OutputOf("ip link show master cni-lan"), "");
}

TEST_F(CniNetworkTest, BadLists_AreNamed_AndNothingIsLeft) {
  WriteList("lan", R"({"type":"bridge","bridge":"cni-lan",)" + Ipam("10.80.0", "fd80") + "}");
  WriteList("unknown", R"({"type":"nosuchplugin"})");
  WriteList("half", R"({"type":"bridge","bridge":"cni-half",)" + Ipam("10.84.0", "fd84") +
                        R"(},{"type":"macvlan","master":"nosuchlink","ipam":{}})");
  WriteTo(dir() + "/net.d/90-torn.conflist", R"({"cniVersion":"1.0.0","name":"torn","plug)");
  Make("true", "ip link del cni-half 2>/dev/null || true");
  const auto refused = [&](const NetworkConfig& network, const std::string& message) {
    const Status run = runtime().RunPod(NetworkPod("p", {network}));
    ASSERT_FALSE(run) << message;
    EXPECT_THAT(run.error().ToString(), HasSubstr(message));
    EXPECT_THAT(runtime().ListPod().value(), IsEmpty());
    EXPECT_THAT(ProcessesLeft(), IsEmpty());
  };
  refused(Cni("unknown"), "nosuchplugin");
  refused(Cni("torn"), "torn");
  refused(Cni("missing"), "'missing'");
  refused(Cni("half"), "Link not found");
  EXPECT_EQ(Allocated("half"), "");
  NetworkConfig forward = Cni("lan");
  forward.forwards = {{"", 80, 80, 1, NetworkProtocol::kTcp}};
  refused(forward, "no plugin of list 'lan' has the capability 'portMappings'");
  NetworkConfig large = Cni("");
  large.cni.config = std::string(10 << 20, ' ');
  refused(large, "10485760 bytes");
}

}  // namespace
}  // namespace virtcontainers::test
