// A guest without a VM: a tap in a network namespace, whose frames go over a stream. For tests only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_TEST_GUEST_H_
#define VIRTCONTAINERS_SRC_NETWORK_TEST_GUEST_H_

#include <fcntl.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <mutex>
#include <net/if.h>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "network/test_namespaces.h"
#include "virtcontainers/network.h"

namespace virtcontainers {

class StreamGuest {
 public:
  // An interface eth0 that is configured as `interface` says, and `stream` in the place of QEMU's.
  StreamGuest(const NetworkInterface& interface, UniqueFd stream) : stream_(std::move(stream)) {
    space_.Run([this] {
      tap_.reset(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
      ifreq request{};
      std::strcpy(request.ifr_name, "eth0");
      request.ifr_flags = IFF_TAP | IFF_NO_PI;
      ASSERT_EQ(::ioctl(tap_.get(), TUNSETIFF, &request), 0);
    });
    space_.Configure({"link set eth0 address " + interface.mac});
    space_.Configure({"link set eth0 mtu " + std::to_string(interface.mtu) + " up"});
    for (const std::string& address : interface.addresses) {
      const bool ipv6 = address.find(':') != std::string::npos;
      space_.Configure({"addr add " + address + " dev eth0" + (ipv6 ? " nodad" : "")});
    }
    for (const Route& route : interface.routes)
      space_.Configure({"route add " + route.destination + " via " + route.gateway});
    in_ = std::thread([this] { CarryIn(); });
    out_ = std::thread([this] { CarryOut(); });
  }
  ~StreamGuest() {
    ::shutdown(stream_.get(), SHUT_RDWR);
    // Wakes the reader of the tap, by a frame of its own.
    stop_ = true;
    space_.Configure({"link set eth0 down", "link set eth0 up"});
    in_.join();
    out_.join();
  }

  const SocketSpace& space() const { return space_; }

  // A frame that no guest's kernel would send.
  void SendFrame(const std::string& frame) const {
    std::string bytes(4, '\0');
    for (size_t i = 0; i < 4; ++i) bytes[i] = static_cast<char>(frame.size() >> 8 * (3 - i));
    SendRaw(bytes + frame);
  }
  // False when the other end is closed. Frames of several threads do not mix.
  bool SendRaw(std::string_view bytes) const {
    const std::lock_guard lock(mutex_);
    while (!bytes.empty()) {
      const ssize_t n = ::send(stream_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

 private:
  bool Read(char* to, size_t size) const {
    return ::recv(stream_.get(), to, size, MSG_WAITALL) == static_cast<ssize_t>(size);
  }
  void CarryIn() const {
    std::vector<char> frame(70 << 10);
    unsigned char length[4];
    while (Read(reinterpret_cast<char*>(length), 4)) {
      const size_t size =
          size_t{length[0]} << 24 | size_t{length[1]} << 16 | size_t{length[2]} << 8 | length[3];
      if (size > frame.size() || !Read(frame.data(), size)) return;
      (void)!::write(tap_.get(), frame.data(), size);
    }
  }
  void CarryOut() const {
    std::vector<char> frame(70 << 10);
    for (ssize_t size = 0;
         (size = ::read(tap_.get(), frame.data() + 4, frame.size() - 4)) > 0 || errno == EIO;) {
      if (stop_) return;
      if (size <= 0) continue;
      for (size_t i = 0; i < 4; ++i) frame[i] = static_cast<char>(static_cast<size_t>(size) >> 8 * (3 - i));
      if (!SendRaw({frame.data(), static_cast<size_t>(size) + 4})) return;
    }
  }

  SocketSpace space_;
  UniqueFd tap_, stream_;
  mutable std::mutex mutex_;  // of writing to the stream
  std::atomic<bool> stop_{false};
  std::thread in_, out_;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_TEST_GUEST_H_
