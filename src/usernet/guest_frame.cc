#include "usernet/guest_frame.h"

#include <cstddef>
#include <cstdint>

#include "usernet/frame_layout.h"

namespace virtcontainers {
namespace {

bool MayPassIpv4(std::string_view packet) {
  if (packet.size() < kIpv4Header) return false;
  const uint8_t first = ByteAt(packet, 16);  // of the destination
  return first != 127 && first != 0;
}

bool MayPassIpv6(std::string_view packet) {
  if (packet.size() < kIpv6Header) return false;
  const std::string_view destination = packet.substr(24, 16);
  // The first 80 bits are 0, and the next 16 are all 0 or all 1.
  if (destination.substr(0, 10) == std::string_view("\0\0\0\0\0\0\0\0\0\0", 10) &&
      (destination.substr(10, 2) == std::string_view("\0\0", 2) || destination.substr(10, 2) == "\xff\xff")) {
    return false;
  }
  constexpr uint8_t kIcmpV6 = 58, kRouterSolicitation = 133;
  const bool solicits = ByteAt(packet, 6) == kIcmpV6 && packet.size() > kIpv6Header &&
                        ByteAt(packet, kIpv6Header) == kRouterSolicitation;
  return !solicits;
}

}  // namespace

bool MayPass(std::string_view frame) {
  if (frame.size() < kEthernetHeader) return false;
  const unsigned type = WordAt(frame, kEtherType);
  const std::string_view packet = frame.substr(kEthernetHeader);
  if (type == kTypeArp) return true;
  if (type == kTypeIpv4) return MayPassIpv4(packet);
  return type == kTypeIpv6 && MayPassIpv6(packet);
}

}  // namespace virtcontainers
