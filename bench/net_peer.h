// What the two ends of a measured TCP connection agree on.

#ifndef VIRTCONTAINERS_BENCH_NET_PEER_H_
#define VIRTCONTAINERS_BENCH_NET_PEER_H_

#include <cstddef>
#include <cstdint>

namespace virtcontainers::bench {

// The first byte that a client sends.
inline constexpr char kPeerSource = 'R';  // the server sends until the client closes
inline constexpr char kPeerSink = 'S';  // the server reads to the end, and sends the number of bytes, 8 bytes
inline constexpr char kPeerEcho = 'E';  // the server sends each message of kMessage bytes back

inline constexpr size_t kBlock = 128 << 10;
inline constexpr size_t kMessage = 64;

}  // namespace virtcontainers::bench

#endif  // VIRTCONTAINERS_BENCH_NET_PEER_H_
