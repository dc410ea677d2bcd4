// Ethernet frames on a stream socket, as QEMU's "-netdev stream" has them. Host only.

#ifndef VIRTCONTAINERS_SRC_USERNET_FRAME_STREAM_H_
#define VIRTCONTAINERS_SRC_USERNET_FRAME_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "virtcontainers/error.h"

namespace virtcontainers {

// The longest that QEMU makes.
constexpr size_t kMaxStreamFrame = (64 << 10) + (4 << 10);

// Takes frames out of bytes that come in pieces. Each is preceded by its length, 4 bytes, most significant
// first. Not thread-safe.
class FrameReader {
 public:
  FrameReader();

  // Room for the bytes that come next; never none after Next.
  char* space() { return buffer_.data() + end_; }
  size_t free() const { return buffer_.size() - end_; }
  // That many have been put there.
  void Put(size_t bytes) { end_ += bytes; }

  // Calls `use` for each whole frame, and makes room. The frame is valid during the call. Errors:
  // InvalidArgument for a length of 0 or above kMaxStreamFrame; nothing can be read after it.
  Status Next(const std::function<void(std::string_view frame)>& use);

 private:
  std::vector<char> buffer_;
  size_t begin_ = 0, end_ = 0;
};

// Frames that wait to be written, as the bytes that will be. Not thread-safe.
class FrameQueue {
 public:
  // Up to this many bytes wait.
  static constexpr size_t kMost = 8 << 20;

  // False, and nothing is added, if the queue is full.
  bool Add(std::string_view frame);

  std::string_view bytes() const { return {buffer_.data() + begin_, buffer_.size() - begin_}; }
  // The first of them have been written.
  void Drop(size_t bytes);

 private:
  std::vector<char> buffer_;
  size_t begin_ = 0;
};

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_USERNET_FRAME_STREAM_H_
