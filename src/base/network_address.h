// IP and hardware addresses as people write them and as the kernel has them. Shared by host and guest.

#ifndef VIRTCONTAINERS_SRC_BASE_NETWORK_ADDRESS_H_
#define VIRTCONTAINERS_SRC_BASE_NETWORK_ADDRESS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "virtcontainers/error.h"

namespace virtcontainers {

struct IpAddress {
  uint8_t family = 0;  // AF_INET or AF_INET6
  std::string bytes;   // 4 or 16, as on the wire
  uint8_t prefix = 0;  // of the network: all bits for a host
};

// "10.0.0.1", "10.0.0.0/8", "fe80::1/64".
Result<IpAddress> ParseIp(const std::string& text);
// The bytes of an address; empty for a size that is none.
std::string FormatIp(std::string_view bytes);

// "52:54:00:12:34:56" as six bytes.
Result<std::string> ParseMac(std::string_view text);
std::string FormatMac(std::string_view bytes);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_BASE_NETWORK_ADDRESS_H_
