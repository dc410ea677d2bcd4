// What virtcontainers-usernet is told by the process that starts it. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_USERNET_OPTIONS_H_
#define VIRTCONTAINERS_SRC_NETWORK_USERNET_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "virtcontainers/error.h"
#include "virtcontainers/network.h"

namespace virtcontainers {

// The program's name, and what it is given beside its options, which are its only argument.
inline constexpr char kUsernetProgram[] = "virtcontainers-usernet";
inline constexpr int kUsernetStreamFd =
    3;  // frames, each after its length as 4 bytes, most significant first
// The program writes one line to it and closes it: "ready VERSION", VERSION being libslirp's, or the number
// of a Code, a space and a message.
inline constexpr int kUsernetReportFd = 4;

// The network of one family. All in one subnet of that family: addresses without prefix.
struct UsernetSubnet {
  std::string network;  // its first address
  uint8_t prefix = 0;
  std::string guest;
  std::string gateway;
  std::string nameserver;

  friend bool operator==(const UsernetSubnet&, const UsernetSubnet&) = default;
};

struct UsernetOptions {
  UsernetSubnet ipv4;
  std::optional<UsernetSubnet> ipv6;
  uint32_t mtu = 0;
  std::vector<PortForward> forwards;
  bool host_loopback = false;
  NetworkLimits limits;
  // The user and group that it becomes, confined; 0: it stays what it is.
  uint32_t user = 0;

  friend bool operator==(const UsernetOptions&, const UsernetOptions&) = default;
};

// As JSON on one line, and back. Errors: InvalidArgument, naming the field.
std::string UsernetOptionsToJson(const UsernetOptions& options);
Result<UsernetOptions> UsernetOptionsFromJson(std::string_view text);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_USERNET_OPTIONS_H_
