#include "network/tap_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "network/tap.h"
#include "network/test_network.h"

namespace virtcontainers {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kMac[] = "02:00:00:00:00:02";

// A pod's namespace with eth0, whose other end is in another one.
class TapLinkTest : public testing::Test {
 protected:
  void SetUp() override {
    VC_SKIP_UNLESS_ROOT();
    outside_.emplace("outside");
    pod_.emplace("pod");
    outside_->Sh("ip link add eth0 address 02:00:00:00:00:02 netns " + pod_->path() +
                 " type veth peer name outer address 02:00:00:00:00:01\n"
                 "ip address add 10.9.0.1/24 dev outer; ip -6 address add fd09::1/64 dev outer nodad\n"
                 "ip link set outer up");
    pod_->Sh("ip address add 10.9.0.2/24 dev eth0; ip link set eth0 up");
  }

  Result<TapLink> Create(TapLinkOptions options = {}) {
    options.interface = "eth0";
    if (options.tap.empty()) options.tap = "vctap0";
    return TapLink::Create(pod_->space(), options);
  }
  // What may be left, without what comes and goes by itself.
  std::string State() {
    return pod_->Sh(
        "ip -o link | sed 's/NO-CARRIER,//; s/,LOWER_UP//; s/M-DOWN,//; s/,M-DOWN//; s/state [A-Z]*//'; tc "
        "qdisc | sed 's/direct_packets_stat [0-9]*//'");
  }
  std::string QdiscsOf(const std::string& device) { return pod_->Sh("tc qdisc show dev " + device); }

  std::optional<TestNamespace> outside_, pod_;
  static constexpr char kGuestSetup[] =
      "ip address add 10.9.0.2/24 dev eth0; ip -6 address add fd09::2/64 dev eth0 nodad";
};

TEST_F(TapLinkTest, Create_GuestTakesInterfacesPlace_TrafficPassesBothWays) {
  const auto link = Create();
  ASSERT_TRUE(link) << link.error().ToString();
  const TestGuest guest(link->queues[0].get(), kMac, 1500, kGuestSetup);
  EXPECT_TRUE(TcpWorks(guest.in(), *outside_, "10.9.0.1"));
  EXPECT_TRUE(TcpWorks(*outside_, guest.in(), "10.9.0.2"));
  EXPECT_TRUE(TcpWorks(guest.in(), *outside_, "fd09::1"));
  EXPECT_TRUE(TcpWorks(*outside_, guest.in(), "fd09::2"));
}

TEST_F(TapLinkTest, Create_FramesOfEveryType_PassUnchanged) {
  outside_->Sh("ip link set outer mtu 9000");
  pod_->Sh("ip link set eth0 mtu 9000");
  const auto link = Create();
  ASSERT_TRUE(link) << link.error().ToString();
  FrameListener outer(*outside_, "outer");
  const std::string source("\x02\0\0\0\0\x02", 6), unicast("\x02\0\0\0\0\x01", 6);
  const std::vector<std::string> frames = {
      unicast + source + std::string("\x08\x00", 2) + "too short to be IPv4",
      unicast + source + std::string("\x12\x34", 2) + "short",
      std::string("\x01\x80\xc2\0\0\x0e", 6) + source + std::string("\x88\xcc", 2) + "link layer discovery",
      std::string("\xff\xff\xff\xff\xff\xff", 6) + source + std::string("\x08\x06", 2) + "address resolution",
      std::string("\x33\x33\0\0\0\x01", 6) + source + std::string("\x86\xdd", 2) + "multicast",
      unicast + source + std::string("\x08\x00", 2) + std::string(8980, 'j') + "jumbo",
      unicast + source + std::string("\x81\x00\x00\x07\x08\x00", 6) + "with a VLAN tag",
  };
  for (const std::string& frame : frames) {
    EXPECT_TRUE(SendFrame(link->queues[0].get(), frame));
    // A packet socket has a VLAN tag apart from the frame.
    EXPECT_TRUE(outer.Hears(frame.substr(18))) << frame.substr(14, 20);
  }
  // The other way, from a packet socket.
  const UniqueFd sender = outside_->Socket(AF_PACKET, SOCK_RAW);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  ASSERT_TRUE(outside_->space().Run([&]() -> Status {
    address.sll_ifindex = static_cast<int>(::if_nametoindex("outer"));
    return {};
  }));
  for (std::string frame : frames) {
    frame.replace(0, 6, source);
    frame.replace(6, 6, unicast);
    EXPECT_EQ(::sendto(sender.get(), frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&address),
                       sizeof(address)),
              static_cast<ssize_t>(frame.size()));
    EXPECT_TRUE(TapHears(link->queues[0].get(), frame.substr(12)));
  }
}

