// The two directions of a connection that the program "connect" carries.

#ifndef VIRTCONTAINERS_GUEST_AGENT_CONNECT_RELAY_H_
#define VIRTCONTAINERS_GUEST_AGENT_CONNECT_RELAY_H_

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace virtcontainers::guest {

// Bytes on their way from one descriptor to another.
class Passage {
 public:
  bool empty() const { return from_ == bytes_.size(); }
  void Add(const char* data, size_t count) { bytes_.insert(bytes_.end(), data, data + count); }
  void Drop() {
    bytes_.clear();
    from_ = 0;
  }
  // Whether `fd` takes bytes; false, with errno, when it takes none any more.
  bool WriteTo(int fd);

 private:
  std::vector<char> bytes_;
  size_t from_ = 0;
};

// Reads frames (base/connect_frames.h) from `in` for `socket`, and writes what comes from `socket` to `out`,
// which it closes at the end of that. The descriptors become non-blocking and are not owned.
class Relay {
 public:
  // `silence`: for how long the host may say nothing while its bytes are taken.
  Relay(int in, int out, int socket, std::chrono::milliseconds silence)
      : in_(in), out_(out), socket_(socket), silence_(silence) {}

  // Blocks until the host has let go of the connection. Returns 0, or 1 for a connection that was reset or
  // whose host was silent.
  int Run();

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr size_t kBuffer = 64 << 10;

  void ReadSocket();
  void TakeFrames();

  const int in_, out_, socket_;
  const std::chrono::milliseconds silence_;
  Passage to_socket_, to_host_;
  uint32_t head_ = 0, body_ = 0;
  size_t head_size_ = 0;
  bool ended_ = false;     // the host writes no more
  bool shut_ = false;      // ... and the other side has been told
  bool gone_ = false;      // the host has closed the connection
  bool deaf_ = false;      // the other side reads no more
  bool read_all_ = false;  // the other side writes no more
  bool closed_ = false;    // ... and the host has been told
  bool reset_ = false;
  Clock::time_point heard_ = Clock::now();
  char buffer_[kBuffer];
};

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_CONNECT_RELAY_H_
