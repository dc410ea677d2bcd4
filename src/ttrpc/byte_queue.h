// Bytes on their way out. Shared by host and guest.

#ifndef VIRTCONTAINERS_SRC_TTRPC_BYTE_QUEUE_H_
#define VIRTCONTAINERS_SRC_TTRPC_BYTE_QUEUE_H_

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace virtcontainers::ttrpc {

// A queue of bytes that can be looked at as one piece. Not thread-safe.
class ByteQueue {
 public:
  // What is in it; valid until the queue changes.
  std::string_view view() const { return std::string_view(bytes_).substr(taken_); }
  size_t size() const { return bytes_.size() - taken_; }
  bool empty() const { return size() == 0; }

  // The string that new bytes are appended to, and nothing else is done with.
  std::string& tail() { return bytes_; }

  // Drops the first `count` bytes, at most all. Costs a constant per byte over the queue's life.
  void Consume(size_t count) {
    taken_ += std::min(count, size());
    if (taken_ == bytes_.size()) {
      taken_ = 0;
      bytes_.clear();
      if (bytes_.capacity() > kKeptCapacity) bytes_ = std::string();
    } else if (taken_ >= kKeptCapacity && taken_ >= bytes_.size() / 2) {
      bytes_.erase(0, std::exchange(taken_, 0));
    }
  }

  // All of it; the queue is empty then.
  std::string Take() {
    bytes_.erase(0, std::exchange(taken_, 0));
    return std::exchange(bytes_, std::string());
  }

 private:
  static constexpr size_t kKeptCapacity = 64 << 10;

  std::string bytes_;
  size_t taken_ = 0;
};

}  // namespace virtcontainers::ttrpc

#endif  // VIRTCONTAINERS_SRC_TTRPC_BYTE_QUEUE_H_
