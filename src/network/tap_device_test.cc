#include "network/tap_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "network/tap.h"
#include "network/test_network.h"

namespace virtcontainers {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kGuestMac[] = "02:00:00:00:00:02";

// A "host" with a tap, which answers itself.
class TapDeviceTest : public testing::Test {
 protected:
  void SetUp() override {
    VC_SKIP_UNLESS_ROOT();
    host_.emplace("host");
    host_->Sh(
        "ip tuntap add tap7 mode tap; ip link set tap7 mtu 1400 up; ip address add 10.9.0.1/24 dev tap7\n"
        "ip tuntap add mq7 mode tap multi_queue; ip link set mq7 up\n"
        "ip tuntap add tun7 mode tun; ip tuntap add down7 mode tap");
  }

  Result<TapDevice> Open(const TapDeviceOptions& options) {
    return InNamespace(host_->space(), [&] { return TapDevice::Open(options); });
  }
  Status Undo(const std::string& tap) {
    return host_->space().Run([&] { return TapDevice::Undo(tap); });
  }
  std::string State() {
    return host_->Sh(
        "ip -o link | sed 's/NO-CARRIER,//; s/,LOWER_UP//; s/state [A-Z]*//'; tc qdisc | sed "
        "s/direct_packets_stat.*// | sort; tc filter "
        "show dev "
        "tap7 ingress");
  }
  Error Failure(const TapDeviceOptions& options) {
    const std::string before = State();
    const auto device = Open(options);
    EXPECT_FALSE(device);
    EXPECT_EQ(State(), before);
    return device ? Error(Code::kUnknown, "") : device.error();
  }

