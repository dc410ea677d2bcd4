// The frames by which the host feeds the guest's program "connect". Shared by host and guest.
//
// A frame begins with four bytes, little-endian: the number of the connection's bytes that follow, or one of
// the numbers below, which nothing follows. The frames let the guest tell a caller that is silent from one
// that was killed: whoever holds a connection says kConnectAlive from time to time.

#ifndef VIRTCONTAINERS_SRC_BASE_CONNECT_FRAMES_H_
#define VIRTCONTAINERS_SRC_BASE_CONNECT_FRAMES_H_

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace virtcontainers {

inline constexpr size_t kConnectHead = 4;
inline constexpr uint32_t kConnectEnd = 0;             // the caller writes no more, and still reads
inline constexpr uint32_t kConnectAlive = 0xffffffff;  // the caller lives
inline constexpr uint32_t kConnectGone = 0xfffffffe;   // the caller has closed the connection
inline constexpr uint32_t kConnectLargest = 64 << 10;  // of the bytes of a frame

// How often the host says that it lives, and for how long it may be silent.
inline constexpr std::chrono::seconds kConnectInterval{10};
inline constexpr std::chrono::seconds kConnectSilence{60};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_BASE_CONNECT_FRAMES_H_
