// Any bytes, cut in any way, are the same events; and what was encoded comes back, whatever was before it.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "link/session_codec.h"

namespace {

using namespace virtcontainers::link;

void Check(bool holds) {
  if (!holds) std::abort();
}

class Log final : public SessionSink {
 public:
  void SessionStarted(uint64_t id) override { text += "<" + std::to_string(id) + ">"; }
  void SessionData(std::string_view data) override {
    Check(!data.empty());
    text += data;
  }
  void SessionBroken() override { text += "<broken>"; }
  std::string text;
};

void Decode(std::string bytes, size_t piece, SessionDecoder& decoder, Log& log) {
  for (size_t at = 0; at < bytes.size(); at += piece) {
    decoder.Receive(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)), log);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t piece = 1 + data[0] % 64;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);

  SessionDecoder at_once;
  SessionDecoder in_pieces;
  Log whole;
  Log pieces;
  Decode(bytes, bytes.size() + 1, at_once, whole);
  Decode(bytes, piece, in_pieces, pieces);
  Check(whole.text == pieces.text);

  std::string encoded;
  AppendSessionMark(encoded, size);
  AppendSessionData(encoded, bytes);
  Check(encoded.find('\xC0', 1) == std::string::npos);
  Log log;
  Decode(encoded, piece, in_pieces, log);
  const std::string expected = "<" + std::to_string(size) + ">" + bytes;
  Check(log.text == expected);
  return 0;
}