TEST_F(TapLinkTest, Create_SenderRules_OnlyHonestFramesArrive) {
  TapLinkOptions options;
  options.sender = SenderRules{kMac, {"10.9.0.2/24", "fd09::2/64"}};
  const auto link = Create(options);
  ASSERT_TRUE(link) << link.error().ToString();
  const TestGuest guest(link->queues[0].get(), kMac, 1500, kGuestSetup);
  EXPECT_TRUE(TcpWorks(guest.in(), *outside_, "10.9.0.1"));
  EXPECT_TRUE(TcpWorks(*outside_, guest.in(), "10.9.0.2"));
  EXPECT_TRUE(TcpWorks(guest.in(), *outside_, "fd09::1"));
  EXPECT_TRUE(TcpWorks(*outside_, guest.in(), "fd09::2"));
  guest.in().Sh("ip address add 10.9.0.3/24 dev eth0; ip -6 address add fd09::3/64 dev eth0 nodad");
  EXPECT_TRUE(TcpFails(*outside_, guest.in(), "10.9.0.3"));
  EXPECT_TRUE(TcpFails(*outside_, guest.in(), "fd09::3"));
  // Nor does anybody learn that the guest has it.
  outside_->Sh("ip neighbor show 10.9.0.3 | grep -q lladdr && exit 1 || true");
  FrameListener outer(*outside_, "outer");
  const std::string head = std::string("\xff\xff\xff\xff\xff\xff\x02\0\0\0\0", 11);
  const std::string ip4 = std::string("\x08\0\x45\0\0\x1c\0\0\0\0\x40\x11\0\0\x0a\x09\0", 17);
  const std::string rest = std::string("\x0a\x09\0\x01", 4);
  EXPECT_TRUE(SendFrame(link->queues[0].get(), head + "\x03" + ip4 + "\x02" + rest + "other MAC"));
  EXPECT_TRUE(SendFrame(link->queues[0].get(), head + "\x02" + ip4 + "\x03" + rest + "other address"));
  EXPECT_TRUE(SendFrame(link->queues[0].get(), head + "\x02" + ip4 + "\x02" + rest + "honest one"));
  // Frames keep their order: what would have come has come.
  std::string seen;
  EXPECT_TRUE(outer.Hears("honest one", std::chrono::seconds(5), &seen));
  EXPECT_THAT(seen, Not(HasSubstr("other MAC")));
  EXPECT_THAT(seen, Not(HasSubstr("other address")));
}

TEST_F(TapLinkTest, Create_SeveralQueues_TapHasAll) {
  TapLinkOptions options;
  options.queues = 4;
  options.limits.receive.rate = 1'000'000;
  auto link = Create(options);
  ASSERT_TRUE(link) << link.error().ToString();
  EXPECT_EQ(link->queues.size(), 4u);
  EXPECT_THAT(pod_->Sh("ip -d link show vctap0"), HasSubstr("numqueues 4"));
}

TEST_F(TapLinkTest, Create_DescriptorsClosed_TapIsGone) {
  auto link = Create();
  ASSERT_TRUE(link) << link.error().ToString();
  EXPECT_THAT(pod_->Sh("ip link"), HasSubstr("vctap0"));
  link->queues.clear();
  EXPECT_THAT(pod_->Sh("ip link"), Not(HasSubstr("vctap0")));
}

TEST_F(TapLinkTest, Create_Again_FailsUntilUndone) {
  auto link = Create();
  ASSERT_TRUE(link) << link.error().ToString();
  TapLinkOptions other;
  other.tap = "vctap1";
  const auto again = Create(other);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code(), Code::kAlreadyExists);
  EXPECT_THAT(again.error().message(), HasSubstr("'eth0'"));
  EXPECT_THAT(pod_->Sh("ip link"), Not(HasSubstr("vctap1")));
  link->queues.clear();
  ASSERT_TRUE(TapLink::Undo(pod_->space(), "eth0"));
  EXPECT_TRUE(Create());
}