  std::optional<TestNamespace> host_;
};

TEST_F(TapDeviceTest, Open_Tap_GuestReachesHost) {
  const auto device = Open({.tap = "tap7"});
  ASSERT_TRUE(device) << device.error().ToString();
  EXPECT_EQ(device->mtu, 1400u);
  EXPECT_FALSE(device->multi_queue);
  const TestGuest guest(device->queues[0].get(), kGuestMac, 1400, "ip address add 10.9.0.2/24 dev eth0");
  EXPECT_TRUE(TcpWorks(guest.in(), *host_, "10.9.0.1"));
  EXPECT_TRUE(TcpWorks(*host_, guest.in(), "10.9.0.2"));
}

TEST_F(TapDeviceTest, Open_MultiQueue_HasAsManyAsAskedFor) {
  {
    const auto device = Open({.tap = "mq7", .queues = 3});
    ASSERT_TRUE(device) << device.error().ToString();
    EXPECT_EQ(device->queues.size(), 3u);
    EXPECT_TRUE(device->multi_queue);
    const Error busy = Failure({.tap = "mq7"});
    EXPECT_THAT(busy.message(), HasSubstr("'mq7' is in use"));
  }
  EXPECT_TRUE(Open({.tap = "mq7"}));
}

TEST_F(TapDeviceTest, Open_BadTap_FailsAndMakesNothing) {
  EXPECT_EQ(Failure({.tap = "nowhere"}).code(), Code::kNotFound);
  EXPECT_THAT(Failure({.tap = "lo"}).message(), HasSubstr("'lo' is no tap"));
  EXPECT_THAT(Failure({.tap = "tun7"}).message(), HasSubstr("'tun7' is no tap"));
  EXPECT_THAT(Failure({.tap = "down7"}).message(), HasSubstr("'down7' is down"));
  EXPECT_THAT(Failure({.tap = "tap7", .queues = 2}).message(), HasSubstr("one queue"));
  EXPECT_EQ(Failure({.tap = "tap%d"}).code(), Code::kInvalidArgument);
  EXPECT_EQ(Failure({.tap = ""}).code(), Code::kInvalidArgument);
  EXPECT_EQ(Failure({.tap = "tap7", .queues = 65}).code(), Code::kInvalidArgument);
}

TEST_F(TapDeviceTest, Open_WithoutCapabilities_FailsAndNamesThem) {
  host_->Sh("ip tuntap add own7 mode tap user 54321; ip link set own7 up");
  TapDeviceOptions limited{.tap = "tap7"};
  limited.limits.receive.rate = 1'000'000;
  ASSERT_TRUE(host_->space().Run([&]() -> Status {
    WithoutCapabilities([&] {
      // One that belongs to nobody needs none.
      EXPECT_TRUE(TapDevice::Open({.tap = "tap7"}));
      for (const TapDeviceOptions& options : {TapDeviceOptions{.tap = "own7"}, limited}) {
        const auto device = TapDevice::Open(options);
        ASSERT_FALSE(device);
        EXPECT_EQ(device.error().code(), Code::kPermissionDenied);
        EXPECT_THAT(device.error().message(), HasSubstr("CAP_NET_ADMIN"));
      }
    });
    return {};
  }));
}

TEST_F(TapDeviceTest, Open_InUse_Fails) {
  const auto device = Open({.tap = "tap7"});
  ASSERT_TRUE(device);
  const Error error = Failure({.tap = "tap7"});
  EXPECT_EQ(error.code(), Code::kFailedPrecondition);
  EXPECT_THAT(error.message(), HasSubstr("'tap7' is in use by another process"));
}

TEST_F(TapDeviceTest, Open_RulesAndLimits_AreUndone) {
  const std::string before = State();
  TapDeviceOptions options{.tap = "tap7"};
  options.limits = {{1'000'000, 0}, {2'000'000, 0}};
  options.sender = SenderRules{kGuestMac, {"10.9.0.2"}};
  {
    const auto device = Open(options);
    ASSERT_TRUE(device) << device.error().ToString();
    EXPECT_THAT(State(), HasSubstr(IfbName("tap7")));
    const TestGuest guest(device->queues[0].get(), kGuestMac, 1400,
                          "ip address add 10.9.0.2/24 dev eth0; ip address add 10.9.0.3/24 dev eth0");
    EXPECT_TRUE(TcpWorks(guest.in(), *host_, "10.9.0.1"));
    const double sent = MeasureTcp(guest.in(), *host_, "10.9.0.1", std::chrono::milliseconds(900));
    const double received = MeasureTcp(*host_, guest.in(), "10.9.0.2", std::chrono::milliseconds(900));
    std::printf("of the limits: received %.3f, sent %.3f\n", received / 1e6, sent / 2e6);
    EXPECT_LT(sent, 2.4e6);
    EXPECT_GT(sent, 0.2e6);
    EXPECT_LT(received, 1.2e6);
    EXPECT_GT(received, 0.1e6);
    // From the address that the guest was not given.
    guest.in().Sh("ip address del 10.9.0.2/24 dev eth0");
    EXPECT_TRUE(TcpFails(guest.in(), *host_, "10.9.0.1"));
  }
  const auto again = Open(options);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code(), Code::kAlreadyExists);
  for (int i = 0; i < 2; ++i) {
    const Status undone = Undo("tap7");
    EXPECT_TRUE(undone) << undone.error().ToString();
    EXPECT_EQ(State(), before);
  }
  EXPECT_TRUE(Undo("nowhere"));
}

TEST_F(TapDeviceTest, Undo_ForeignFilters_Stay) {
  host_->Sh(
      "tc qdisc add dev tap7 clsact; tc filter add dev tap7 egress protocol ip prio 5 u32 match ip protocol "
      "99 "
      "0xff action mirred egress redirect dev lo");
  const std::string before = State();
  TapDeviceOptions options{.tap = "tap7"};
  options.sender = SenderRules{kGuestMac, {"10.9.0.2"}};
  ASSERT_TRUE(Open(options));
  ASSERT_TRUE(Undo("tap7"));
  EXPECT_EQ(State(), before);
}

TEST_F(TapDeviceTest, Open_LimitOverForeignQdisc_Fails) {
  host_->Sh("tc qdisc add dev tap7 root handle 1: htb");
  TapDeviceOptions options{.tap = "tap7"};
  options.limits.receive.rate = 1'000'000;
  const Error error = Failure(options);
  EXPECT_EQ(error.code(), Code::kFailedPrecondition);
  EXPECT_THAT(error.message(), HasSubstr("'htb'"));
}

}  // namespace
}  // namespace virtcontainers
