// A ttRPC server with threads. Host only.

#ifndef VIRTCONTAINERS_SRC_TTRPC_SERVER_H_
#define VIRTCONTAINERS_SRC_TTRPC_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "os/stream.h"
#include "ttrpc/server_connection.h"
#include "virtcontainers/deadline.h"
#include "virtcontainers/error.h"

namespace virtcontainers::ttrpc {

class ServedConnection;

// A request, as a handler gets it.
struct Call {
  std::string service;
  std::string method;
  std::string payload;                       // the serialised request message, not yet looked at
  Deadline deadline = Deadline::Infinite();  // when the caller stops waiting
};

// Answers one call, once. May be moved to and used on any thread. Destroyed without an answer, it answers
// INTERNAL.
class Responder {
 public:
  Responder(Responder&&) noexcept = default;
  Responder& operator=(Responder&& other) noexcept;
  ~Responder();

  // The serialised response message, or an error. Does not block. Does nothing the second time, or if the
  // connection has gone.
  void Respond(Result<std::string> answer);

  // The call's payload has been handed on: it does not count as held by this server any more.
  void ReleasePayload();

  // Whether nobody is there any more to be answered, as far as that has been seen.
  bool gone() const { return connection_.expired(); }

 private:
  friend class ServedConnection;
  Responder(std::weak_ptr<ServedConnection> connection, uint32_t stream_id)
      : connection_(std::move(connection)), stream_id_(stream_id) {}

  std::weak_ptr<ServedConnection> connection_;
  uint32_t stream_id_;
};

// What a server's user implements.
class Handler {
 public:
  virtual ~Handler() = default;

  // Run on the thread that reads the call's connection, several at once for several connections. The next
  // call of the connection is read when it returns: what takes time is handed on, with the responder, to
  // another thread (a WorkerPool).
  virtual void Handle(Call call, Responder responder) = 0;
};

// Serves connections until it is stopped; two threads each. Thread-safe.
//
// A client that does not read its answers is cut off when ServerLimits::output_bytes of them have gathered;
// no other client notices.
class Server {
 public:
  struct Options {
    size_t connections = 128;  // one more is closed at once
    ServerLimits limits;       // of each
  };

  // A server of connections made otherwise: see Serve. `handler` outlives it.
  explicit Server(Handler& handler);
  Server(Handler& handler, Options options);

  // Stops.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Accepts connections on a unix socket at `path`, from processes of the same user and of root; others are
  // closed at once. At most one path a server. Errors: those of ListenUnix; RESOURCE_EXHAUSTED.
  Status Listen(const std::string& path);

  // Serves one connection. Errors, and then the stream is gone: RESOURCE_EXHAUSTED; FAILED_PRECONDITION after
  // Stop.
  Status Serve(std::unique_ptr<Stream> stream);

  // Closes everything and waits until no handler runs any more: not from a handler. Idempotent.
  void Stop();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace virtcontainers::ttrpc

#endif  // VIRTCONTAINERS_SRC_TTRPC_SERVER_H_
