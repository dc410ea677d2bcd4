// The networks of a pod: what is asked for, and what the guest is given.
//
// Plain values. Addresses, networks and MAC addresses are text: "10.1.0.2", "10.1.0.2/24", "fd00::2/64",
// "02:00:00:00:00:01".

#ifndef VIRTCONTAINERS_NETWORK_H_
#define VIRTCONTAINERS_NETWORK_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace virtcontainers {

// The lines of resolv.conf(5). All empty: containers keep the one of their root file system.
struct DnsConfig {
  std::vector<std::string> servers;   // addresses
  std::vector<std::string> searches;  // domains
  std::vector<std::string> options;   // "ndots:2"

  bool empty() const { return servers.empty() && searches.empty() && options.empty(); }
  friend bool operator==(const DnsConfig&, const DnsConfig&) = default;
};

// A route through one interface of the guest. (ip-route(8))
struct Route {
  std::string destination;  // a network: "10.0.0.0/8"; "0.0.0.0/0" and "::/0" are the default routes
  std::string gateway;      // empty: the destination is on the link
  std::string source;       // the address that the guest prefers to send from; empty: its choice
  uint32_t metric = 0;      // 0: the kernel's default
  bool onlink = false;      // the gateway is on the link, though no address of the interface says so

  friend bool operator==(const Route&, const Route&) = default;
};

// An address on the link whose MAC address is known in advance: a permanent entry. (ip-neighbour(8))
struct Neighbor {
  std::string address;
  std::string mac;

  friend bool operator==(const Neighbor&, const Neighbor&) = default;
};

// A network interface as the guest sees it.
struct NetworkInterface {
  std::string name;  // "eth0"
  std::string mac;
  uint32_t mtu = 1500;
  std::vector<std::string> addresses;  // each with the length of its prefix: "10.1.0.2/24"
  std::vector<Route> routes;
  std::vector<Neighbor> neighbors;

  friend bool operator==(const NetworkInterface&, const NetworkInterface&) = default;
};

enum class NetworkProtocol { kTcp, kUdp };

// Ports of the host whose connections, or datagrams, reach ports of the guest.
struct PortForward {
  std::string host_address;  // an address of the host; empty: all of them
  uint16_t host_port = 0;    // 1 to 65535
  uint16_t guest_port = 0;   // 1 to 65535
  uint16_t count = 1;        // of successive ports on both sides
  NetworkProtocol protocol = NetworkProtocol::kTcp;

  friend bool operator==(const PortForward&, const PortForward&) = default;
};

// A limit on the traffic in one direction.
struct RateLimit {
  uint64_t rate = 0;   // bytes per second; 0: no limit
  uint64_t burst = 0;  // bytes that may pass at once after a pause; 0: those of 20 ms, at least 64 KiB

  friend bool operator==(const RateLimit&, const RateLimit&) = default;
};

struct NetworkLimits {
  RateLimit receive;   // what the guest receives
  RateLimit transmit;  // what the guest sends

  friend bool operator==(const NetworkLimits&, const NetworkLimits&) = default;
};

// How a network reaches the guest.
enum class NetworkKind {
  // A user-mode network stack, as a process beside the VM: the guest has a private network behind the host's
  // sockets. Needs no rights and no preparation.
  kUser,
  // All interfaces with an address of a network namespace, whose path is `source`: the guest has their names,
  // addresses, MAC addresses, routes, neighbors and MTUs in their place. Needs CAP_NET_ADMIN in the
  // namespace.
  kNamespace,
  // A configuration list of CNI. (CNI specification, 0.3.1 to 1.1) Needs root.
  kCni,
  // A tap device of the host that nobody uses, whose name is `source`.
  kTap,
  // A port of a bridge of the host, whose name is `source`. Needs CAP_NET_ADMIN.
  kBridge,
  // An open descriptor, handed over when the pod is started or the network is added: a tap's queue, or a
  // stream socket.
  kDescriptor,
};

// Of NetworkKind::kCni. (CNI specification, "Section 2: Execution Protocol")
struct CniOptions {
  std::string config;                    // the list itself, as JSON; empty: the file whose "name" is `source`
  std::vector<std::string> directories;  // of lists; default: /etc/cni/net.d
  std::vector<std::string> plugin_directories;  // default: /opt/cni/bin, /usr/lib/cni, /usr/libexec/cni
  std::map<std::string, std::string> args;      // CNI_ARGS
  // A JSON object with capability arguments in addition to those that the network's fields make:
  // {"bandwidth": {"ingressRate": 8000000, "ingressBurst": 65536}}.
  std::string capability_args;

  friend bool operator==(const CniOptions&, const CniOptions&) = default;
};

// One network of a pod. A pod without networks has a loopback interface only.
struct NetworkConfig {
  NetworkKind kind = NetworkKind::kUser;
  // The name of the guest's interface, unique in the pod: 1 to 15 characters. Empty: "eth0", "eth1" and so
  // on, by the position in the pod's list. A namespace's interfaces keep their own names; this is the
  // network's name then.
  std::string name;
  // kNamespace: a path. kCni: the name of a list; empty: the first of the directories. kTap, kBridge: the
  // name of the host's device. Otherwise empty.
  std::string source;
  std::string mac;   // of one station; empty: chosen when the network is made
  uint32_t mtu = 0;  // 68 to 65535; 0: the host's device's, or 1500
  // In addition to those that the kind brings; a static configuration for kTap, kBridge and kDescriptor,
  // which bring none. kUser: at most one of each family, with its prefix, in the place of the default
  // network.
  std::vector<std::string> addresses;
  std::vector<Route> routes;
  DnsConfig dns;  // in the place of what the kind brings
  NetworkLimits limits;
  // The guest can send with its own MAC address and addresses only. On by default; kUser has no need of it,
  // and it is off for interfaces of a namespace, where an engine may have put a bridge behind them.
  bool allow_spoofing = false;
  std::vector<PortForward> forwards;  // kUser, and kCni with a plugin for "portMappings"
  // kUser: the guest reaches the host's loopback addresses by its gateway's address.
  bool host_loopback = false;
  CniOptions cni;

  friend bool operator==(const NetworkConfig&, const NetworkConfig&) = default;
};

// A network of a pod that has been started.
struct NetworkStatus {
  std::string name;
  NetworkKind kind = NetworkKind::kUser;
  // The guest's interfaces: one, or those of the namespace.
  std::vector<NetworkInterface> interfaces;
  // What is on the host: "passt 2025_05", "libslirp 4.7.0", "bridge cni0", "veth1234 in /run/netns/x".
  std::string host;
  std::vector<PortForward> forwards;
  DnsConfig dns;  // that the network brings

  friend bool operator==(const NetworkStatus&, const NetworkStatus&) = default;
};

// "user", "namespace", "cni", "tap", "bridge", "descriptor".
std::string_view NetworkKindName(NetworkKind kind);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_NETWORK_H_
