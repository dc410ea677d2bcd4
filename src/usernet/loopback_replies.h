// Replies of the guest to datagrams that came from the host's loopback. Host only.

#ifndef VIRTCONTAINERS_SRC_USERNET_LOOPBACK_REPLIES_H_
#define VIRTCONTAINERS_SRC_USERNET_LOOPBACK_REPLIES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

#include "network/usernet_options.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// libslirp shows the guest the gateway, or what no network carries, as the sender of a datagram that a
// process of the host has sent from a loopback address to a forwarded port; and it drops what the guest sends
// to the gateway, which would reach the host's loopback. This shows the guest the gateway in every case, and
// lets the replies pass, and nothing else: a datagram from the forwarded port to the port that sent to it not
// long ago is addressed to the sender, where libslirp sends it by the forwarded port's own socket. Not
// thread-safe.
class LoopbackReplies {
 public:
  // How many senders are remembered, and for how long after the last datagram of each.
  static constexpr size_t kMost = 1024;
  static constexpr int64_t kNanoseconds = 120'000'000'000;

  using Clock = int64_t (*)();  // nanoseconds

  // Errors: InvalidArgument for a gateway that is no address.
  static Result<LoopbackReplies> Create(const UsernetOptions& options, Clock clock);

  // Of a frame for the guest: what to pass on, which is valid until the next call of that function.
  std::string_view ToGuest(std::string_view frame);
  // The same of a frame of the guest's.
  std::string_view FromGuest(std::string_view frame);

 private:
  using Sender = std::tuple<bool, uint16_t, uint16_t>;  // IPv6 or IPv4, the guest's port, the sender's
  struct Heard {
    std::string address;
    int64_t last = 0;
  };

  void ForgetOldest(int64_t now);

  Clock clock_ = nullptr;
  std::string gateway_ipv4_, gateway_ipv6_;  // 4 bytes, and 16 or none
  std::set<uint16_t> ports_;                 // of the guest, to which UDP is forwarded
  std::map<Sender, Heard> senders_;
  std::string to_guest_, from_guest_;  // what was passed on last
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_USERNET_LOOPBACK_REPLIES_H_
