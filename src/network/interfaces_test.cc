#include "network/interfaces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "network/test_network.h"

namespace virtcontainers {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class InterfacesTest : public testing::Test {
 protected:
  void SetUp() override {
    VC_SKIP_UNLESS_ROOT();
    host_.emplace("host");
    pod_.emplace("pod");
  }

  // A veth pair, whose end in the pod is eth0.
  void MakeVeth() {
    host_->Sh("ip link add eth0 address 02:00:00:00:00:02 netns " + pod_->path() +
              " type veth peer name veth0; ip link set veth0 up");
  }
  std::vector<FoundInterface> Find() {
    auto found = FindInterfaces(pod_->space());
    EXPECT_TRUE(found) << found.error().ToString();
    return found.value_or(std::vector<FoundInterface>());
  }
  Error Failure() {
    const auto found = FindInterfaces(pod_->space());
    EXPECT_FALSE(found);
    return found ? Error(Code::kUnknown, "") : found.error();
  }

  std::optional<TestNamespace> host_, pod_;
};

// As netavark makes it.
TEST_F(InterfacesTest, Find_VethOnBridge_HasAddressesAndDefaultRoutes) {
  MakeVeth();
  host_->Sh("ip link add podman1 type bridge; ip link set veth0 master podman1; ip link set podman1 up");
  pod_->Sh(
      "ip link set eth0 mtu 1400 up\n"
      "ip address add 10.89.0.2/24 broadcast 10.89.0.255 dev eth0\n"
      "ip -6 address add fd00:89::2/64 dev eth0 nodad\n"
      "ip route add default via 10.89.0.1 dev eth0 metric 100 proto static\n"
      "ip -6 route add default via fd00:89::1 dev eth0 metric 100 proto static");
  const auto found = Find();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].kind, "veth");
  EXPECT_THAT(found[0].host, HasSubstr("veth in test pod"));
  EXPECT_EQ(found[0].interface, (NetworkInterface{.name = "eth0",
                                                  .mac = "02:00:00:00:00:02",
                                                  .mtu = 1400,
                                                  .addresses = {"10.89.0.2/24", "fd00:89::2/64"},
                                                  .routes = {{"0.0.0.0/0", "10.89.0.1", "", 100, false},
                                                             {"::/0", "fd00:89::1", "", 100, false}}}));
}

// As containerd's networks without a bridge make it.
TEST_F(InterfacesTest, Find_GatewayOutsideOfSubnet_RoutesAreInOrder) {
  MakeVeth();
  pod_->Sh(
      "ip link set eth0 up; ip address add 10.1.0.2/32 dev eth0\n"
      "ip route add 169.254.1.1 dev eth0 scope link; ip route add default via 169.254.1.1 dev eth0\n"
      "ip route add 10.2.0.0/16 via 10.77.0.1 dev eth0 onlink src 10.1.0.2");
  const auto found = Find();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0].interface.addresses, ElementsAre("10.1.0.2/32"));
  EXPECT_THAT(found[0].interface.routes, ElementsAre(Route{"169.254.1.1/32", "", "", 0, false},
                                                     Route{"0.0.0.0/0", "169.254.1.1", "", 0, false},
                                                     Route{"10.2.0.0/16", "10.77.0.1", "10.1.0.2", 0, true}));
}

// CNI's ptp replaces the route to the network of the address by one through the gateway.
TEST_F(InterfacesTest, Find_NetworkReachedByGateway_AddressIsHosts) {
  MakeVeth();
  pod_->Sh(
      "ip link set eth0 up; ip address add 10.1.1.2/24 dev eth0; ip route del 10.1.1.0/24 dev eth0\n"
      "ip route add 10.1.1.1 dev eth0 scope link src 10.1.1.2\n"
      "ip route add 10.1.1.0/24 via 10.1.1.1 dev eth0 src 10.1.1.2; ip route add default via 10.1.1.1");
  const auto found = Find();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0].interface.addresses, ElementsAre("10.1.1.2/32"));
  EXPECT_THAT(found[0].interface.routes,
              UnorderedElementsAre(Route{"10.1.1.1/32", "", "10.1.1.2", 0, false},
                                   Route{"10.1.1.0/24", "10.1.1.1", "10.1.1.2", 0, false},
                                   Route{"0.0.0.0/0", "10.1.1.1", "", 0, false}));
  EXPECT_EQ(found[0].interface.routes[0].gateway, "");
}

