// Any bytes, cut in any way, are the same frames; and no more is held than has come.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "ttrpc/frame.h"

namespace {

using virtcontainers::ttrpc::Frame;
using virtcontainers::ttrpc::FrameDecoder;

std::string Describe(const Frame& frame) {
  return std::to_string(frame.header.stream_id) + " " + std::to_string(static_cast<int>(frame.header.type)) +
         " " + std::to_string(frame.header.flags) + (frame.oversized ? " oversized " : " ") +
         std::string(frame.data);
}

void Check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t piece = 1 + data[0];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::vector<std::string> whole;
  FrameDecoder().Receive(bytes, [&](const Frame& frame) { whole.push_back(Describe(frame)); });
  std::vector<std::string> pieces;
  FrameDecoder decoder;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    decoder.Receive(bytes.substr(at, piece), [&](const Frame& frame) { pieces.push_back(Describe(frame)); });
    Check(decoder.held() <= at + piece);
    Check(decoder.held() <= virtcontainers::ttrpc::kFrameHeaderSize + virtcontainers::ttrpc::kMaxFrameData);
  }
  Check(whole == pieces);
  return 0;
}
