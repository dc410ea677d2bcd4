// The server's end of a ttRPC connection: bytes in, calls out; answers in, bytes out. No input or output of
// its own: shared by host (server.h puts threads round it) and guest (an epoll loop does).

#ifndef VIRTCONTAINERS_SRC_TTRPC_SERVER_CONNECTION_H_
#define VIRTCONTAINERS_SRC_TTRPC_SERVER_CONNECTION_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "ttrpc/byte_queue.h"
#include "ttrpc/frame.h"
#include "virtcontainers/error.h"

namespace virtcontainers::ttrpc {

// A request that has come and is to be answered by its stream id.
struct ServerCall {
  uint32_t stream_id = 0;
  std::string service;  // such as "grpc.AgentService"
  std::string method;
  std::string payload;                  // the serialised request message, not yet looked at
  std::chrono::nanoseconds timeout{0};  // how long the caller will wait; 0 is for ever
};

// What one peer can make a server hold.
struct ServerLimits {
  size_t open_calls = 4096;        // one more is answered RESOURCE_EXHAUSTED
  size_t open_bytes = 64 << 20;    // payloads of open calls; beyond it likewise
  size_t output_bytes = 32 << 20;  // answers the peer does not read; beyond it the connection has failed
};

// Not thread-safe. What a peer does wrong is answered as ttRPC's reference server answers it: a stream id
// that is even, or not larger than the last, or a request that does not parse, with INVALID_ARGUMENT; an
// oversized one with RESOURCE_EXHAUSTED; a streaming one, for there are none here, with UNIMPLEMENTED. Data
// frames, responses and types that do not exist are ignored.
class ServerConnection {
 public:
  // Called from inside Receive. May call Respond, must neither call Receive nor destroy the connection.
  using Handler = std::function<void(ServerCall)>;

  explicit ServerConnection(Handler handler, ServerLimits limits = {});

  // Takes bytes of the peer, in whatever pieces. After a failure they are dropped.
  void Receive(std::string_view bytes);

  // Answers a call with the serialised response message or an error, at any time and in any order. An answer
  // larger than a frame becomes RESOURCE_EXHAUSTED. Does nothing if the call is not open (any more).
  void Respond(uint32_t stream_id, Result<std::string> answer);

  // The call's payload is not held any more, or is bounded elsewhere: it does not count as an open call's.
  void ReleasePayload(uint32_t stream_id);

  // Bytes to send to the peer: send some, then consume as many. Valid until the next call of anything else.
  std::string_view Output() const { return output_.view(); }
  void Consume(size_t count) { output_.Consume(count); }

  // All of the bytes to send at once.
  std::string TakeOutput() { return output_.Take(); }

  size_t open_calls() const { return open_.size(); }

  // Why the connection is to be closed, once it is: the peer does not read what it is sent.
  const std::optional<Error>& failure() const { return failure_; }

 private:
  void ReceiveFrame(const Frame& frame);
  void ReceiveRequest(const Frame& frame);
  void SendError(uint32_t stream_id, Error error);
  void Send(uint32_t stream_id, Result<std::string> answer);

  const Handler handler_;
  const ServerLimits limits_;
  FrameDecoder decoder_;
  ByteQueue output_;
  std::unordered_map<uint32_t, size_t> open_;  // how much is held of their payloads, by stream id
  size_t open_bytes_ = 0;
  uint32_t last_stream_id_ = 0;
  std::optional<Error> failure_;
};

}  // namespace virtcontainers::ttrpc

#endif  // VIRTCONTAINERS_SRC_TTRPC_SERVER_CONNECTION_H_
