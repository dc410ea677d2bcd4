// The distribution's plugins, one after the other.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <string>

#include "network/cni/attachment.h"
#include "network/cni/capabilities.h"
#include "network/cni/network_calls.h"
#include "network/cni/test_host.h"

namespace virtcontainers::cni {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class CniPlugins : public TestHost {
 protected:
  // ADD; the test fails if that does.
  Record Attach(const List& list, const Request& request) {
    Record record{list, request, ""};
    const Result<CniResult> result = Add(list, request, Soon());
    EXPECT_TRUE(result) << result.error().ToString();
    if (result) record.result = result->text;
    return record;
  }

  // CHECK, and DEL twice.
  void CheckAndDetach(const Record& record) {
    const Result<bool> checked = Check(record, Soon());
    EXPECT_TRUE(checked) << checked.error().ToString();
    Detach(record);
  }

  void Detach(const Record& record) {
    for (int i = 0; i < 2; ++i) {
      const Status deleted = Del(record, Soon());
      EXPECT_TRUE(deleted) << deleted.error().ToString();
    }
    EXPECT_THAT(Allocations("net1"), IsEmpty());
  }

  NetworkInterface InterfaceIn(const Record& record) {
    const Result<CniResult> result = ParseResult(record.result, Version::kV100);
    EXPECT_TRUE(result) << result.error().ToString();
    if (!result) return {};
    const Result<NetworkInterface> interface = InterfaceOf(*result, "eth0");
    EXPECT_TRUE(interface) << interface.error().ToString();
    return interface.value_or(NetworkInterface{});
  }

  // A port on which nobody listens is refused by who has the address.
  static void ExpectReachable(const std::string& netns, const std::string& address) {
    EXPECT_THAT(
        Sh("ip netns exec " + netns + " timeout 10 bash -c 'echo > /dev/tcp/" + address + "/9' 2>&1 || true"),
        HasSubstr("Connection refused"));
  }

  static std::string Plugins(const std::string& plugins, const std::string& version = "1.0.0") {
    return R"({"cniVersion": ")" + version + R"(", "name": "net1", "plugins": [)" + plugins + "]}";
  }

  // Nothing if the call failed.
  static std::optional<bool> Answer(const Result<bool>& called) {
    EXPECT_TRUE(called) << called.error().ToString();
    return called ? std::optional<bool>(*called) : std::nullopt;
  }

  std::string Bridge() const {
    return R"({"type": "bridge", "bridge": "cni-test0", "isGateway": true, )" + HostLocal() + "}";
  }
};

TEST_F(CniPlugins, Ptp_TwoFamilies) {
  Run([&] {
    const std::string ipam = R"("ipam": {"type": "host-local", "dataDir": ")" + directory_ / "ipam" +
                             R"(", "ranges": [[{"subnet": "10.92.0.0/24"}], [{"subnet": "fd92::/64"}]],
                                "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]})";
    const Record record =
        Attach(ListOf(Plugins(R"({"type": "ptp", "ipMasq": true, "mtu": 1400, )" + ipam + "}")),
               RequestOf(MakeNamespace("a")));
    const NetworkInterface interface = InterfaceIn(record);
    ASSERT_THAT(interface.addresses, SizeIs(2));
    ASSERT_THAT(interface.routes, SizeIs(2));
    EXPECT_EQ(interface.routes[0].gateway, "10.92.0.1");
    EXPECT_EQ(interface.routes[1].gateway, "fd92::1");
    ExpectReachable("a", "10.92.0.1");
    EXPECT_THAT(Sh("iptables-save -t nat"), HasSubstr("MASQUERADE"));
    CheckAndDetach(record);
    EXPECT_THAT(Sh("ip link"), Not(HasSubstr("veth")));
    EXPECT_THAT(Sh("iptables-save -t nat"), Not(HasSubstr("MASQUERADE")));
  });
}

TEST_F(CniPlugins, MacvlanWithStaticAddresses_ByCapability) {
  Run([&] {
    Sh("ip link add parent0 type veth peer name peer0 && ip link set parent0 up && ip link set peer0 up");
    Request request = RequestOf(MakeNamespace("a"));
    NetworkConfig network;
    network.addresses = {"10.93.0.7/24", "fd93::7/64"};
    request.capabilities = *CapabilityArguments(network);
    const List list =
        ListOf(Plugins(R"({"type": "macvlan", "master": "parent0", "capabilities": {"ips": true},
                                         "ipam": {"type": "static"}})"));
    EXPECT_THAT(UndeclaredCapabilities(list, request.capabilities), IsEmpty());
    const Record record = Attach(list, request);
    EXPECT_THAT(InterfaceIn(record).addresses, ElementsAre("10.93.0.7/24", "fd93::7/64"));
    EXPECT_THAT(Sh("ip -n a -d link show eth0"), HasSubstr("macvlan"));
    CheckAndDetach(record);
    EXPECT_THAT(Sh("ip -n a link"), Not(HasSubstr("eth0")));
  });
}

TEST_F(CniPlugins, Portmap_RulesAreGoneAfterDel) {
  Run([&] {
    Request request = RequestOf(MakeNamespace("a"));
    NetworkConfig network;
    network.forwards = {{.host_port = 8080, .guest_port = 80}};
    request.capabilities = *CapabilityArguments(network);
    const Record record =
        Attach(ListOf(Plugins(Bridge() + R"(, {"type": "portmap", "capabilities": {"portMappings": true}})")),
               request);
    EXPECT_THAT(Sh("iptables-save -t nat"), AllOf(HasSubstr("--dport 8080"), HasSubstr(":80")));
    // Its CHECK wants rules for IPv6 also where the network has none. (version 1.1.1)
    Detach(record);
    EXPECT_THAT(Sh("iptables-save -t nat"), Not(HasSubstr("8080")));
  });
}