TEST_F(TapLinkTest, Undo_AfterLimitsAndRules_NothingIsLeft) {
  const std::string before = State();
  TapLinkOptions options;
  options.limits = {{1'000'000, 0}, {1'000'000, 0}};
  options.sender = SenderRules{kMac, {"10.9.0.2"}};
  auto link = Create(options);
  ASSERT_TRUE(link) << link.error().ToString();
  EXPECT_THAT(QdiscsOf("eth0"), HasSubstr("tbf"));
  link->queues.clear();
  for (int i = 0; i < 2; ++i) {
    const Status undone = TapLink::Undo(pod_->space(), "eth0");
    EXPECT_TRUE(undone) << undone.error().ToString();
    EXPECT_EQ(State(), before);
  }
  // The namespace's own stack is connected again.
  EXPECT_TRUE(TcpWorks(*pod_, *outside_, "10.9.0.1"));
}

TEST_F(TapLinkTest, UndoAbandoned_TapInUse_LeavesIt) {
  const std::string before = State();
  TapLinkOptions options;
  options.limits.transmit.rate = 1'000'000;
  auto link = Create(options);
  ASSERT_TRUE(link) << link.error().ToString();
  const std::string joined = State();
  ASSERT_TRUE(TapLink::UndoAbandoned(pod_->space(), "eth0"));
  EXPECT_EQ(State(), joined);
  link->queues.clear();
  ASSERT_TRUE(TapLink::UndoAbandoned(pod_->space(), "eth0"));
  EXPECT_EQ(State(), before);
}

// What a process has made that was killed within Create.
TEST_F(TapLinkTest, Undo_AfterPartOfCreate_NothingIsLeft) {
  const std::string before = State();
  pod_->Sh("tc qdisc add dev eth0 clsact");
  EXPECT_TRUE(TapLink::Undo(pod_->space(), "eth0"));
  EXPECT_EQ(State(), before);
  pod_->Sh("tc qdisc add dev eth0 root handle 7c0d: tbf rate 8mbit burst 64kb latency 50ms");
  EXPECT_TRUE(TapLink::Undo(pod_->space(), "eth0"));
  EXPECT_EQ(State(), before);
}

TEST_F(TapLinkTest, Undo_InterfaceMissing_Succeeds) { EXPECT_TRUE(TapLink::Undo(pod_->space(), "nowhere")); }

TEST_F(TapLinkTest, Undo_ForeignQdiscsAndFilters_Stay) {
  for (const char* kind : {"ingress", "clsact"}) {
    pod_->Sh(std::string("tc qdisc add dev eth0 ") + kind +
             "; tc filter add dev eth0 ingress protocol ip prio 5 u32 match ip protocol 99 0xff "
             "action mirred egress redirect dev lo; tc qdisc add dev eth0 root handle 1: tbf rate 8mbit "
             "burst 64kb latency 50ms");
    const std::string before = pod_->Sh("tc qdisc show dev eth0; tc filter show dev eth0 ingress");
    auto link = Create();
    ASSERT_TRUE(link) << link.error().ToString();
    EXPECT_NE(pod_->Sh("tc qdisc show dev eth0; tc filter show dev eth0 ingress"), before);
    link->queues.clear();
    ASSERT_TRUE(TapLink::Undo(pod_->space(), "eth0"));
    EXPECT_EQ(pod_->Sh("tc qdisc show dev eth0; tc filter show dev eth0 ingress"), before);
    pod_->Sh(std::string("tc qdisc del dev eth0 root; tc qdisc del dev eth0 ") + kind);
  }
}

