// Network namespaces for one test, with real devices in them. For tests only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_TEST_NETWORK_H_
#define VIRTCONTAINERS_SRC_NETWORK_TEST_NETWORK_H_

#include <linux/capability.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/network_address.h"
#include "base/test_deadline.h"
#include "base/unique_fd.h"
#include "network/network_namespace.h"
#include "os/subprocess.h"

namespace virtcontainers {

// A namespace that nothing but the test holds: it is gone with the object. Throws where the test cannot go
// on.
class TestNamespace {
 public:
  explicit TestNamespace(const std::string& name) : space_(Made(NetworkNamespace::Create("test " + name))) {}

  const NetworkNamespace& space() const { return space_; }
  // A path for `ip link set DEVICE netns PATH`.
  std::string path() const {
    return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(space_.fd());
  }

  // Runs a shell's commands inside, all of which must succeed; what they print.
  std::string Sh(const std::string& commands) const {
    return Made(InNamespace(space_, [&] { return RunCommand({"/bin/sh", "-ec", commands}, Soon()); }));
  }

  // A socket of the namespace.
  UniqueFd Socket(int family, int type, int protocol = 0) const {
    UniqueFd fd;
    const Status made = space_.Run([&]() -> Status {
      fd.reset(::socket(family, type | SOCK_CLOEXEC, protocol));
      return {};
    });
    if (!made || !fd) throw std::runtime_error("no socket in a test's namespace");
    return fd;
  }

  template <typename T>
  static T Made(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().ToString());
    return std::move(*result);
  }

 private:
  NetworkNamespace space_;
};

// Runs `body` on a thread without any capability.
inline void WithoutCapabilities(const std::function<void()>& body) {
  std::thread([&] {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2] = {};
    ASSERT_EQ(::syscall(SYS_capset, &header, none), 0);
    body();
  }).join();
}

// Waits until something is so.
inline bool EventuallyTrue(const std::function<bool()>& holds,
                           std::chrono::milliseconds most = std::chrono::seconds(20)) {
  for (const Deadline deadline = Deadline::After(most); !holds();) {
    if (deadline.passed()) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

// Receives whole frames from a device of a namespace.
class FrameListener {
 public:
  FrameListener(const TestNamespace& in, const std::string& device)
      : fd_(in.Socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL))) {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    (void)in.space().Run([&]() -> Status {
      address.sll_ifindex = static_cast<int>(::if_nametoindex(device.c_str()));
      return {};
    });
    if (::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
      throw std::runtime_error("listen on " + device);
  }

  // Whether a frame that ends with `tail` comes, within a time. All frames until then are added to `seen`.
  bool Hears(const std::string& tail, std::chrono::milliseconds time = std::chrono::seconds(5),
             std::string* seen = nullptr) {
    for (const Deadline deadline = Deadline::After(time); !deadline.passed();) {
      pollfd ready{fd_.get(), POLLIN, 0};
      if (::poll(&ready, 1, deadline.PollTimeout()) <= 0) return false;
      char frame[70000];
      const ssize_t size = ::recv(fd_.get(), frame, sizeof(frame), MSG_DONTWAIT);
      if (size <= 0) continue;
      const std::string_view whole(frame, static_cast<size_t>(size));
      if (seen != nullptr) *seen += whole;
      if (whole.ends_with(tail)) return true;
    }
    return false;
  }

 private:
  UniqueFd fd_;
};

// Plays a VMM: writes and reads frames at a tap's descriptor, behind a header for offloads.
inline constexpr size_t kOffloadHeader = 10;

inline bool SendFrame(int tap, const std::string& frame) {
  const std::string whole = std::string(kOffloadHeader, '\0') + frame;
  return ::write(tap, whole.data(), whole.size()) == static_cast<ssize_t>(whole.size());
}

// Whether a frame that ends with `tail` arrives at the tap.
inline bool TapHears(int tap, const std::string& tail) {
  for (const Deadline deadline = Deadline::After(std::chrono::seconds(5)); !deadline.passed();) {
    pollfd ready{tap, POLLIN, 0};
    if (::poll(&ready, 1, deadline.PollTimeout()) <= 0) return false;
    std::string frame(70000, '\0');
    const ssize_t size = ::read(tap, frame.data(), frame.size());
    if (size <= 0) continue;
    frame.resize(static_cast<size_t>(size));
    if (frame.ends_with(tail)) return true;
  }
  return false;
}

// A guest with a whole network stack: a namespace with a tap, whose frames go to and from the taps of a link.
class TestGuest {
 public:
  TestGuest(int link, const std::string& mac, uint32_t mtu, const std::string& setup);
  ~TestGuest() {
    stop_ = true;
    thread_.join();
  }
  TestGuest(const TestGuest&) = delete;
  TestGuest& operator=(const TestGuest&) = delete;

  const TestNamespace& in() const { return in_; }

 private:
  void Relay(int link);

  TestNamespace in_{"guest"};
  std::vector<UniqueFd> tap_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// Bytes per second of a TCP transfer between two namespaces for about `time`; 0 if there is no connection.
double MeasureTcp(const TestNamespace& from, const TestNamespace& to, const std::string& address,
                  std::chrono::milliseconds time,
                  std::chrono::milliseconds patience = std::chrono::seconds(5));

// Whether a TCP connection comes about and carries bytes both ways.
inline bool TcpWorks(const TestNamespace& from, const TestNamespace& to, const std::string& address,
                     std::chrono::milliseconds patience = std::chrono::seconds(5)) {
  return MeasureTcp(from, to, address, std::chrono::milliseconds(20), patience) > 0;
}
// Whether none comes about, where another one just has.
inline bool TcpFails(const TestNamespace& from, const TestNamespace& to, const std::string& address) {
  return !TcpWorks(from, to, address, std::chrono::milliseconds(400));
}

}  // namespace virtcontainers

#define VC_SKIP_UNLESS_ROOT() \
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: network namespaces need root"

#endif  // VIRTCONTAINERS_SRC_NETWORK_TEST_NETWORK_H_