TEST_F(CniPlugins, Portmap_WithoutResult_RulesAreGoneAfterDel) {
  Run([&] {
    Request request = RequestOf(MakeNamespace("a"));
    NetworkConfig network;
    network.forwards = {{.host_port = 8080, .guest_port = 80}};
    request.capabilities = *CapabilityArguments(network);
    Record record =
        Attach(ListOf(Plugins(Bridge() + R"(, {"type": "portmap", "capabilities": {"portMappings": true}})")),
               request);
    record.result.clear();
    EXPECT_FALSE(*Check(record, Soon()));
    CheckAndDetach(record);
    EXPECT_THAT(Sh("iptables-save -t nat"), Not(HasSubstr("8080")));
  });
}

TEST_F(CniPlugins, Bandwidth_LimitsInBits) {
  Run([&] {
    if (Sh("ip link add ifbtest type ifb 2>/dev/null && echo yes || true") != "yes\n") {
      GTEST_SKIP() << "the kernel has no ifb devices";
    }
    Sh("ip link del ifbtest");
    Request request = RequestOf(MakeNamespace("a"));
    NetworkConfig network;
    network.limits = {.receive = {.rate = 1'000'000, .burst = 100'000}, .transmit = {.rate = 500'000}};
    request.capabilities = *CapabilityArguments(network);
    const Record record =
        Attach(ListOf(Plugins(Bridge() + R"(, {"type": "bandwidth", "capabilities": {"bandwidth": true}})")),
               request);
    EXPECT_THAT(Sh("tc qdisc"), AllOf(HasSubstr("tbf"), HasSubstr("rate 8Mbit"), HasSubstr("rate 4Mbit")));
    CheckAndDetach(record);
    EXPECT_THAT(Sh("tc qdisc"), Not(HasSubstr("tbf")));
    EXPECT_THAT(Sh("ip link"), Not(HasSubstr("ifb")));
  });
}

TEST_F(CniPlugins, Tuning_SetsTheMacByCapability) {
  Run([&] {
    Request request = RequestOf(MakeNamespace("a"));
    NetworkConfig network;
    network.mac = "02:00:00:00:00:77";
    request.capabilities = *CapabilityArguments(network);
    const Record record = Attach(
        ListOf(Plugins(Bridge() + R"(, {"type": "tuning", "mtu": 1300, "capabilities": {"mac": true}})")),
        request);
    EXPECT_EQ(InterfaceIn(record).mac, network.mac);
    EXPECT_THAT(Sh("ip -n a link show eth0"), AllOf(HasSubstr(network.mac), HasSubstr("mtu 1300")));
    CheckAndDetach(record);
  });
}

TEST_F(CniPlugins, Firewall_RulesAreGoneAfterDel) {
  Run([&] {
    const Record record =
        Attach(ListOf(Plugins(Bridge() + R"(, {"type": "firewall", "backend": "iptables"})")),
               RequestOf(MakeNamespace("a")));
    const NetworkInterface interface = InterfaceIn(record);
    ASSERT_THAT(interface.addresses, SizeIs(1));
    const std::string address = interface.addresses[0].substr(0, interface.addresses[0].find('/'));
    EXPECT_THAT(Sh("iptables-save -t filter"), HasSubstr(address));
    CheckAndDetach(record);
    EXPECT_THAT(Sh("iptables-save -t filter"), Not(HasSubstr(address)));
  });
}

TEST_F(CniPlugins, Loopback_SinglePlugin) {
  Run([&] {
    Sh("ip netns add a");
    Request request = RequestOf("/run/netns/a");
    request.interface = "lo";
    const Record record =
        Attach(ListOf(R"({"cniVersion": "1.0.0", "name": "net1", "type": "loopback"})"), request);
    EXPECT_THAT(Sh("ip -n a link show lo"), HasSubstr("UP"));
    CheckAndDetach(record);
  });
}

TEST_F(CniPlugins, TwoAttachments_ReachEachOther) {
  Run([&] {
    const List list = ListOf(Plugins(Bridge()));
    const Record one = Attach(list, RequestOf(MakeNamespace("a")));
    Request request = RequestOf(MakeNamespace("b"));
    request.container += "-2";
    const Record two = Attach(list, request);
    EXPECT_THAT(Allocations("net1"), SizeIs(2));
    const NetworkInterface interface = InterfaceIn(two);
    ASSERT_THAT(interface.addresses, SizeIs(1));
    const std::string address = interface.addresses[0].substr(0, interface.addresses[0].find('/'));
    ExpectReachable("a", address);
    EXPECT_TRUE(Del(one, Soon()));
    EXPECT_THAT(Allocations("net1"), SizeIs(1));
    EXPECT_TRUE(Del(two, Soon()));
    EXPECT_THAT(Allocations("net1"), IsEmpty());
  });
}

TEST_F(CniPlugins, NetworkCalls_OfOlderPlugins_AreNotMade) {
  Run([&] {
    EXPECT_EQ(Answer(CheckReady(ListOf(Plugins(Bridge())), Soon())), false);
    EXPECT_EQ(Answer(CheckReady(ListOf(Plugins(Bridge(), "1.1.0")), Soon())), false);
    EXPECT_EQ(Answer(CollectGarbage(ListOf(Plugins(Bridge(), "1.1.0")), {}, Soon())), false);
    const Result<CniResult> result =
        Add(ListOf(Plugins(Bridge(), "1.1.0")), RequestOf(MakeNamespace("a")), Soon());
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().message(), HasSubstr("incompatible CNI versions"));
  });
}

}  // namespace
}  // namespace virtcontainers::cni
