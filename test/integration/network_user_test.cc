// Pods behind a user-mode network stack.

#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <filesystem>

#include "integration/datagrams.h"
#include "integration/network_test.h"

namespace virtcontainers::test {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

[[maybe_unused]] testing::Environment* const kLab = testing::AddGlobalTestEnvironment(new LabEnvironment);

class UserNetworkTest : public NetworkTest {
 protected:
  void SetUp() override {
    NetworkTest::SetUp();
    // Where the laboratory's servers are: an address that is not the loopback's.
    Make(
        "ip link add name host0 type veth peer name host1\nip addr add 192.0.2.1/24 dev host0\n"
        "ip -6 addr add 2001:db8::1/64 dev host0 nodad\nip link set host0 up\nip link set host1 up",
        "ip link del host0");
  }
};

TEST_F(UserNetworkTest, OutgoingAndForwarded_EitherSideSpeaksFirst) {
  NetworkConfig network = Network(NetworkKind::kUser);
  network.forwards = {{"", 18000, 7000, 2, NetworkProtocol::kTcp},
                      {"", 18000, 7000, 1, NetworkProtocol::kUdp}};
  ASSERT_OK(runtime().RunPod(NetworkPod("p", {network})));
  const PodStatus status = StatusOf("p");
  EXPECT_THAT(status.networks[0].host, testing::AnyOf(HasSubstr("libslirp"), HasSubstr("passt")));
  EXPECT_THAT(status.sandbox, HasSubstr("no network"));

  // The guest begins.
  {
    LabServer speaks("0.0.0.0", 7100, [](int connection) { SendAll(connection, "welcome"); });
    LabServer speaks6("::", 7101, [](int connection) { SendAll(connection, "welcome, six"); });
    LabServer echo("0.0.0.0", 7102, [](int connection) { SendAll(connection, ReadToEnd(connection)); });
    EXPECT_EQ(In("p", "nc 192.0.2.1 7100 </dev/null").out, "welcome");
    EXPECT_EQ(In("p", "nc 2001:db8::1 7101 </dev/null").out, "welcome, six");
    // Half-close: the server answers when it has seen the end.
    EXPECT_EQ(In("p", "nc 192.0.2.1 7102", "all of it").out, "all of it");
    EXPECT_TRUE(Pings("p", "10.0.2.2"));
  }

  // The host begins; the server in the guest speaks first, or waits for its client.
  auto first = runtime().EnterContainer("p", "p-c", Shell("echo hello | nc -l -p 7000"));
  ASSERT_OK(first);
  UniqueFd connection;
  std::string said;
  ASSERT_TRUE(Eventually([&] {
    connection = ConnectTo("127.0.0.1", 18000);
    said = connection ? ReadToEnd(connection.get()) : "";
    return !said.empty();
  }));
  EXPECT_EQ(said, "hello\n");
  auto second = runtime().EnterContainer("p", "p-c", Shell("nc -l -p 7001 -e cat"));
  ASSERT_OK(second);
  ASSERT_TRUE(Eventually([&] {
    connection = ConnectTo("192.0.2.1", 18001);
    if (!connection) return false;
    SendAll(connection.get(), "echoed");
    ::shutdown(connection.get(), SHUT_WR);
    said = ReadToEnd(connection.get());
    return !said.empty();
  }));
  EXPECT_EQ(said, "echoed");

  // No socket of the host's loopback, and none of the monitor's.
  {
    LabServer secret("127.0.0.1", 7104, [](int fd) { SendAll(fd, "secret"); });
    for (const char* address : {"127.0.0.1", "10.0.2.2"}) {
      EXPECT_EQ(In("p", std::string("timeout 3 nc ") + address + " 7104 </dev/null").out, "") << address;
    }
  }
}

PodConfig WithProbe(PodConfig pod) {
  std::filesystem::copy_file(VIRTCONTAINERS_NETWORK_PROBE, pod.containers[0].rootfs + "/bin/network_probe");
  return pod;
}

// An answer to "hello", once the server is there.
bool SaysHello(int socket) {
  const timeval patience{0, 200'000};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  char answer[16];
  return Eventually(
      [&] { return ::send(socket, "hello", 5, 0) == 5 && ::recv(socket, answer, sizeof(answer), 0) == 5; });
}

TEST_F(UserNetworkTest, Datagrams_OutgoingForwardedAndToTheResolver_AllArrive) {
  constexpr uint32_t kMany = 1000;
  Make(
      "echo 'nameserver 192.0.2.1' > /run/resolv.conf\necho 'nameserver 2001:db8::1' >> /run/resolv.conf\n"
      "mount --bind /run/resolv.conf /etc/resolv.conf",
      "umount /etc/resolv.conf");
  NetworkConfig network = Network(NetworkKind::kUser);
  network.forwards = {{"", 18000, 7000, 1, NetworkProtocol::kUdp}};
  ASSERT_OK(runtime().RunPod(WithProbe(NetworkPod("p", {network}))));

  // The guest begins.
  {
    const LabServer echo("0.0.0.0", 7100), echo6("::", 7100);
    const std::string many = " 7100 " + std::to_string(kMany), all = std::to_string(kMany) + "\n";
    EXPECT_EQ(In("p", "network_probe exchange 192.0.2.1" + many).out, all);
    EXPECT_EQ(In("p", "network_probe exchange 2001:db8::1" + many).out, all);
  }

  // The host begins.
  auto server = runtime().EnterContainer("p", "p-c", Shell("network_probe serve 7000"));
  ASSERT_OK(server);
  const std::vector<std::string> addresses = {"192.0.2.1", "2001:db8::1", "127.0.0.1", "::1"};
  for (const std::string& address : addresses) {
    const UniqueFd socket = DatagramsTo(address, 18000);
    ASSERT_TRUE(SaysHello(socket.get())) << address;
    EXPECT_EQ(ExchangeDatagrams(socket.get(), kMany), kMany) << address;
  }
  ASSERT_EQ(::send(DatagramsTo("192.0.2.1", 18000).get(), "end", 3, 0), 3);
  EXPECT_EQ(Finish(std::move(server)).out, "ready\n" + std::to_string(addresses.size() * kMany) + "\n");

  // The name servers that the guest is told of are those of the host.
  {
    const auto knows = [](const char* address) {
      return LabServer::Responder{[=](const std::string& query) { return AnswerQuery(query, address); }};
    };
    const LabServer names("192.0.2.1", 53, knows("\xc6\x33\x64\x07")),
        names6("2001:db8::1", 53, knows("\xc6\x33\x64\x08"));
    const std::vector<std::string> servers = StatusOf("p").networks[0].dns.servers;
    ASSERT_EQ(servers.size(), 2u);
    EXPECT_EQ(In("p", "network_probe resolve web.example").out, servers[0] + " 198.51.100.7\n");
    EXPECT_EQ(In("p", "network_probe resolve web.example " + servers[1]).out, servers[1] + " 198.51.100.8\n");
    EXPECT_THAT(In("p", "nslookup web.example").out, HasSubstr("198.51.100."));
  }
}

TEST_F(UserNetworkTest, HostLoopback_WhenAskedFor_IsTheGateway) {
  NetworkConfig network = Network(NetworkKind::kUser);
  network.host_loopback = true;
  network.addresses = {"172.20.0.5/24"};
  network.forwards = {{"", 18000, 7000, 1, NetworkProtocol::kUdp}};
  ASSERT_OK(runtime().RunPod(WithProbe(NetworkPod("p", {network}))));
  EXPECT_THAT(In("p", "ip addr show eth0").out, HasSubstr("172.20.0.5/24"));
  std::string gateway = In("p", "ip route | sed -n 's/default via \\([0-9.]*\\).*/\\1/p'").out;
  gateway = gateway.substr(0, gateway.find('\n'));
  LabServer local("127.0.0.1", 7104, [](int fd) { SendAll(fd, "local"); });
  EXPECT_EQ(In("p", "nc " + gateway + " 7104 </dev/null").out, "local") << gateway;
  // Then also what the guest answers reaches the host's loopback.
  auto server = runtime().EnterContainer("p", "p-c", Shell("network_probe serve 7000"));
  ASSERT_OK(server);
  const UniqueFd socket = DatagramsTo("127.0.0.1", 18000);
  EXPECT_TRUE(SaysHello(socket.get()));
  ASSERT_EQ(::send(socket.get(), "end", 3, 0), 3);
  EXPECT_EQ(Finish(std::move(server)).out, "ready\n0\n");
}

TEST_F(UserNetworkTest, HundredMegabytes_ThroughADeathOfTheMonitor_AreWhole) {
  NetworkConfig network = Network(NetworkKind::kUser);
  network.forwards = {{"127.0.0.1", 18000, 7000, 1, NetworkProtocol::kTcp}};
  ASSERT_OK(runtime().RunPod(NetworkPod("p", {network})));
  std::atomic<size_t> sent{0};
  LabServer server("0.0.0.0", 7100, [&](int connection) {
    const std::string block(1 << 20, 'x');
    for (int i = 0; i < 100; ++i) {
      SendAll(connection, block);
      sent += block.size();
    }
  });
  auto receiving = runtime().EnterContainer("p", "p-c", Shell("nc 192.0.2.1 7100 </dev/null | sha256sum"));
  ASSERT_OK(receiving);
  ASSERT_TRUE(Eventually([&] { return sent > (5 << 20); }));
  ASSERT_EQ(::kill(StatusOf("p").monitor_pid, SIGKILL), 0);
  EXPECT_EQ(Finish(std::move(receiving)).out,
            OutputOf("head -c 104857600 /dev/zero | tr '\\0' x | sha256sum"));

  // The other way, through a forwarded port.
  auto sending =
      runtime().EnterContainer("p", "p-c", Shell("head -c 104857600 /dev/zero | tr '\\0' y | nc -l -p 7000"));
  ASSERT_OK(sending);
  std::string all;
  ASSERT_TRUE(Eventually([&] {
    const UniqueFd connection = ConnectTo("127.0.0.1", 18000);
    all = connection ? ReadToEnd(connection.get()) : "";
    return !all.empty();
  }));
  EXPECT_EQ(all.size(), size_t{104857600});
  EXPECT_EQ(std::count(all.begin(), all.end(), 'y'), 104857600);
}

TEST_F(UserNetworkTest, TwoHundredConnectionsAtOnce_AreAllAnswered) {
  ASSERT_OK(runtime().RunPod(NetworkPod("p", {Network(NetworkKind::kUser)})));
  std::atomic<int> open{0}, most{0};
  std::atomic<bool> answer{false};
  LabServer server("0.0.0.0", 7100, [&](int connection) {
    most = std::max(most.load(), ++open);
    while (!answer) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    SendAll(connection, "ok\n");
  });
  auto clients = runtime().EnterContainer(
      "p", "p-c",
      Shell("i=0; while [ $i -lt 200 ]; do nc 192.0.2.1 7100 </dev/null & i=$((i+1)); done | grep -c ok"));
  ASSERT_OK(clients);
  EXPECT_TRUE(Eventually([&] { return most >= 200; })) << most;
  answer = true;
  EXPECT_EQ(Finish(std::move(clients)).out, "200\n");
}

TEST_F(UserNetworkTest, PortTaken_IsNamed_AndNothingIsLeft) {
  LabServer taken("0.0.0.0", 18000, [](int) {});
  NetworkConfig network = Network(NetworkKind::kUser);
  network.forwards = {{"", 18000, 80, 1, NetworkProtocol::kTcp}};
  const Status run = runtime().RunPod(NetworkPod("p", {network}));
  ASSERT_FALSE(run);
  EXPECT_THAT(run.error().ToString(), HasSubstr("18000/tcp"));
  EXPECT_THAT(run.error().ToString(), HasSubstr("taken"));
  EXPECT_THAT(ProcessesLeft(), testing::IsEmpty());
}

TEST_F(UserNetworkTest, StackKilled_PodEndsAndSaysWhy) {
  ASSERT_OK(runtime().RunPod(NetworkPod("p", {Network(NetworkKind::kUser)})));
  const Result<PodStats> stats = runtime().StatsPod("p");
  ASSERT_OK(stats);
  pid_t stack = 0;
  for (const auto& process : stats->host) {
    if (process.name.starts_with("user-mode network")) stack = process.pid;
  }
  ASSERT_GT(stack, 1);
  ASSERT_EQ(::kill(stack, SIGKILL), 0);
  const auto reason = [&] { return StatusOf("p").reason; };
  EXPECT_TRUE(Eventually([&] { return reason().find("killed by signal 9") != std::string::npos; }))
      << reason();
  EXPECT_EQ(StatusOf("p").state, PodState::kStopped);
}

TEST_F(UserNetworkTest, VirtcRun_HasANetworkWithoutBeingAsked) {
  const std::string rootfs = MakeRootfs("r");
  LabServer server("0.0.0.0", 7100, [](int connection) { SendAll(connection, "welcome"); });
  const Finished ran = Virtc({"run", "--rm", "--rootfs", rootfs, "sh", "-c", "nc 192.0.2.1 7100 </dev/null"});
  EXPECT_EQ(ran.out, "welcome") << ran.err;
  const Finished none =
      Virtc({"run", "--rm", "--network", "none", "--rootfs", rootfs, "sh", "-c", "ip -o link | wc -l"});
  EXPECT_EQ(none.out, "1\n") << none.err;
}

}  // namespace
}  // namespace virtcontainers::test
