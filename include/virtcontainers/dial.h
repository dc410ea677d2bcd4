// Connections into a running pod, without a network.

#ifndef VIRTCONTAINERS_DIAL_H_
#define VIRTCONTAINERS_DIAL_H_

#include <cstdint>
#include <string>

namespace virtcontainers {

// What Runtime::Dial connects to: a TCP port, or a unix socket.
struct DialTarget {
  // The container whose network namespace and files are meant; empty: those of the pod, whose files are those
  // of the guest image.
  std::string container;
  uint16_t port = 0;  // of TCP; 0: `path` is meant
  // An IPv4 or IPv6 address in the guest. Empty: 127.0.0.1, and ::1 where that refuses the connection.
  std::string address;
  std::string path;  // of a unix socket, absolute; without `port` and `address`

  friend bool operator==(const DialTarget&, const DialTarget&) = default;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_DIAL_H_
