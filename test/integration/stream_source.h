// Bytes that follow from a seed, and that no two places of a stream have in common.

#ifndef VIRTCONTAINERS_TEST_INTEGRATION_STREAM_SOURCE_H_
#define VIRTCONTAINERS_TEST_INTEGRATION_STREAM_SOURCE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace virtcontainers::test {

class StreamSource {
 public:
  explicit StreamSource(uint64_t seed) : state_(seed * 2 + 1) {}

  // The next `size` bytes.
  void Fill(char* to, size_t size) {
    while (size > 0) {
      if (used_ == sizeof(word_)) {
        // xorshift64*: eight bytes in a few instructions, as an emulated guest makes them, too.
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        word_ = state_ * 0x2545F4914F6CDD1DULL;
        used_ = 0;
      }
      const size_t count = std::min(size, sizeof(word_) - used_);
      std::memcpy(to, reinterpret_cast<const char*>(&word_) + used_, count);
      used_ += count;
      to += count;
      size -= count;
    }
  }

 private:
  uint64_t state_;
  uint64_t word_ = 0;
  size_t used_ = sizeof(word_);
};

}  // namespace virtcontainers::test

#endif  // VIRTCONTAINERS_TEST_INTEGRATION_STREAM_SOURCE_H_
