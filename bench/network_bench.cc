// Times the networks of a pod, for bench/network.
//
//   network_bench ROOT RUN ROOTFS WORK SECONDS REQUESTS
//
// Runs in the network namespace that bench/network has prepared, with a net_peer behind a plain veth at
// kPlainAddress. ROOTFS has net_peer in /bin; WORK has lists of CNI. Streams last SECONDS. One line a
// measurement: its name and its value.

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <thread>
#include <vector>
#include <virtcontainers/runtime.h>

#include "net_peer.h"

namespace vc = virtcontainers;

namespace {

using namespace virtcontainers::bench;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr char kPod[] = "bench-network";
constexpr uint16_t kPort = 7000, kForwardedPort = 17000;
constexpr char kPlainAddress[] = "10.89.0.2";
// Of the limits that are checked, in bytes per second: below what an emulated guest reaches by any network.
constexpr uint64_t kRate = 4 << 20;

[[noreturn]] void Die(const std::string& why) {
  std::cerr << "network_bench: " << why << "\n";
  std::_Exit(EXIT_FAILURE);
}

template <typename T>
T Get(vc::Result<T> result, const std::string& doing) {
  if (!result) Die(doing + ": " + result.error().ToString());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

double Seconds(const std::function<void()>& work) {
  const auto begin = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void Print(const std::string& name, double value) { std::cout << name << " " << value << std::endl; }

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Target {
  std::string address;
  uint16_t port = kPort;
};

// The server may be on its way up.
int Connect(const Target& target, char wanted) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(target.port);
  ::inet_pton(AF_INET, target.address.c_str(), &to.sin_addr);
  const auto until = Clock::now() + std::chrono::seconds(10);
  do {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1;
    const timeval patience{20, 0};
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0 && ::write(fd, &wanted, 1) == 1)
      return fd;
    ::close(fd);
    std::this_thread::sleep_for(milliseconds(20));
  } while (Clock::now() < until);
  Die("nobody answers at " + target.address + ":" + std::to_string(target.port));
}

// A user-mode stack takes connections before the guest's server does: the first one is tried until it works.
void AwaitPeer(const Target& target) {
  const auto until = Clock::now() + std::chrono::seconds(20);
  char message[kMessage] = {};
  while (Clock::now() < until) {
    const int fd = Connect(target, kPeerEcho);
    const bool answered =
        ::send(fd, message, sizeof message, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof message) &&
        ::recv(fd, message, sizeof message, MSG_WAITALL) == static_cast<ssize_t>(sizeof message);
    ::close(fd);
    if (answered) return;
    std::this_thread::sleep_for(milliseconds(20));
  }
  Die("no answer from the peer at " + target.address);
}

// Bytes per second from the peer. What comes in the first part of the time is not counted: TCP is slow then,
// and a limit lets a burst pass.
double ReceiveRate(const Target& target, double seconds) {
  const int fd = Connect(target, kPeerSource);
  static char buffer[kBlock];
  const auto begin = Clock::now() + milliseconds(static_cast<int>(seconds * 200));
  const auto end = begin + milliseconds(static_cast<int>(seconds * 1000));
  size_t count = 0;
  Clock::time_point first{}, last{};
  while (last < end) {
    const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
    if (got <= 0) Die("the stream from " + target.address + " has ended");
    last = Clock::now();
    if (last < begin) continue;
    if (first == Clock::time_point{}) {
      first = last;
    } else {
      count += static_cast<size_t>(got);
    }
  }
  ::close(fd);
  return static_cast<double>(count) / std::chrono::duration<double>(last - first).count();
}

// Bytes per second to the peer, until the peer says that it has all of them.
double SendRate(const Target& target, double seconds) {
  const int fd = Connect(target, kPeerSink);
  static char buffer[kBlock];
  uint64_t count = 0;
  const double took = Seconds([&] {
    const auto end = Clock::now() + milliseconds(static_cast<int>(seconds * 1200));
    while (Clock::now() < end) {
      if (::send(fd, buffer, sizeof buffer, MSG_NOSIGNAL) <= 0)
        Die("the stream to " + target.address + " has ended");
    }
    ::shutdown(fd, SHUT_WR);
    if (::recv(fd, &count, sizeof count, MSG_WAITALL) != static_cast<ssize_t>(sizeof count))
      Die("the peer at " + target.address + " has counted nothing");
  });
  ::close(fd);
  return static_cast<double>(count) / took;
}

double RoundTrip(const Target& target, int requests) {
  const int fd = Connect(target, kPeerEcho);
  char message[kMessage] = {};
  std::vector<double> times;
  for (int i = 0; i < requests + requests / 5; ++i) {
    const double took = Seconds([&] {
      if (::send(fd, message, sizeof message, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof message) ||
          ::recv(fd, message, sizeof message, MSG_WAITALL) != static_cast<ssize_t>(sizeof message))
        Die("no answer from " + target.address);
    });
    if (i >= requests / 5) times.push_back(took);
  }
  ::close(fd);
  return Median(times);
}

struct Kind {
  std::string name;
  vc::NetworkConfig config;
  Target target;
};

std::vector<Kind> Kinds(const std::string& work) {
  const auto network = [](vc::NetworkKind kind, std::string source) {
    vc::NetworkConfig config;
    config.kind = kind;
    config.name = "eth0";
    config.source = std::move(source);
    return config;
  };
  std::vector<Kind> kinds;
  kinds.push_back({"user", network(vc::NetworkKind::kUser, ""), {"127.0.0.1", kForwardedPort}});
  kinds.back().config.forwards = {{"127.0.0.1", kForwardedPort, kPort, 1, vc::NetworkProtocol::kTcp}};
  kinds.push_back(
      {"namespace", network(vc::NetworkKind::kNamespace, "/run/netns/guest"), {"10.90.0.2", kPort}});
  kinds.push_back({"cni", network(vc::NetworkKind::kCni, "bench"), {"10.91.0.2", kPort}});
  kinds.back().config.cni.directories = {work + "/net.d"};
  kinds.push_back({"bridge", network(vc::NetworkKind::kBridge, "bridge0"), {"10.92.0.2", kPort}});
  kinds.back().config.addresses = {"10.92.0.2/24"};
  kinds.push_back({"tap", network(vc::NetworkKind::kTap, "tap0"), {"10.93.0.2", kPort}});
  kinds.back().config.addresses = {"10.93.0.2/24"};
  return kinds;
}

void MeasureTraffic(const std::string& name, const Target& target, double seconds, int requests) {
  AwaitPeer(target);
  Print(name + "_receive_mib_per_s", SendRate(target, seconds) / (1 << 20));
  Print(name + "_send_mib_per_s", ReceiveRate(target, seconds) / (1 << 20));
  Print(name + "_round_trip_us", RoundTrip(target, requests) * 1e6);
}

// The proportional set size in MiB of the monitor's children that run a program.
void PrintMemory(pid_t monitor) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string pid = entry.path().filename();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    std::error_code error;
    std::ifstream stat(entry.path() / "stat"), rollup(entry.path() / "smaps_rollup");
    std::string text, word;
    std::getline(stat, text);
    const size_t end = text.rfind(") ");
    if (end == std::string::npos || std::atoi(text.c_str() + end + 4) != monitor) continue;
    const std::string program = std::filesystem::read_symlink(entry.path() / "exe", error).filename();
    if (program != "virtcontainers-netns" && program != "virtcontainers-usernet" &&
        program.rfind("passt", 0) != 0)
      continue;
    double pss = 0, rss = 0;
    while (rollup >> word) {
      if (word == "Pss:") rollup >> pss;
      if (word == "Rss:") rollup >> rss;
    }
    const std::string name = program == "virtcontainers-netns" ? "holder" : "user_stack";
    Print(name + "_pss_mib", pss / 1024);
    Print(name + "_rss_mib", rss / 1024);
  }
}

