// Where things are in the frames of a guest. Host only.

#ifndef VIRTCONTAINERS_SRC_USERNET_FRAME_LAYOUT_H_
#define VIRTCONTAINERS_SRC_USERNET_FRAME_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace virtcontainers {

// Sizes, without options.
inline constexpr size_t kEthernetHeader = 14, kIpv4Header = 20, kIpv6Header = 40, kUdpHeader = 8;
// The type of an Ethernet frame's content, at kEtherType.
inline constexpr size_t kEtherType = 12;
inline constexpr unsigned kTypeArp = 0x0806, kTypeIpv4 = 0x0800, kTypeIpv6 = 0x86dd;

inline uint8_t ByteAt(std::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }
// Of two bytes, most significant first.
inline uint16_t WordAt(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(ByteAt(bytes, at) << 8 | ByteAt(bytes, at + 1));
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_USERNET_FRAME_LAYOUT_H_
