#include "usernet/loopback_replies.h"

#include <algorithm>
#include <optional>

#include "base/errors.h"
#include "base/network_address.h"
#include "usernet/frame_layout.h"

namespace virtcontainers {
namespace {

constexpr unsigned kProtocolUdp = 17;
constexpr std::string_view kLoopbackIpv4("\x7f\0\0\x01", 4);
constexpr std::string_view kLoopbackIpv6("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 16);

// A whole datagram, by offsets into its frame.
struct Datagram {
  bool ipv6 = false;
  size_t address_size = 0;
  size_t source = 0, destination = 0;
  size_t udp = 0;
};

std::optional<Datagram> FindDatagram(std::string_view frame) {
  if (frame.size() < kEthernetHeader + kIpv4Header + kUdpHeader) return {};
  const unsigned type = WordAt(frame, kEtherType);
  Datagram found;
  if (type == kTypeIpv4) {
    const size_t header = (ByteAt(frame, kEthernetHeader) & 0xf) * 4;
    // A fragment has an offset, or more of them follow.
    const bool fragment = (WordAt(frame, kEthernetHeader + 6) & 0x3fff) != 0;
    if (ByteAt(frame, kEthernetHeader + 9) != kProtocolUdp || fragment || header < kIpv4Header) return {};
    found = {false, 4, kEthernetHeader + 12, kEthernetHeader + 16, kEthernetHeader + header};
  } else if (type == kTypeIpv6) {
    if (ByteAt(frame, kEthernetHeader + 6) != kProtocolUdp) return {};
    found = {true, 16, kEthernetHeader + 8, kEthernetHeader + 24, kEthernetHeader + kIpv6Header};
  } else {
    return {};
  }
  if (frame.size() < found.udp + kUdpHeader) return {};
  return found;
}

// Changes the checksum at `at` for bytes that become others. (RFC 1624)
void Adjust(std::string& frame, size_t at, std::string_view before, std::string_view after) {
  uint32_t sum = static_cast<uint16_t>(~WordAt(frame, at));
  for (size_t i = 0; i < before.size(); i += 2) {
    sum += static_cast<uint16_t>(~WordAt(before, i));
    sum += WordAt(after, i);
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  const auto checksum = static_cast<uint16_t>(~sum);
  frame[at] = static_cast<char>(checksum >> 8);
  frame[at + 1] = static_cast<char>(checksum);
}

// The frame with another address at `at`, in `changed`.
std::string_view Change(std::string& changed, std::string_view frame, const Datagram& datagram, size_t at,
                        std::string_view address) {
  const std::string before(frame.substr(at, address.size()));
  changed = frame;
  changed.replace(at, address.size(), address);
  if (!datagram.ipv6) Adjust(changed, kEthernetHeader + 10, before, address);
  // 0: there is no checksum.
  const size_t checksum = datagram.udp + 6;
  if (WordAt(changed, checksum) != 0) {
    Adjust(changed, checksum, before, address);
    if (WordAt(changed, checksum) == 0) changed.replace(checksum, 2, "\xff\xff", 2);
  }
  return changed;
}

}  // namespace

Result<LoopbackReplies> LoopbackReplies::Create(const UsernetOptions& options, Clock clock) {
  LoopbackReplies replies;
  replies.clock_ = clock;
  VC_ASSIGN_OR_RETURN(const IpAddress ipv4, ParseIp(options.ipv4.gateway));
  replies.gateway_ipv4_ = ipv4.bytes;
  if (options.ipv6) {
    VC_ASSIGN_OR_RETURN(const IpAddress ipv6, ParseIp(options.ipv6->gateway));
    replies.gateway_ipv6_ = ipv6.bytes;
  }
  for (const PortForward& forward : options.forwards) {
    if (forward.protocol != NetworkProtocol::kUdp) continue;
    for (int i = 0; i < forward.count; ++i)
      replies.ports_.insert(static_cast<uint16_t>(forward.guest_port + i));
  }
  return replies;
}

std::string_view LoopbackReplies::ToGuest(std::string_view frame) {
  if (ports_.empty()) return frame;
  const std::optional<Datagram> datagram = FindDatagram(frame);
  if (!datagram) return frame;
  const uint16_t port = WordAt(frame, datagram->udp + 2);
  if (ports_.count(port) == 0) return frame;
  const std::string& gateway = datagram->ipv6 ? gateway_ipv6_ : gateway_ipv4_;
  const std::string_view source = frame.substr(datagram->source, datagram->address_size);
  const bool loopback = datagram->ipv6 ? source == kLoopbackIpv6 : source[0] == kLoopbackIpv4[0];
  if (!loopback && source != gateway) return frame;
  Heard& sender = senders_[{datagram->ipv6, port, WordAt(frame, datagram->udp)}];
  sender.address = loopback ? source : datagram->ipv6 ? kLoopbackIpv6 : kLoopbackIpv4;
  sender.last = clock_();
  if (senders_.size() > kMost) ForgetOldest(sender.last);
  return loopback ? Change(to_guest_, frame, *datagram, datagram->source, gateway) : frame;
}

void LoopbackReplies::ForgetOldest(int64_t now) {
  std::erase_if(senders_, [&](const auto& sender) { return now - sender.second.last > kNanoseconds; });
  if (senders_.size() <= kMost) return;
  senders_.erase(std::min_element(senders_.begin(), senders_.end(), [](const auto& a, const auto& b) {
    return a.second.last < b.second.last;
  }));
}

std::string_view LoopbackReplies::FromGuest(std::string_view frame) {
  if (senders_.empty()) return frame;
  const std::optional<Datagram> datagram = FindDatagram(frame);
  if (!datagram) return frame;
  const std::string& gateway = datagram->ipv6 ? gateway_ipv6_ : gateway_ipv4_;
  if (frame.substr(datagram->destination, datagram->address_size) != gateway) return frame;
  const auto sender =
      senders_.find({datagram->ipv6, WordAt(frame, datagram->udp), WordAt(frame, datagram->udp + 2)});
  if (sender == senders_.end() || clock_() - sender->second.last > kNanoseconds) return frame;
  return Change(from_guest_, frame, *datagram, datagram->destination, sender->second.address);
}

}  // namespace virtcontainers