TEST_F(InterfacesTest, Find_AddressWithPeer_BecomesRoute) {
  MakeVeth();
  pod_->Sh("ip link set eth0 up; ip address add 10.3.0.2 peer 10.3.0.1/32 dev eth0");
  const auto found = Find();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0].interface.addresses, ElementsAre("10.3.0.2/32"));
  EXPECT_THAT(found[0].interface.routes, ElementsAre(Route{"10.3.0.1/32", "", "10.3.0.2", 0, false}));
}

TEST_F(InterfacesTest, Find_SeveralInterfaces_InOrder) {
  MakeVeth();
  host_->Sh("ip link add mv0 link veth0 netns " + pod_->path() + " type macvlan mode bridge");
  pod_->Sh(
      "ip link add tap7 type veth peer name silent; ip tuntap add tp0 mode tap\n"
      "ip link set eth0 up; ip link set mv0 up; ip link set silent up; ip link set tp0 up\n"
      "ip address add 10.1.0.2/24 dev eth0; ip address add 10.2.0.2/24 dev mv0\n"
      "ip address add 10.4.0.2/24 dev tp0");
  const auto found = Find();
  ASSERT_THAT(found, SizeIs(3));
  EXPECT_EQ(found[0].interface.name, "eth0");
  EXPECT_EQ(found[1].interface.name, "mv0");
  EXPECT_EQ(found[1].kind, "macvlan");
  EXPECT_EQ(found[2].interface.name, "tp0");
}

TEST_F(InterfacesTest, Find_PermanentNeighbors_AreTaken) {
  MakeVeth();
  pod_->Sh(
      "ip link set eth0 up; ip address add 10.1.0.2/24 dev eth0; ip -6 address add fd01::2/64 dev eth0 "
      "nodad\n"
      "ip neighbor add 10.1.0.1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent\n"
      "ip neighbor add fd01::1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent\n"
      "ip neighbor add 10.1.0.9 lladdr 02:00:00:00:00:09 dev eth0 nud reachable");
  const auto found = Find();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0].interface.neighbors, UnorderedElementsAre(Neighbor{"10.1.0.1", "02:00:00:00:00:01"},
                                                                 Neighbor{"fd01::1", "02:00:00:00:00:01"}));
}

TEST_F(InterfacesTest, Find_NoAddress_FailsAndNamesWhatIsThere) {
  EXPECT_THAT(Failure().message(), AllOf(HasSubstr("'test pod'"), HasSubstr("'lo'")));
  MakeVeth();
  pod_->Sh("ip link set eth0 up");  // with a link-local address
  const Error error = Failure();
  EXPECT_EQ(error.code(), Code::kNotFound);
  EXPECT_THAT(error.message(), HasSubstr("'eth0' (veth)"));
}

TEST_F(InterfacesTest, Find_RouteWithSeveralNextHops_FailsAndNamesIt) {
  MakeVeth();
  pod_->Sh(
      "ip link set eth0 up; ip address add 10.1.0.2/24 dev eth0\n"
      "ip route add 10.5.0.0/16 nexthop via 10.1.0.3 nexthop via 10.1.0.4");
  const Error error = Failure();
  EXPECT_EQ(error.code(), Code::kFailedPrecondition);
  EXPECT_THAT(error.message(), AllOf(HasSubstr("'10.5.0.0/16'"), HasSubstr("several next hops")));
}

TEST_F(InterfacesTest, Find_TunWithAddress_FailsAndNamesIt) {
  pod_->Sh("ip tuntap add tun5 mode tun; ip link set tun5 up; ip address add 10.1.0.2/24 dev tun5");
  const Error error = Failure();
  EXPECT_EQ(error.code(), Code::kFailedPrecondition);
  EXPECT_THAT(error.message(), HasSubstr("'tun5'"));
}

}  // namespace
}  // namespace virtcontainers
