// The host's end of a link with sessions. Host only.

#ifndef VIRTCONTAINERS_SRC_LINK_SESSION_STREAM_H_
#define VIRTCONTAINERS_SRC_LINK_SESSION_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "link/session_codec.h"
#include "os/stream.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers::link {

// One session over a stream that may carry bytes of others before it. Threads: as Stream says; callers of
// Write take turns.
class SessionStream final : public Stream {
 public:
  // Starts a session: sends a mark with a random id, every 20 ms again, and waits until the guest sends it
  // back. The guest need not be up yet. Blocks until then or until `deadline`; the stream is shut down and
  // gone after a failure. Errors: DEADLINE_EXCEEDED if the guest does not answer; UNAVAILABLE if the stream
  // ends; those of the stream.
  static Result<std::unique_ptr<SessionStream>> Open(std::unique_ptr<Stream> stream, Deadline deadline);

  // Errors: those of the stream; DATA_LOSS if bytes were lost; UNAVAILABLE if another session has begun.
  // After one of these two every Read fails.
  Result<size_t> Read(std::span<char> buffer) override;

  Status Write(std::string_view bytes) override;
  void Shutdown() override { stream_->Shutdown(); }

  uint64_t id() const { return id_; }

 private:
  class Reader final : public SessionSink {
   public:
    explicit Reader(uint64_t id) : id_(id) {}
    void SessionStarted(uint64_t id) override;
    void SessionData(std::string_view data) override;
    void SessionBroken() override;

    // Decodes in place what `buffer` holds; how much of it is data of the session now, at its front.
    size_t Decode(std::span<char> buffer);
    bool open() const { return open_; }
    const std::optional<Error>& failure() const { return failure_; }

   private:
    const uint64_t id_;
    SessionDecoder decoder_;
    bool open_ = false;   // the guest's mark has come
    bool fresh_ = false;  // and no data yet
    std::optional<Error> failure_;
    char* out_ = nullptr;  // where Decode gathers
  };

  SessionStream(std::unique_ptr<Stream> stream, uint64_t id)
      : stream_(std::move(stream)), id_(id), reader_(id) {}

  Status WaitForGuest(Deadline deadline);
  Status ListenForGuest();

  const std::unique_ptr<Stream> stream_;
  const uint64_t id_;
  Reader reader_;
  std::string early_;    // data that came with the guest's mark
  std::string scratch_;  // of Write
};

}  // namespace virtcontainers::link

#endif  // VIRTCONTAINERS_SRC_LINK_SESSION_STREAM_H_
