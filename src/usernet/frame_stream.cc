#include "usernet/frame_stream.h"

#include <cstring>
#include <string>

#include "base/errors.h"

namespace virtcontainers {
namespace {

constexpr size_t kLengthBytes = 4;

size_t LengthAt(const char* bytes) {
  size_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) length = length << 8 | static_cast<unsigned char>(bytes[i]);
  return length;
}

}  // namespace

FrameReader::FrameReader() : buffer_(256 << 10) {}

Status FrameReader::Next(const std::function<void(std::string_view)>& use) {
  while (end_ - begin_ >= kLengthBytes) {
    const size_t length = LengthAt(&buffer_[begin_]);
    if (length == 0 || length > kMaxStreamFrame) {
      return Fail(Code::kInvalidArgument, "the VM sent a frame of " + std::to_string(length) + " bytes");
    }
    if (end_ - begin_ < kLengthBytes + length) break;
    use({&buffer_[begin_ + kLengthBytes], length});
    begin_ += kLengthBytes + length;
  }
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  return {};
}

bool FrameQueue::Add(std::string_view frame) {
  if (bytes().size() + kLengthBytes + frame.size() > kMost) return false;
  for (size_t i = 0; i < kLengthBytes; ++i)
    buffer_.push_back(static_cast<char>(frame.size() >> 8 * (kLengthBytes - 1 - i)));
  buffer_.insert(buffer_.end(), frame.begin(), frame.end());
  return true;
}

void FrameQueue::Drop(size_t bytes) {
  begin_ += bytes;
  // Moved only when that is less than what was written since.
  if (begin_ == buffer_.size()) {
    buffer_.clear();
    begin_ = 0;
  } else if (begin_ > buffer_.size() / 2) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }
}

}  // namespace virtcontainers
