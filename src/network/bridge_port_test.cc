#include "network/bridge_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "network/namespace_holder.h"
#include "network/tap_link.h"
#include "network/test_network.h"

namespace virtcontainers {
namespace {

using testing::HasSubstr;
using testing::Not;

class BridgePortTest : public testing::Test {
 protected:
  void SetUp() override {
    VC_SKIP_UNLESS_ROOT();
    host_.emplace("host");
    host_->Sh(
        "ip link add br7 type bridge; ip link set br7 mtu 1450 up; ip address add 10.9.0.1/24 dev br7\n"
        "ip link add other7 type veth peer name other8");
  }

  Result<BridgePort> Create(const NetworkNamespace& space, const BridgePortOptions& options) {
    return InNamespace(host_->space(), [&] { return BridgePort::Create(space, options); });
  }
  Error Failure(const NetworkNamespace& space, const BridgePortOptions& options) {
    const std::string before = host_->Sh("ip -o link");
    const auto port = Create(space, options);
    EXPECT_FALSE(port);
    EXPECT_EQ(host_->Sh("ip -o link"), before);
    return port ? Error(Code::kUnknown, "") : port.error();
  }

  std::optional<TestNamespace> host_;
};

TEST_F(BridgePortTest, Create_ThenTapLink_GuestReachesHost) {
  const TestNamespace pod("pod");
  const auto port =
      Create(pod.space(), {.bridge = "br7", .key = "/pods/web/net0", .mac = "02:00:00:00:00:02"});
  ASSERT_TRUE(port) << port.error().ToString();
  EXPECT_EQ(port->port, BridgePortName("/pods/web/net0"));
  EXPECT_EQ(port->mtu, 1450u);
  EXPECT_THAT(host_->Sh("ip link show master br7"), HasSubstr(port->port));
  TapLinkOptions options{.interface = "eth0", .tap = "vctap0"};
  options.sender = SenderRules{"02:00:00:00:00:02", {"10.9.0.2"}};
  const auto link = TapLink::Create(pod.space(), options);
  ASSERT_TRUE(link) << link.error().ToString();
  const TestGuest guest(link->queues[0].get(), "02:00:00:00:00:02", port->mtu,
                        "ip address add 10.9.0.2/24 dev eth0; ip address add 10.9.0.3/24 dev eth0");
  EXPECT_TRUE(TcpWorks(guest.in(), *host_, "10.9.0.1"));
  EXPECT_TRUE(TcpWorks(*host_, guest.in(), "10.9.0.2"));
  EXPECT_TRUE(TcpFails(*host_, guest.in(), "10.9.0.3")) << "an address that the guest was not given";
}

TEST_F(BridgePortTest, HolderEnds_PortIsGone) {
  auto holder = NamespaceHolder::Start({VC_NETNS_PROGRAM, {}}, Soon());
  ASSERT_TRUE(holder) << holder.error().ToString();
  {
    const auto space = NetworkNamespace::Open(holder->path());
    ASSERT_TRUE(space);
    const auto port = Create(*space, {.bridge = "br7", .key = "k", .mac = "02:00:00:00:00:02"});
    ASSERT_TRUE(port) << port.error().ToString();
    EXPECT_EQ(Failure(*space, {.bridge = "br7", .key = "k", .mac = "02:00:00:00:00:02"}).code(),
              Code::kAlreadyExists);
  }
  ASSERT_TRUE(holder->Stop(Soon()));
  const std::string name = BridgePortName("k");
  EXPECT_TRUE(EventuallyTrue([&] { return host_->Sh("ip link").find(name) == std::string::npos; }));
}

TEST_F(BridgePortTest, Remove_TakesThePairAwayAtOnceAndAgain) {
  const TestNamespace pod("pod");
  const BridgePortOptions options{.bridge = "br7", .key = "k", .mac = "02:00:00:00:00:02"};
  const auto names = [&] { return host_->Sh("ip -o link | cut -d: -f2"); };
  const std::string before = names();
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(Create(pod.space(), options));
    EXPECT_TRUE(InNamespace(host_->space(), [] { return BridgePort::Remove("another"); }));
    EXPECT_THAT(names(), HasSubstr(BridgePortName("k")));
    EXPECT_TRUE(InNamespace(host_->space(), [] { return BridgePort::Remove("k"); }));
    EXPECT_EQ(names(), before);
    EXPECT_TRUE(InNamespace(host_->space(), [] { return BridgePort::Remove("k"); }));
  }
}

TEST_F(BridgePortTest, Create_BadBridge_FailsAndNamesIt) {
  const TestNamespace pod("pod");
  const std::string mac = "02:00:00:00:00:02";
  const Error missing = Failure(pod.space(), {.bridge = "nowhere", .key = "k", .mac = mac});
  EXPECT_EQ(missing.code(), Code::kNotFound);
  EXPECT_THAT(missing.message(), HasSubstr("'nowhere'"));
  const Error other = Failure(pod.space(), {.bridge = "other7", .key = "k", .mac = mac});
  EXPECT_EQ(other.code(), Code::kFailedPrecondition);
  EXPECT_THAT(other.message(), HasSubstr("'other7' is no bridge"));
  EXPECT_EQ(Failure(pod.space(), {.bridge = "br7", .key = "k", .mac = "x"}).code(), Code::kInvalidArgument);
  EXPECT_EQ(Failure(pod.space(), {.bridge = "br7", .key = "k", .interface = "a/b", .mac = mac}).code(),
            Code::kInvalidArgument);
}

TEST(BridgePortNameTest, Name_AnyKey_IsDevices) {
  EXPECT_LE(BridgePortName(std::string(1000, 'x')).size(), 15u);
  EXPECT_NE(BridgePortName("a"), BridgePortName("b"));
  EXPECT_EQ(BridgePortName("a"), BridgePortName("a"));
}

}  // namespace
}  // namespace virtcontainers
