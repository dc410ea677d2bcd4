// A host, a user-mode network, and a guest behind it. For tests only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_TEST_USER_MODE_H_
#define VIRTCONTAINERS_SRC_NETWORK_TEST_USER_MODE_H_

#include <sys/mount.h>

#include <chrono>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/errors.h"
#include "network/passt.h"
#include "network/test_guest.h"
#include "network/test_namespaces.h"
#include "network/test_sockets.h"
#include "network/user_mode.h"
#include "os/test_directory.h"

namespace virtcontainers {

inline constexpr char kHostIpv4[] = "192.0.2.1", kHostIpv6[] = "2001:db8::1";

inline Deadline SoonEnough() { return Deadline::After(std::chrono::seconds(20)); }

// The host is a namespace with the addresses above, and its resolver is at the first of them.
class UserModeTest : public testing::TestWithParam<UserModeBackend> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "skipped: network namespaces need root";
    if (GetParam() == UserModeBackend::kPasst) {
      if (const auto passt = FindPasst(SoonEnough()); !passt)
        GTEST_SKIP() << "skipped: " << passt.error().ToString();
    }
    host_ = std::make_unique<SocketSpace>();
    host_->Configure({"link add eth0 type veth peer name peer0", "link set peer0 up", "link set eth0 up",
                      "addr add 192.0.2.1/24 dev eth0", "addr add 2001:db8::1/64 dev eth0 nodad",
                      "route add default via 192.0.2.254", "route add default via 2001:db8::fe dev eth0"});
    host_->Run([this] {
      const std::string resolv = files_.Write("resolv.conf", "nameserver 192.0.2.1\nsearch example.org\n");
      ASSERT_EQ(::mount(resolv.c_str(), "/etc/resolv.conf", nullptr, MS_BIND, nullptr), 0);
    });
    options_.run_dir = files_.path();
    options_.name = "net0";
    options_.mac = "02:00:00:00:00:07";
    options_.backend = GetParam();
    options_.on_exit = [this](std::string reason) {
      const std::lock_guard lock(mutex_);
      exited_ = std::move(reason);
    };
  }
  void TearDown() override {
    guest_.reset();
    network_.reset();
  }

  Result<std::unique_ptr<UserModeNetwork>> TryStart() {
    Result<std::unique_ptr<UserModeNetwork>> started = Fail(Code::kUnknown, "not started");
    host_->Run([&] { started = UserModeNetwork::Start(options_, SoonEnough()); });
    return started;
  }
  // Starts the network and the guest.
  void Start() {
    auto started = TryStart();
    ASSERT_TRUE(started) << started.error().ToString();
    network_ = std::move(*started);
    NetworkInterface interface = network_->guest();
    interface.mac = options_.mac;
    guest_ = std::make_unique<StreamGuest>(interface, network_->TakeSocket());
  }
  void ForwardTcp(const std::string& address, uint16_t host, uint16_t guest, uint16_t count = 1) {
    options_.forwards.push_back({address, host, guest, count, NetworkProtocol::kTcp});
  }

  const SocketSpace& host() const { return *host_; }
  const SocketSpace& guest() const { return guest_->space(); }
  std::string guest_ipv4() const { return "10.0.2.15"; }
  std::string guest_ipv6() const { return "fd76:6370:6f64::15"; }

  bool HasExited() {
    const std::lock_guard lock(mutex_);
    return exited_.has_value();
  }
  // on_exit's reason, within some seconds.
  std::string AwaitExit() {
    for (int i = 0; i < 200; ++i) {
      {
        const std::lock_guard lock(mutex_);
        if (exited_) return *exited_;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return "it runs";
  }

  TestDirectory files_;
  std::unique_ptr<SocketSpace> host_;
  UserModeOptions options_;
  std::unique_ptr<UserModeNetwork> network_;
  std::unique_ptr<StreamGuest> guest_;
  std::mutex mutex_;
  std::optional<std::string> exited_;  // under mutex_
};

inline std::string UserModeBackendName(const testing::TestParamInfo<UserModeBackend>& info) {
  return info.param == UserModeBackend::kPasst ? "Passt" : "Slirp";
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_TEST_USER_MODE_H_
