// Sessions over a byte stream that outlives them. No input or output of its own: shared by host and guest.
//
// A virtio-serial port that the host closes and opens again keeps what was on its way, in both directions,
// and the guest may not even see that it was closed. So each side marks, in the bytes themselves, where a
// session starts:
//
//   mark   C0, then stuffed: version (01), session id (8, big endian), checksum (1)
//   data   stuffed: C0 as DB DC, DB as DB DD, every other byte as itself
//
// C0 is nothing but the start of a mark, whatever came before it, so a receiver is in step again after any
// loss. The host sends a mark with a random id and drops everything until the same mark comes back; the guest
// starts anew at every mark, and sends it back first of all.

#ifndef VIRTCONTAINERS_SRC_LINK_SESSION_CODEC_H_
#define VIRTCONTAINERS_SRC_LINK_SESSION_CODEC_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace virtcontainers::link {

// Appends the mark that starts session `id`.
void AppendSessionMark(std::string& out, uint64_t id);

// Appends `data` stuffed: at most twice its size.
void AppendSessionData(std::string& out, std::string_view data);

// What a decoder finds, in the order of the bytes.
class SessionSink {
 public:
  virtual ~SessionSink() = default;

  // A mark. The same one may come several times: a host repeats it until it has an answer.
  virtual void SessionStarted(uint64_t id) = 0;

  // Data of the session, never empty, valid during the call.
  virtual void SessionData(std::string_view data) = 0;

  // Bytes that no sender makes: the rest, to the next mark, is dropped. Only reported inside a session.
  virtual void SessionBroken() = 0;
};

// Takes a stream of marks and stuffed data apart. Not thread-safe. Any input is acceptable; memory is
// constant.
class SessionDecoder {
 public:
  // Decodes `bytes` in place and tells `sink`, which must not call the decoder. What comes before the first
  // mark is dropped. Data between two marks of one call is one piece; pieces stay as they are until the call
  // is over.
  void Receive(std::span<char> bytes, SessionSink& sink);

 private:
  enum class State { kDropping, kMark, kData };

  static constexpr size_t kMarkBody = 10;

  void ReceiveMarkByte(char byte, SessionSink& sink);
  void Break(SessionSink& sink);

  State state_ = State::kDropping;
  bool in_session_ = false;  // a mark has come, and nothing broken since
  bool escaped_ = false;     // the last byte was DB
  std::array<char, kMarkBody> mark_{};
  size_t mark_size_ = 0;
};

}  // namespace virtcontainers::link

#endif  // VIRTCONTAINERS_SRC_LINK_SESSION_CODEC_H_
