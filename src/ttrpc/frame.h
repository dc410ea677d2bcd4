// ttRPC's frames: bytes in, frames out. No input or output of its own: shared by host and guest.

#ifndef VIRTCONTAINERS_SRC_TTRPC_FRAME_H_
#define VIRTCONTAINERS_SRC_TTRPC_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace virtcontainers::ttrpc {

inline constexpr size_t kFrameHeaderSize = 10;

// The most data one frame may carry; so the first byte of every frame is 0.
inline constexpr size_t kMaxFrameData = 4 << 20;

// What is read of a stream at once.
inline constexpr size_t kReadBuffer = 64 << 10;

// A type that is not listed here must be ignored.
enum class FrameType : uint8_t { kRequest = 1, kResponse = 2, kData = 3 };

// Flags of a request: the caller will send no data frames, or will. 0 is a unary call too.
inline constexpr uint8_t kFlagRemoteClosed = 0x01;
inline constexpr uint8_t kFlagRemoteOpen = 0x02;

// On the wire, big endian: length (4), stream id (4), type (1), flags (1).
struct FrameHeader {
  uint32_t length = 0;  // of the data that follows
  uint32_t stream_id = 0;
  FrameType type = FrameType::kRequest;
  uint8_t flags = 0;
};

// What a decoder yields. `data` points into the decoder or its input: it is gone when the sink returns.
struct Frame {
  FrameHeader header;
  std::string_view data;
  bool oversized =
      false;  // the header announced more than kMaxFrameData: there is no data, and none will come
};

// Appends the ten bytes of a header.
void AppendFrameHeader(std::string& out, const FrameHeader& header);

// Appends a whole frame; `data` is at most kMaxFrameData.
void AppendFrame(std::string& out, uint32_t stream_id, FrameType type, uint8_t flags, std::string_view data);

// Cuts a stream of bytes, in whatever pieces they come, into frames. Not thread-safe.
//
// Holds at most one unfinished frame, and takes memory for bytes that have come, never for bytes announced.
// The data of an oversized frame is dropped as it streams by. No input is an error: what is no ttRPC shows as
// oversized frames, and as types that do not exist.
class FrameDecoder {
 public:
  using Sink = std::function<void(const Frame&)>;

  // Calls `sink` for every frame that `bytes` complete, in order; for an oversized one as soon as its header
  // is there. The sink must not call the decoder.
  void Receive(std::string_view bytes, const Sink& sink);

  // Bytes held of an unfinished frame.
  size_t held() const { return held_.size(); }

 private:
  std::string held_;         // an unfinished frame, from its header on
  uint64_t to_discard_ = 0;  // what is still to come of an oversized frame
};

}  // namespace virtcontainers::ttrpc

#endif  // VIRTCONTAINERS_SRC_TTRPC_FRAME_H_