TEST_F(TapLinkTest, Create_LimitOverForeignQdisc_FailsAndNamesKind) {
  pod_->Sh("tc qdisc add dev eth0 root handle 1: htb");
  const std::string before = State();
  TapLinkOptions options;
  options.limits.transmit.rate = 1'000'000;
  const auto link = Create(options);
  ASSERT_FALSE(link);
  EXPECT_EQ(link.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(link.error().message(), HasSubstr("'htb'"));
  EXPECT_EQ(State(), before);
}

TEST_F(TapLinkTest, Create_BadRequests_FailAndLeaveNothing) {
  const std::string before = State();
  const auto code = [&](TapLinkOptions options) {
    if (options.tap.empty()) options.tap = "vctap0";
    const auto link = TapLink::Create(pod_->space(), options);
    EXPECT_FALSE(link);
    EXPECT_EQ(State(), before);
    return link ? Code::kUnknown : link.error().code();
  };
  EXPECT_EQ(code({.interface = "nowhere"}), Code::kNotFound);
  EXPECT_EQ(code({.interface = "lo"}), Code::kFailedPrecondition);
  EXPECT_EQ(code({.interface = "eth0", .tap = "eth0"}), Code::kAlreadyExists);
  EXPECT_EQ(code({.interface = "eth0", .tap = "sixteen-letters-"}), Code::kInvalidArgument);
  EXPECT_EQ(code({.interface = "eth0", .tap = "a b"}), Code::kInvalidArgument);
  EXPECT_EQ(code({.interface = "eth0", .tap = "vc%d"}), Code::kInvalidArgument);
  EXPECT_EQ(code({.interface = "eth0", .queues = 0}), Code::kInvalidArgument);
  EXPECT_EQ(code({.interface = "eth0", .queues = 65}), Code::kInvalidArgument);
  EXPECT_EQ(code({.interface = "eth0", .sender = SenderRules{"nonsense", {}}}), Code::kInvalidArgument);
  EXPECT_EQ(code({.interface = "eth0", .sender = SenderRules{kMac, {"10.9"}}}), Code::kInvalidArgument);
  pod_->Sh("ip link set eth0 down");
  const auto down = TapLink::Create(pod_->space(), {.interface = "eth0", .tap = "vctap0"});
  ASSERT_FALSE(down);
  EXPECT_EQ(down.error().code(), Code::kFailedPrecondition);
}

TEST_F(TapLinkTest, Create_Macvlan_MulticastArrives) {
  outside_->Sh("ip link add mv0 link outer address 02:00:00:00:00:05 netns " + pod_->path() +
               " type macvlan mode bridge");
  pod_->Sh("ip link set eth0 down; ip link set mv0 up");
  const TestNamespace other("other");
  outside_->Sh("ip link add mv1 link outer address 02:00:00:00:00:06 netns " + other.path() +
               " type macvlan mode bridge");
  other.Sh(
      "ip address add 10.8.0.6/24 dev mv1; ip -6 address add fd08::6/64 dev mv1 nodad; ip link set mv1 up");
  const std::string before = State();
  auto link = TapLink::Create(pod_->space(), {.interface = "mv0", .tap = "vctap0"});
  ASSERT_TRUE(link) << link.error().ToString();
  // The carrier of a macvlan is its lower device's.
  pod_->Sh("ip link set eth0 up");
  {
    const TestGuest guest(link->queues[0].get(), "02:00:00:00:00:05", 1500,
                          "ip address add 10.8.0.5/24 dev eth0; ip -6 address add fd08::5/64 dev eth0 nodad");
    EXPECT_TRUE(TcpWorks(other, guest.in(), "10.8.0.5"));
    // Its solicitation goes to a multicast group that the namespace's kernel has not joined.
    EXPECT_TRUE(TcpWorks(other, guest.in(), "fd08::5"));
  }
  link->queues.clear();
  pod_->Sh("ip link set eth0 down");
  ASSERT_TRUE(TapLink::Undo(pod_->space(), "mv0"));
  EXPECT_EQ(State(), before);
}

// Only that a limit is near what was asked for: a busy machine measures less.
TEST_F(TapLinkTest, Create_Limits_BoundEachDirection) {
  constexpr uint64_t kRate = 2'000'000;
  TapLinkOptions options;
  options.limits = {{kRate, 0}, {2 * kRate, 0}};
  const auto link = Create(options);
  ASSERT_TRUE(link) << link.error().ToString();
  const TestGuest guest(link->queues[0].get(), kMac, 1500, kGuestSetup);
  const double received = MeasureTcp(*outside_, guest.in(), "10.9.0.2", std::chrono::milliseconds(900));
  const double sent = MeasureTcp(guest.in(), *outside_, "10.9.0.1", std::chrono::milliseconds(900));
  RecordProperty("received_of_limit", std::to_string(received / kRate));
  RecordProperty("sent_of_limit", std::to_string(sent / (2 * kRate)));
  std::printf("of the limits: received %.3f, sent %.3f\n", received / kRate, sent / (2 * kRate));
  EXPECT_GT(received, 0.1 * kRate);
  EXPECT_LT(received, 1.2 * kRate);
  EXPECT_GT(sent, 0.2 * kRate);
  EXPECT_LT(sent, 2.4 * kRate);
}

}  // namespace
}  // namespace virtcontainers
