// The guest's end of a link with sessions: bytes in, bytes out. No input or output of its own.

#ifndef VIRTCONTAINERS_SRC_LINK_SESSION_PORT_H_
#define VIRTCONTAINERS_SRC_LINK_SESSION_PORT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "link/session_codec.h"
#include "ttrpc/byte_queue.h"

namespace virtcontainers::link {

// Answers every mark with the same mark, and tells when a new session starts. Not thread-safe.
class SessionPort {
 public:
  struct Callbacks {
    // A new session: whatever belonged to the last one (a ServerConnection) is to be forgotten. The mark is
    // in the output already, and nothing else is.
    std::function<void()> started;
    // Data of the session. May call Send, must not call Receive.
    std::function<void(std::string_view)> data;
  };

  explicit SessionPort(Callbacks callbacks) : sink_(*this), callbacks_(std::move(callbacks)) {}
  SessionPort(const SessionPort&) = delete;
  SessionPort& operator=(const SessionPort&) = delete;

  // Takes bytes of the port, in whatever pieces, and decodes them in place.
  void Receive(std::span<char> bytes) { decoder_.Receive(bytes, sink_); }

  // Queues data of the session, stuffed. Dropped while there is no session. Give it what Output() has room
  // for: a caller that looks at Output().size() first keeps the queue bounded.
  void Send(std::string_view data);

  // Bytes to write to the port: write some, then consume as many.
  std::string_view Output() const { return output_.view(); }
  void Consume(size_t count) { output_.Consume(count); }

  bool in_session() const { return session_.has_value(); }

  // How often bytes were lost or wrong in the middle of a session, which then ended.
  uint64_t broken() const { return broken_; }

 private:
  class Sink final : public SessionSink {
   public:
    explicit Sink(SessionPort& port) : port_(port) {}
    void SessionStarted(uint64_t id) override;
    void SessionData(std::string_view data) override;
    void SessionBroken() override;

   private:
    SessionPort& port_;
  };

  SessionDecoder decoder_;
  Sink sink_;
  Callbacks callbacks_;
  ttrpc::ByteQueue output_;
  std::optional<uint64_t> session_;
  bool fresh_ = false;  // no data of the session has come yet
  uint64_t broken_ = 0;
};

}  // namespace virtcontainers::link

#endif  // VIRTCONTAINERS_SRC_LINK_SESSION_PORT_H_
