#include "ttrpc/frame.h"

#include <algorithm>

namespace virtcontainers::ttrpc {
namespace {

// Memory a decoder keeps between frames; what a larger one needed is given back.
constexpr size_t kKeptCapacity = 64 << 10;

void AppendBigEndian(std::string& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

uint32_t BigEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

FrameHeader ParseHeader(std::string_view bytes) {
  return {BigEndian(bytes), BigEndian(bytes.substr(4)), static_cast<FrameType>(bytes[8]),
          static_cast<uint8_t>(bytes[9])};
}

}  // namespace

void AppendFrameHeader(std::string& out, const FrameHeader& header) {
  AppendBigEndian(out, header.length);
  AppendBigEndian(out, header.stream_id);
  out.push_back(static_cast<char>(header.type));
  out.push_back(static_cast<char>(header.flags));
}

void AppendFrame(std::string& out, uint32_t stream_id, FrameType type, uint8_t flags, std::string_view data) {
  AppendFrameHeader(out, {static_cast<uint32_t>(data.size()), stream_id, type, flags});
  out += data;
}

void FrameDecoder::Receive(std::string_view bytes, const Sink& sink) {
  // Moves up to `target` bytes of the unfinished frame into held_; true when it has them.
  const auto fill = [&](size_t target) {
    const size_t taken = std::min(target - std::min(target, held_.size()), bytes.size());
    held_ += bytes.substr(0, taken);
    bytes.remove_prefix(taken);
    return held_.size() >= target;
  };

  while (!bytes.empty()) {
    if (to_discard_ > 0) {
      const size_t dropped = static_cast<size_t>(std::min<uint64_t>(to_discard_, bytes.size()));
      to_discard_ -= dropped;
      bytes.remove_prefix(dropped);
      continue;
    }
    // A frame that came in one piece, as nearly all do, is not copied.
    if (held_.empty() && bytes.size() >= kFrameHeaderSize) {
      const FrameHeader header = ParseHeader(bytes);
      if (header.length <= kMaxFrameData && bytes.size() - kFrameHeaderSize >= header.length) {
        const std::string_view data = bytes.substr(kFrameHeaderSize, header.length);
        bytes.remove_prefix(kFrameHeaderSize + header.length);
        sink({header, data, false});
        continue;
      }
    }
    if (!fill(kFrameHeaderSize)) return;
    const FrameHeader header = ParseHeader(held_);
    if (header.length > kMaxFrameData) {
      held_.clear();
      to_discard_ = header.length;
      sink({header, {}, true});
      continue;
    }
    if (!fill(kFrameHeaderSize + header.length)) return;
    sink({header, std::string_view(held_).substr(kFrameHeaderSize), false});
    held_.clear();
    if (held_.capacity() > kKeptCapacity) held_ = std::string();
  }
}

}  // namespace virtcontainers::ttrpc
