// The network devices of a namespace: finding, changing and deleting them. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_LINK_H_
#define VIRTCONTAINERS_SRC_NETWORK_LINK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "network/netlink.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// What the kernel tells about a tun or tap device.
struct TunFacts {
  bool tap = false;  // otherwise tun
  bool multi_queue = false;
  uint32_t queues = 0;  // descriptors that hold it, also those of disabled queues
};

struct Link {
  int index = 0;
  std::string name;
  std::string kind;  // "veth", "macvlan", "tun"; empty for hardware and loopback
  std::string mac;   // text; empty where there is none
  uint32_t mtu = 0;
  uint32_t flags = 0;  // IFF_… of netdevice(7)
  uint16_t type = 0;   // ARPHRD_…
  int master = 0;      // the bridge that it is a port of, or 0
  std::optional<TunFacts> tun;

  bool up() const;
  bool loopback() const;
  bool ethernet() const;
};

// Names are compared with those that the kernel gives; a name that no device can have is not found either.
// Errors: NotFound, naming it.
Result<Link> FindLink(Netlink& netlink, const std::string& name);
Result<std::vector<Link>> ListLinks(Netlink& netlink);

// What is not set stays.
struct LinkChange {
  std::optional<bool> up;
  std::optional<bool> all_multicast;
  std::optional<uint32_t> mtu;
  std::optional<int> master;
  // The kernel gives the device no IPv6 address of its own, and sends nothing by itself.
  bool no_own_address = false;
};

Status ChangeLink(Netlink& netlink, int index, const LinkChange& change);

// One that is gone already is no error.
Status DeleteLink(Netlink& netlink, int index);

// A device of a kind without options, such as "ifb". Errors: AlreadyExists; Unimplemented if the kernel does
// not have the kind.
Status MakeLink(Netlink& netlink, const std::string& name, const std::string& kind);

// "enable it in the kernel", for what this kernel lacks: the error of a request that needs `part`.
Error MissingFromKernel(std::string_view part);

// At most 15 bytes, fit for a device's name: `prefix`, and digits that depend on `key` alone.
std::string DeriveLinkName(std::string_view prefix, std::string_view key);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_NETWORK_LINK_H_