vc::PodConfig Pod(const std::string& rootfs) {
  vc::PodConfig pod;
  pod.id = kPod;
  vc::ContainerConfig& container = pod.containers.emplace_back();
  container.id = "one";
  container.rootfs = rootfs;
  container.process.args = {"/bin/net_peer", std::to_string(kPort)};
  return pod;
}

void End(vc::Runtime& runtime, const std::string& name) {
  Print("stop_" + name + "_ms",
        Seconds([&] { Get(runtime.StopPod(kPod, milliseconds(0)), "stop with " + name); }) * 1e3);
  Get(runtime.DeletePod(kPod), "delete");
}

double Start(vc::Runtime& runtime, const vc::PodConfig& pod, const std::string& name) {
  Get(runtime.CreatePod(pod), "create with " + name);
  return Seconds([&] { Get(runtime.StartPod(kPod), "start with " + name); }) * 1e3;
}

void MeasureHotplug(vc::Runtime& runtime, const Kind& kind) {
  vc::NetworkConfig config = kind.config;
  Print("add_" + kind.name + "_ms",
        Seconds([&] { Get(runtime.AddNetwork(kPod, config), "add " + kind.name); }) * 1e3);
  Print("remove_" + kind.name + "_ms",
        Seconds([&] { Get(runtime.RemoveNetwork(kPod, "eth0"), "remove " + kind.name); }) * 1e3);
}

void MeasureLimits(vc::Runtime& runtime, const Kind& kind, double seconds) {
  vc::NetworkConfig config = kind.config;
  config.limits.receive.rate = config.limits.transmit.rate = kRate;
  Get(runtime.AddNetwork(kPod, config), "add limited " + kind.name);
  AwaitPeer(kind.target);
  const auto ratio = [](double rate) { return rate / static_cast<double>(kRate); };
  Print("limit_receive_" + kind.name, ratio(SendRate(kind.target, seconds)));
  Print("limit_send_" + kind.name, ratio(ReceiveRate(kind.target, seconds)));
  Get(runtime.RemoveNetwork(kPod, "eth0"), "remove limited " + kind.name);
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc == 7 ? std::atof(argv[5]) : 0;
  const int requests = argc == 7 ? std::atoi(argv[6]) : 0;
  if (seconds <= 0 || requests < 5) {
    std::cerr << "usage: network_bench ROOT RUN ROOTFS WORK SECONDS REQUESTS\n";
    return 2;
  }
  vc::Runtime runtime =
      Get(vc::Runtime::Open({.root = argv[1], .run = argv[2], .monitor = {}, .guest = {}}), "open");
  const std::vector<Kind> kinds = Kinds(argv[4]);
  vc::PodConfig pod = Pod(argv[3]);

  MeasureTraffic("plain", {kPlainAddress, kPort}, seconds, requests);
  Print("start_none_ms", Start(runtime, pod, "none"));
  for (const Kind& kind : kinds) MeasureHotplug(runtime, kind);
  for (const Kind& kind : kinds) MeasureLimits(runtime, kind, seconds);
  End(runtime, "none");
  for (const Kind& kind : kinds) {
    pod.networks = {kind.config};
    Print("start_" + kind.name + "_ms", Start(runtime, pod, kind.name));
    MeasureTraffic(kind.name, kind.target, seconds, requests);
    if (kind.name == "user" || kind.name == "cni")
      PrintMemory(Get(runtime.PodStatus(kPod), "status").monitor_pid);
    End(runtime, kind.name);
  }
  return EXIT_SUCCESS;
}
